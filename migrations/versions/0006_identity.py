"""How a transaction gets its identity, and the only doors through which it may reach somebody else's data.

Every door checks its own condition as the owner of the tables, tells nothing, and sets `app.citizens`:
from then on, and only in this transaction, the row policies let that citizen's rows through.
"""

from migrations.dialect import run

revision = "0006"
down_revision = "0005"

BEHIND_DOORS = (
    "person",
    "citizen",
    "staff",
    "presence_code",
    "presentation",
    "redemption",
    "redemption_holder",
    "service",
    "sign_up",
    "volunteer",
)
# What is known of a citizen's points: the rest of a file outlives the consent to a score.
ERASED = ("credit_record", "record_document", "record_event", "score", "score_change")


def upgrade() -> None:
    for table in BEHIND_DOORS:
        run(f"CREATE POLICY {table}_doors ON {table} FOR SELECT TO CURRENT_USER USING (true)")
    run("CREATE POLICY sign_up_seats ON sign_up FOR UPDATE TO CURRENT_USER USING (true)")
    assume()
    doors()
    erasure()
    seats()


def assume() -> None:
    run("""
    -- Opens every transaction. Sets who acts, confirms it against the tables, and tells the business time, which is
    -- the database clock plus the offset of a demo. `refusal` is null, or why this caller may not act.
    CREATE FUNCTION assume(
        p_role text, p_person bigint, p_programme text, p_organisation bigint, p_terminal bigint,
        OUT now timestamptz, OUT catalogue bigint, OUT programme_id smallint, OUT citizen_id integer,
        OUT volunteer_id bigint, OUT staff_id bigint, OUT refusal text
    ) LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        v_programme smallint;
        v_organisation_status text;
    BEGIN
        SELECT clock_timestamp() + c.ahead, v.version INTO STRICT assume.now, assume.catalogue
        FROM clock AS c, catalogue_version AS v;
        PERFORM set_config('app.person', coalesce(p_person::text, ''), true),
                set_config('app.role', p_role, true),
                set_config('app.organisation', coalesce(p_organisation::text, ''), true),
                set_config('app.terminal', coalesce(p_terminal::text, ''), true);
        IF p_programme IS NOT NULL THEN
            SELECT p.id INTO v_programme FROM programme AS p WHERE p.code = p_programme;
            IF v_programme IS NULL THEN
                assume.refusal := 'PROGRAMME';
                RETURN;
            END IF;
            PERFORM set_config('app.programme', v_programme::text, true);
            assume.programme_id := v_programme;
        END IF;
        IF p_role IN ('citizen', 'volunteer') THEN
            SELECT c.id INTO assume.citizen_id FROM citizen AS c
            WHERE c.person_id = p_person AND c.programme_id = v_programme AND c.left_at IS NULL;
            SELECT v.id INTO assume.volunteer_id FROM volunteer AS v
            WHERE v.person_id = p_person AND v.programme_id = v_programme AND v.left_at IS NULL;
            PERFORM set_config('app.citizens', coalesce('{' || assume.citizen_id || '}', ''), true),
                    set_config('app.volunteer', coalesce(assume.volunteer_id::text, ''), true);
        ELSIF p_role <> 'anonymous' THEN
            SELECT s.id INTO assume.staff_id FROM staff AS s
            WHERE s.person_id = p_person AND s.role = p_role AND s.programme_id = v_programme
              AND s.organisation_id IS NOT DISTINCT FROM p_organisation AND s.blocked_at IS NULL;
            IF assume.staff_id IS NULL THEN
                assume.refusal := 'STAFF';
                RETURN;
            END IF;
            IF p_organisation IS NOT NULL THEN
                SELECT o.status INTO v_organisation_status FROM organisation AS o WHERE o.id = p_organisation;
                IF v_organisation_status <> 'ADMITTED' THEN
                    assume.refusal := 'ORGANISATION';
                    RETURN;
                END IF;
            END IF;
        END IF;
    END $$;
    """)


def doors() -> None:
    run("""
    CREATE FUNCTION open_door(p_citizens integer[]) RETURNS void LANGUAGE sql AS $$
        SELECT set_config('app.citizens', coalesce(p_citizens, '{}')::text, true);
    $$;
    -- A till: whoever shows this code. Typed digits are few: what ended long ago no longer opens anything.
    CREATE FUNCTION reveal_by_code(p_macs bytea[], p_now timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    BEGIN
        PERFORM open_door(ARRAY(
            SELECT p.citizen_id FROM presentation AS p
            WHERE p.code_mac = ANY (p_macs) AND p.programme_id = identity_programme()
            UNION
            SELECT p.citizen_id FROM presentation AS p
            WHERE p.typed_mac = ANY (p_macs) AND p.programme_id = identity_programme()
              AND p.expires_at > p_now - interval '10 minutes'));
    END $$;
    -- A shop undoing its own sale.
    CREATE FUNCTION reveal_by_redemption(p_redemption bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    BEGIN
        PERFORM open_door(ARRAY(
            SELECT h.citizen_id FROM redemption_holder AS h JOIN redemption AS r ON r.id = h.redemption_id
            WHERE r.id = p_redemption AND r.organisation_id = identity_organisation()));
    END $$;
    -- An organiser confirming service in its own events: those volunteers who have also joined as citizens.
    CREATE FUNCTION reveal_by_services(p_services bigint[])
        RETURNS TABLE (service_id bigint, citizen_id integer) LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    BEGIN
        RETURN QUERY
            SELECT s.id, c.id FROM service AS s
            JOIN volunteer AS v ON v.id = s.volunteer_id
            JOIN citizen AS c ON c.person_id = v.person_id AND c.programme_id = v.programme_id AND c.left_at IS NULL
            WHERE s.id = ANY (p_services) AND s.organisation_id = identity_organisation();
        PERFORM open_door(ARRAY(
            SELECT c.id FROM service AS s
            JOIN volunteer AS v ON v.id = s.volunteer_id
            JOIN citizen AS c ON c.person_id = v.person_id AND c.programme_id = v.programme_id AND c.left_at IS NULL
            WHERE s.id = ANY (p_services) AND s.organisation_id = identity_organisation()));
    END $$;
    -- An officer with the citizen in front of them. The code works once; whoever used it may repeat the request.
    CREATE FUNCTION reveal_by_presence(p_mac bytea, p_now timestamptz) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    DECLARE
        v_citizen integer;
    BEGIN
        IF identity_role() <> 'officer' THEN
            RETURN NULL;
        END IF;
        SELECT c.id INTO v_citizen FROM presence_code AS p
        JOIN citizen AS c ON c.person_id = p.person_id AND c.programme_id = p.programme_id AND c.left_at IS NULL
        WHERE p.code_mac = p_mac AND p.programme_id = identity_programme()
          AND (p.used_at IS NULL OR p.used_by = identity_person()) AND p.expires_at > p_now;
        PERFORM open_door(ARRAY[v_citizen]);
        RETURN v_citizen;
    END $$;
    -- A till: is this terminal of this shop open for business?
    CREATE FUNCTION terminal_open(p_terminal bigint) RETURNS boolean LANGUAGE sql STABLE
        RETURN EXISTS (SELECT FROM terminal AS t WHERE t.id = p_terminal
            AND t.organisation_id = identity_organisation() AND t.blocked_at IS NULL);
    """)


def seats() -> None:
    run("""
    -- A volunteer: how many stand before me, myself included? Nobody learns who.
    CREATE FUNCTION waiting_position(p_event bigint) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = public
        RETURN (
            SELECT count(*)::integer FROM sign_up AS m
            JOIN sign_up AS w ON w.event_id = m.event_id AND w.status = 'WAITING'
                AND (w.at, w.volunteer_id) <= (m.at, m.volunteer_id)
            WHERE m.event_id = p_event AND m.volunteer_id = identity_volunteer() AND m.status = 'WAITING');
    -- A volunteer who has just given up a seat, with the event's row locked: it goes to whoever has waited longest.
    -- Gives the person to be told, or null when nobody waits.
    CREATE FUNCTION seat_first_waiting(p_event bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    DECLARE
        v_volunteer bigint;
    BEGIN
        SELECT w.volunteer_id INTO v_volunteer FROM sign_up AS w
        WHERE w.event_id = p_event AND w.status = 'WAITING'
          AND EXISTS (SELECT FROM sign_up AS m WHERE m.event_id = p_event
              AND m.volunteer_id = identity_volunteer() AND m.status = 'CANCELLED')
        ORDER BY w.at, w.volunteer_id
        LIMIT 1
        FOR UPDATE OF w;
        IF v_volunteer IS NULL THEN
            RETURN NULL;
        END IF;
        UPDATE event SET taken = taken + 1 WHERE id = p_event AND taken < capacity AND cancelled_at IS NULL;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        UPDATE sign_up SET status = 'SIGNED_UP' WHERE event_id = p_event AND volunteer_id = v_volunteer;
        RETURN (SELECT v.person_id FROM volunteer AS v WHERE v.id = v_volunteer);
    END $$;
    """)


def erasure() -> None:
    """A citizen who leaves, or takes back the consent to a score, is erased at once and for good."""
    for table in ERASED:
        run(f"CREATE POLICY {table}_erasure ON {table} TO CURRENT_USER USING (citizen_id = ANY (identity_citizens()))")
    deletions = "".join(f"DELETE FROM {table} WHERE citizen_id = p_citizen;\n" for table in ERASED)
    run(f"""
    CREATE FUNCTION erase_score(p_citizen integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    BEGIN
        IF identity_role() NOT IN ('citizen', 'volunteer') THEN
            RAISE EXCEPTION 'only citizens erase their own score' USING ERRCODE = 'insufficient_privilege';
        END IF;
        PERFORM set_config('app.erasing', 'yes', true);
        {deletions}
        PERFORM set_config('app.erasing', '', true);
    END $$;
    """)


def downgrade() -> None:
    run("DROP FUNCTION erase_score(integer)")
    for table in ERASED:
        run(f"DROP POLICY {table}_erasure ON {table}")
    run("""
    DROP FUNCTION seat_first_waiting(bigint);
    DROP FUNCTION waiting_position(bigint);
    DROP FUNCTION terminal_open(bigint);
    DROP FUNCTION reveal_by_presence(bytea, timestamptz);
    DROP FUNCTION reveal_by_services(bigint[]);
    DROP FUNCTION reveal_by_redemption(bigint);
    DROP FUNCTION reveal_by_code(bytea[], timestamptz);
    DROP FUNCTION open_door(integer[]);
    DROP FUNCTION assume(text, bigint, text, bigint, bigint);
    """)
    for table in BEHIND_DOORS:
        run(f"DROP POLICY {table}_doors ON {table}")
    run("DROP POLICY sign_up_seats ON sign_up")
