"""A repair may be given more time, once, and ends when its person is erased."""

from migrations.dialect import run

revision = "0026"
down_revision = "0025"


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


def downgrade() -> None:
    run("""
    DROP INDEX repair_open;
    CREATE UNIQUE INDEX repair_open ON repair (citizen_id, source_id, ref_hash) WHERE status = 'OPEN';
    ALTER TABLE repair DROP CONSTRAINT repair_decided_whole;
    ALTER TABLE repair DROP CONSTRAINT repair_status_known;
    -- The owner sees no rows of a walled table otherwise.
    ALTER TABLE repair NO FORCE ROW LEVEL SECURITY;
    UPDATE repair SET status = CASE status WHEN 'EXTENDED' THEN 'OPEN' ELSE 'REJECTED' END
        WHERE status IN ('EXTENDED', 'WITHDRAWN');
    ALTER TABLE repair FORCE ROW LEVEL SECURITY;
    ALTER TABLE repair ADD CONSTRAINT repair_status_known CHECK (status IN ('OPEN', 'UPHELD', 'REJECTED'));
    ALTER TABLE repair ADD CONSTRAINT repair_decided_whole CHECK ((status = 'OPEN') = (decided_at IS NULL));
    ALTER TABLE repair DROP COLUMN extended_at;
    """)
