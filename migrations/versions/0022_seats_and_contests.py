"""Whoever moves up from a waiting list is told, and somebody may object to what was recorded of them."""

from migrations.dialect import run

revision = "0022"
down_revision = "0021"

_TARGETS = "'RECORD', 'SCORE', 'DECISION', 'REDEMPTION', 'SERVICE', 'ACCESS', 'HOUSEHOLD'"

_CONTESTED = """(SELECT identity_role()) IN ('officer', 'approver') AND id IN (
    SELECT o.subject_key[1] FROM objection AS o
    WHERE o.target = 'VOLUNTEER_RECORD' AND o.status IN ('OPEN', 'WITH_SOURCE', 'EXTENDED')
      AND o.programme_id = (SELECT identity_programme()))"""


def upgrade() -> None:
    run("""
    CREATE POLICY notice_doors ON notice FOR INSERT TO CURRENT_USER WITH CHECK (true);
    CREATE POLICY outbox_notices ON outbox FOR INSERT TO CURRENT_USER WITH CHECK (topic = 'noticeAdded');
    -- Whoever has just given up a seat in an event: the one who has it now is told. Nobody learns who that is.
    CREATE FUNCTION tell_moved_up(p_event bigint, p_person bigint, p_kind text, p_subject text, p_now timestamptz)
        RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    BEGIN
        INSERT INTO notice (person_id, programme_id, at, kind, subject, params)
        SELECT v.person_id, e.programme_id, p_now, p_kind, p_subject, jsonb_build_object('title', e.title)
        FROM event AS e
        JOIN sign_up AS s ON s.event_id = e.id AND s.status = 'SIGNED_UP'
        JOIN volunteer AS v ON v.id = s.volunteer_id AND v.person_id = p_person
        WHERE e.id = p_event AND EXISTS (SELECT FROM sign_up AS m WHERE m.event_id = p_event
            AND m.volunteer_id = identity_volunteer() AND m.status = 'CANCELLED');
    END $$;
    """)
    _allow(f"{_TARGETS}, 'VOLUNTEER_RECORD'")
    # The office that decides about an objection; what the record says stays sealed to it.
    for command in ("SELECT", "UPDATE"):
        run(f"""
        CREATE POLICY volunteer_record_office_{command.lower()} ON volunteer_record FOR {command} TO :app_role
            USING ({_CONTESTED})
        """)


def downgrade() -> None:
    # Objections to such records stand in the way of going back: nobody's objection is deleted for it.
    for command in ("SELECT", "UPDATE"):
        run(f"DROP POLICY volunteer_record_office_{command.lower()} ON volunteer_record")
    _allow(_TARGETS)
    run("""
    DROP FUNCTION tell_moved_up(bigint, bigint, text, text, timestamptz);
    DROP POLICY outbox_notices ON outbox;
    DROP POLICY notice_doors ON notice;
    """)


def _allow(targets: str) -> None:
    # Every row meets the narrower one, and there are few of them: looking them through takes no time.
    run(f"""
    -- squawk-ignore ban-drop-constraint
    ALTER TABLE objection DROP CONSTRAINT objection_target_known;
    -- squawk-ignore constraint-missing-not-valid
    ALTER TABLE objection ADD CONSTRAINT objection_target_known CHECK (target IN ({targets}));
    """)
