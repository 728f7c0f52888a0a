"""The few phrases that migrations repeat: running SQL with role names, walls, grants, append-only tables."""

from collections.abc import Mapping

from alembic import context, op
from sqlalchemy import text


def run(sql: str) -> None:
    """Execute SQL in which :app and :worker stand for the two roles of this database."""
    attributes = context.config.attributes
    for name in ("app", "worker"):
        sql = sql.replace(f":{name}_role", f'"{attributes[f"{name}_role"]}"')
    if context.is_offline_mode():
        op.execute(text(sql.replace(":", r"\:")) if ":" in sql else sql)
        return
    # A script of several statements needs asyncpg's simple protocol; the transaction is the connection's own.
    op.get_bind().connection.dbapi_connection.run_async(lambda driver: driver.execute(sql))


def wall(table: str, *, app: str, worker: bool = True, check: str | None = None) -> None:
    """Row-level security on a table with a person's data: what the app may see, and whether jobs see all."""
    run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    run(f"CREATE POLICY {table}_app ON {table} TO :app_role USING ({app}) WITH CHECK ({check or app})")
    if worker:
        run(f"CREATE POLICY {table}_worker ON {table} TO :worker_role USING (true) WITH CHECK (true)")


def grant(table: str, *, app: str = "", worker: str = "") -> None:
    """Privileges on one table; nothing is granted by default."""
    if app:
        run(f"GRANT {app} ON {table} TO :app_role")
    if worker:
        run(f"GRANT {worker} ON {table} TO :worker_role")


def append_only(table: str) -> None:
    """Rows of this table are never changed and never deleted, by trigger as well as by privilege."""
    run(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    run(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def rephrase(function: str, changes: Mapping[str, str]) -> None:
    """Changes a few phrases of a function, named with the types of its arguments, and leaves the rest as it stands."""
    for old, new in changes.items():
        run(f"""
        DO $do$
        DECLARE
            v_text constant text := pg_get_functiondef('{function}'::regprocedure);
        BEGIN
            IF strpos(v_text, $old${old}$old$) = 0 THEN
                RAISE EXCEPTION '{function} does not read as this migration expects';
            END IF;
            EXECUTE replace(v_text, $old${old}$old$, $new${new}$new$);
        END $do$
        """)
