"""Volunteers object without being citizens, an officer finds an open case by a volunteer's number, and whoever has left
still sees what they have used and what is open.
"""

from migrations.dialect import rephrase, run

revision = "0027"
down_revision = "0026"

ASSUME = "assume(text, bigint, text, bigint, bigint)"
OFFICE = """(SELECT identity_role()) IN ('officer', 'approver') AND programme_id = (SELECT identity_programme())"""
CONTESTED = """id IN (SELECT o.subject_key[1] FROM objection AS o
    WHERE o.target = 'SERVICE' AND (o.decided_at IS NULL AND o.status <> 'WITHDRAWN'
        OR o.decided_by = (SELECT identity_person())))"""
# The person to whom a case has opened the door, who need not have joined.
OPENED = "(SELECT identity_opened())"
JOINED = "set_config('app.citizens', coalesce('{' || assume.citizen_id || '}', ''), true)"
EVER_JOINED = """set_config('app.citizens', coalesce((SELECT '{' || c.id || '}' FROM citizen AS c
                WHERE c.person_id = p_person AND c.programme_id = v_programme), ''), true)"""
SIGNATURE = "(p_objection bigint, p_repair bigint)"
WORKED_ON = """(o.status IN ('OPEN', 'WITH_SOURCE', 'EXTENDED') OR identity_person() IN (o.decided_by, o.handled_by))"""


def upgrade() -> None:
    run("""
    -- squawk-ignore ban-drop-not-null
    ALTER TABLE objection ALTER COLUMN citizen_id DROP NOT NULL;
    """)
    opening()
    finding()
    services()
    rephrase(ASSUME, {JOINED: EVER_JOINED})


def opening() -> None:
    run(f"""
    CREATE FUNCTION identity_opened() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
        RETURN nullif(current_setting('app.opened', true), '')::bigint;
    -- An officer or approver with a case of that person: while it is open, and for whoever has worked on it, so that a
    -- request can be repeated. The person need not have joined as a citizen.
    CREATE FUNCTION open_case_of(p_person bigint, p_programme smallint, OUT citizen_id integer, OUT volunteer_id bigint)
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public AS $$
    BEGIN
        SELECT c.id INTO open_case_of.citizen_id FROM citizen AS c
        WHERE c.person_id = p_person AND c.programme_id = p_programme;
        SELECT v.id INTO open_case_of.volunteer_id FROM volunteer AS v
        WHERE v.person_id = p_person AND v.programme_id = p_programme;
        PERFORM open_door(ARRAY[open_case_of.citizen_id]), set_config('app.opened', p_person::text, true);
    END $$;
    REVOKE EXECUTE ON FUNCTION open_case_of(bigint, smallint) FROM PUBLIC;
    CREATE FUNCTION reveal_case{SIGNATURE[:-1]}, OUT person_id bigint, OUT citizen_id integer,
            OUT volunteer_id bigint)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    #variable_conflict use_column
    BEGIN
        IF identity_role() NOT IN ('officer', 'approver') THEN
            RETURN;
        END IF;
        SELECT o.person_id INTO reveal_case.person_id FROM objection AS o
        WHERE o.id = p_objection AND o.programme_id = identity_programme() AND {WORKED_ON};
        IF reveal_case.person_id IS NULL THEN
            SELECT r.person_id INTO reveal_case.person_id FROM repair AS r
            WHERE r.id = p_repair AND r.programme_id = identity_programme()
              AND (r.decided_at IS NULL OR r.decided_by = identity_person());
        END IF;
        IF reveal_case.person_id IS NOT NULL THEN
            SELECT f.citizen_id, f.volunteer_id INTO reveal_case.citizen_id, reveal_case.volunteer_id
            FROM open_case_of(reveal_case.person_id, identity_programme()) AS f;
        END IF;
    END $$;
    -- squawk-ignore ban-drop-function
    DROP FUNCTION reveal_by_case{SIGNATURE};
    """)
    for table, column in (("person", "id"), ("person_key", "person_id"), ("attachment", "person_id")):
        run(f"CREATE POLICY {table}_opened ON {table} FOR SELECT TO :app_role USING ({column} = {OPENED})")
    run(f"""
    CREATE POLICY notice_opened ON notice FOR INSERT TO :app_role WITH CHECK (person_id = {OPENED});
    """)


def finding() -> None:
    run("""
    -- An officer who knows a volunteer's number: only where a case for this purpose waits for the office.
    CREATE FUNCTION reveal_by_volunteer_number(p_number text, p_purpose text, OUT person_id bigint,
            OUT citizen_id integer, OUT volunteer_id bigint)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    #variable_conflict use_column
    DECLARE
        v_person bigint;
        v_volunteer bigint;
    BEGIN
        SELECT v.person_id, v.id INTO v_person, v_volunteer FROM volunteer AS v
        WHERE v.number = p_number AND v.programme_id = identity_programme();
        IF identity_role() IS DISTINCT FROM 'officer' OR v_person IS NULL OR NOT (CASE p_purpose
            WHEN 'OBJECTION' THEN EXISTS (SELECT FROM objection AS o
                WHERE o.person_id = v_person AND o.programme_id = identity_programme()
                  AND o.status IN ('OPEN', 'WITH_SOURCE', 'EXTENDED'))
            WHEN 'REPAIR' THEN EXISTS (SELECT FROM repair AS r
                WHERE r.person_id = v_person AND r.programme_id = identity_programme() AND r.decided_at IS NULL)
            WHEN 'SERVICE_SAMPLE' THEN EXISTS (SELECT FROM service AS s
                WHERE s.volunteer_id = v_volunteer AND service_for_office(s.status, s.signals, s.reviewed_at))
            ELSE false END)
        THEN
            RETURN;
        END IF;
        reveal_by_volunteer_number.person_id := v_person;
        SELECT f.citizen_id, f.volunteer_id
        INTO reveal_by_volunteer_number.citizen_id, reveal_by_volunteer_number.volunteer_id
        FROM open_case_of(v_person, identity_programme()) AS f;
    END $$;
    """)


def services() -> None:
    """The office that decides whether hours were rightly refused sees the stretch, and may give them back."""
    run(f"""
    CREATE POLICY service_contested ON service FOR SELECT TO :app_role USING ({OFFICE} AND {CONTESTED});
    CREATE POLICY service_restored ON service FOR UPDATE TO :app_role
        USING ({OFFICE} AND {CONTESTED}) WITH CHECK ({OFFICE});
    """)


def downgrade() -> None:
    rephrase(ASSUME, {EVER_JOINED: JOINED})
    run(f"""
    DROP POLICY service_restored ON service;
    DROP POLICY service_contested ON service;
    DROP FUNCTION reveal_by_volunteer_number(text, text);
    DROP POLICY notice_opened ON notice;
    DROP POLICY attachment_opened ON attachment;
    DROP POLICY person_key_opened ON person_key;
    DROP POLICY person_opened ON person;
    DROP FUNCTION reveal_case{SIGNATURE};
    DROP FUNCTION open_case_of(bigint, smallint);
    DROP FUNCTION identity_opened();
    CREATE FUNCTION reveal_by_case{SIGNATURE} RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    DECLARE
        v_citizen integer;
    BEGIN
        IF identity_role() NOT IN ('officer', 'approver') THEN
            RETURN NULL;
        END IF;
        SELECT o.citizen_id INTO v_citizen FROM objection AS o
        WHERE o.id = p_objection AND o.programme_id = identity_programme() AND {WORKED_ON};
        IF v_citizen IS NULL THEN
            SELECT r.citizen_id INTO v_citizen FROM repair AS r
            WHERE r.id = p_repair AND r.programme_id = identity_programme()
              AND (r.status = 'OPEN' OR r.decided_by = identity_person());
        END IF;
        PERFORM open_door(ARRAY[v_citizen]);
        RETURN v_citizen;
    END $$;
    -- Objections of people who never joined stand in the way of going back: none is deleted for it.
    ALTER TABLE objection ALTER COLUMN citizen_id SET NOT NULL;
    """)
