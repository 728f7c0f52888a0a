"""What keeps a service alive: the relay of the outbox, heartbeats, the days whose jobs are done, the vault's canary."""

from migrations.dialect import grant, run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    tables()
    outbox()


def tables() -> None:
    run("""
    -- The last time that each task of the worker ended well, in real time, and how often it ran and failed.
    CREATE TABLE heartbeat (
        name text NOT NULL,
        at timestamptz NOT NULL,
        runs bigint NOT NULL DEFAULT 0,
        failures bigint NOT NULL DEFAULT 0,
        CONSTRAINT heartbeat_pkey PRIMARY KEY (name),
        CONSTRAINT heartbeat_counts CHECK (runs >= 0 AND failures >= 0)
    );
    -- Local days of business time whose jobs have all run; one row for each, in order and without a gap.
    CREATE TABLE daily_run (
        day date NOT NULL,
        done_at timestamptz NOT NULL,
        CONSTRAINT daily_run_pkey PRIMARY KEY (day)
    );
    -- A word sealed with the vault's key, so that another key is noticed before anything is sealed with it.
    CREATE TABLE canary (
        one boolean NOT NULL DEFAULT true,
        wrapped_key bytea NOT NULL,
        sealed bytea NOT NULL,
        CONSTRAINT canary_pkey PRIMARY KEY (one),
        CONSTRAINT canary_one_row CHECK (one)
    );
    """)
    grant("heartbeat", app="SELECT", worker="SELECT, INSERT, UPDATE")
    grant("daily_run, canary", app="SELECT", worker="SELECT, INSERT")


def outbox() -> None:
    """Each server hears what was sent; a person's row is read by nobody but the worker."""
    run("""
    DROP POLICY outbox_app ON outbox;
    CREATE POLICY outbox_app ON outbox FOR INSERT TO :app_role WITH CHECK (true);
    CREATE POLICY outbox_doors ON outbox FOR SELECT TO CURRENT_USER USING (true);
    CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;
    -- What a server has missed while it was not listening: the same numbers that were announced meanwhile.
    CREATE FUNCTION outbox_since(p_since timestamptz)
        RETURNS TABLE (id bigint, topic text, person_id bigint, subject text) LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = public AS $$
        SELECT o.id, o.topic, o.person_id, o.subject FROM outbox AS o WHERE o.sent_at >= p_since ORDER BY o.id;
    $$;
    -- How much waits for the relay, and since when.
    CREATE FUNCTION outbox_waiting(OUT waiting bigint, OUT since timestamptz) LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = public AS $$
        SELECT count(*), min(o.at) FROM outbox AS o WHERE o.sent_at IS NULL;
    $$;
    """)


def downgrade() -> None:
    run("""
    DROP FUNCTION outbox_waiting();
    DROP FUNCTION outbox_since(timestamptz);
    DROP INDEX outbox_sent;
    DROP POLICY outbox_doors ON outbox;
    DROP POLICY outbox_app ON outbox;
    """)
    run("CREATE POLICY outbox_app ON outbox TO :app_role USING (true) WITH CHECK (true)")
    for table in ("canary", "daily_run", "heartbeat"):
        run(f"DROP TABLE {table}")
