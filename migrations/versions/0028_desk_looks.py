"""Whoever reads a list of volunteers is written down for each of them, once a day."""

from migrations.dialect import run

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run("""
    -- An organiser's list of an event, or the office's list of hours: the volunteers on it, as far as the caller may
    -- have seen them. One entry of a reader, a volunteer and a day, since a list is opened many times.
    CREATE FUNCTION note_desk_looks(p_volunteers bigint[], p_since timestamptz, p_now timestamptz) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    DECLARE
        v_organiser constant boolean := identity_role() = 'organiser';
        v_purpose constant text := CASE WHEN v_organiser THEN 'EVENT_ROSTER' ELSE 'SERVICE_SAMPLE' END;
        v_reader constant jsonb := CASE WHEN v_organiser
            THEN (SELECT o.name FROM organisation AS o WHERE o.id = identity_organisation())
            ELSE '{"zh": "项目办公室", "en": "Programme office"}' END;
        v_read constant jsonb := CASE WHEN v_organiser
            THEN '{"zh": "志愿者编号、称呼和在其活动中的服务",
                "en": "Volunteer number, call name, and service in its events"}'::jsonb
            ELSE '{"zh": "志愿者编号和一段服务", "en": "Volunteer number and a stretch of service"}' END;
    BEGIN
        IF identity_role() NOT IN ('organiser', 'officer', 'approver') THEN
            RETURN;
        END IF;
        INSERT INTO access_event (person_id, programme_id, at, actor, role, actor_person_id, purpose, what)
        SELECT v.person_id, v.programme_id, p_now, v_reader, identity_role(), identity_person(), v_purpose, v_read
        FROM volunteer AS v
        WHERE v.id = ANY (p_volunteers) AND v.programme_id = identity_programme()
          AND (NOT v_organiser OR EXISTS (
            SELECT FROM sign_up AS s JOIN event AS e ON e.id = s.event_id
            WHERE s.volunteer_id = v.id AND e.organisation_id = identity_organisation()))
          AND NOT EXISTS (
            SELECT FROM access_event AS a
            WHERE a.person_id = v.person_id AND a.programme_id = v.programme_id AND a.purpose = v_purpose
              AND a.actor_person_id = identity_person() AND a.at >= p_since)
        ORDER BY v.id;
    END $$;
    """)


def downgrade() -> None:
    run("DROP FUNCTION note_desk_looks(bigint[], timestamptz, timestamptz)")
