"""A repair may be given more time, once, and ends when its person is erased."""

from migrations.dialect import run

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    # A city's repairs are few: looking at them all takes no time.
    run("""
    ALTER TABLE repair ADD COLUMN extended_at timestamptz;
    -- squawk-ignore ban-drop-constraint
    ALTER TABLE repair DROP CONSTRAINT repair_status_known;
    -- squawk-ignore ban-drop-constraint
    ALTER TABLE repair DROP CONSTRAINT repair_decided_whole;
    -- squawk-ignore constraint-missing-not-valid
    ALTER TABLE repair ADD CONSTRAINT repair_status_known
        CHECK (status IN ('OPEN', 'EXTENDED', 'UPHELD', 'REJECTED', 'WITHDRAWN'));
    -- squawk-ignore constraint-missing-not-valid
    ALTER TABLE repair ADD CONSTRAINT repair_decided_whole
        CHECK ((status IN ('OPEN', 'EXTENDED')) = (decided_at IS NULL));
    -- squawk-ignore require-concurrent-index-deletion
    DROP INDEX repair_open;
    CREATE UNIQUE INDEX repair_open ON repair (citizen_id, source_id, ref_hash) WHERE decided_at IS NULL;
    """)
    doors(
        "(r.decided_at IS NULL OR r.decided_by = identity_person())",
        "(r.status = 'OPEN' OR r.decided_by = identity_person())",
    )


def doors(new: str, old: str) -> None:
    """The office opens the door with a repair while it is under way, one that has been given more time as well."""
    run(f"""
    DO $do$
    DECLARE
        v_text constant text := pg_get_functiondef('reveal_by_case(bigint, bigint)'::regprocedure);
    BEGIN
        IF strpos(v_text, $old${old}$old$) = 0 THEN
            RAISE EXCEPTION 'reveal_by_case has no such phrase';
        END IF;
        EXECUTE replace(v_text, $old${old}$old$, $new${new}$new$);
    END $do$
    """)


def downgrade() -> None:
    doors(
        "(r.status = 'OPEN' OR r.decided_by = identity_person())",
        "(r.decided_at IS NULL OR r.decided_by = identity_person())",
    )
    run("""
    DROP INDEX repair_open;
    CREATE UNIQUE INDEX repair_open ON repair (citizen_id, source_id, ref_hash) WHERE status = 'OPEN';
    ALTER TABLE repair DROP CONSTRAINT repair_decided_whole;
    ALTER TABLE repair DROP CONSTRAINT repair_status_known;
    ALTER TABLE repair ADD CONSTRAINT repair_status_known CHECK (status IN ('OPEN', 'UPHELD', 'REJECTED'));
    ALTER TABLE repair ADD CONSTRAINT repair_decided_whole CHECK ((status = 'OPEN') = (decided_at IS NULL));
    ALTER TABLE repair DROP COLUMN extended_at;
    """)
