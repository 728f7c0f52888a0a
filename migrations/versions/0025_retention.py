"""What is kept long enough is forgotten: the worker may delete it, and finds it quickly."""

from migrations.dialect import grant, run

revision = "0025"
down_revision = "0024"

# Rows of these come in the order of their time, and are many.
BY_TIME = (("idempotency", "at"), ("presentation", "expires_at"), ("notice", "at"), ("access_event", "at"))


def upgrade() -> None:
    grant("refresh_session", worker="DELETE")
    for table, column in BY_TIME:
        run(f"CREATE INDEX {table}_by_time ON {table} USING brin ({column})")
    run("""
    CREATE POLICY access_event_retention ON access_event TO CURRENT_USER USING (true);
    -- The log of who has read about whom outlives everything but its own time.
    CREATE FUNCTION forget_accesses(p_before timestamptz) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    BEGIN
        PERFORM set_config('app.erasing', 'yes', true);
        DELETE FROM access_event WHERE at < p_before;
        PERFORM set_config('app.erasing', '', true);
    END $$;
    REVOKE EXECUTE ON FUNCTION forget_accesses(timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION forget_accesses(timestamptz) TO :worker_role;
    """)


def downgrade() -> None:
    run("""
    DROP FUNCTION forget_accesses(timestamptz);
    DROP POLICY access_event_retention ON access_event;
    REVOKE DELETE ON refresh_session FROM :worker_role;
    """)
    for table, _ in BY_TIME:
        run(f"DROP INDEX {table}_by_time")
