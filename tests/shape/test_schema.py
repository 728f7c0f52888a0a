"""The tables in code are the tables in the database, and every table with a person's data stands behind a wall."""

import asyncio
import importlib
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

import migrations
from api.embedded import Urls, superuser_url

ROOT = Path(__file__).parents[2]

# Tables that tell nothing about any person: published rules, places, sums, and clocks.
ABOUT_NOBODY = {
    "account",
    "alembic_version",
    "budget",
    "budget_addition",
    "canary",
    "catalogue_version",
    "clock",
    "commitment",
    "consent_text",
    "consultation",
    "daily_run",
    "dry_run",
    "dry_run_part",
    "event",
    "guess",
    "heartbeat",
    "item",
    "job",
    "organisation",
    "product",
    "product_shop",
    "programme",
    "programme_figures",
    "rule_field",
    "rule_item",
    "rule_set",
    "rule_tier",
    "scan_attempt",
    "statement_payment",
    "terminal",
    "transfer",
    "uptake",
}
APPEND_ONLY = {
    "access_event",
    "audit_event",
    "audit_link",
    "case_step",
    "record_event",
    "repaired_record",
    "score_change",
    "service_event",
    "statement_payment",
    "transfer",
}


@pytest.fixture(scope="module")
def metadata() -> object:
    """Every table that the code declares."""
    for path in sorted((ROOT / "domain").rglob("tables.py")):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return SQLModel.metadata


def is_partition(name: str | None) -> bool:
    return name is not None and name[-3:-2] == "p" and name[-2:].isdigit()


async def test_the_tables_in_code_are_the_migrated_tables(urls: Urls, metadata: object) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: (
                    kind != "table" or not (is_partition(name) or name == "alembic_version")
                ),
            },
        )
        return list(compare_metadata(context, metadata))  # type: ignore[arg-type]  # SQLModel.metadata

    engine = create_async_engine(urls.owner, poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def rows(urls: Urls, statement: str) -> list[tuple[object, ...]]:
    engine = create_async_engine(urls.owner, poolclass=NullPool)
    async with engine.connect() as connection:
        result = [tuple(row) for row in await connection.execute(text(statement))]
    await engine.dispose()
    return result


async def test_every_table_with_a_persons_data_has_forced_row_security_and_a_policy(urls: Urls) -> None:
    found = await rows(
        urls,
        """
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity
            AND EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid)
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        """,
    )
    assert {name for name, walled in found if not walled} == ABOUT_NOBODY


async def test_partitions_are_reached_through_their_parent_only(urls: Urls) -> None:
    granted = await rows(
        urls,
        """
        SELECT g.table_name, g.grantee FROM information_schema.role_table_grants AS g
        JOIN pg_class AS c ON c.relname = g.table_name AND c.relispartition
        WHERE g.grantee <> 'benefits_owner'
        """,
    )
    assert granted == []


async def test_append_only_tables_refuse_change_by_trigger_and_by_privilege(urls: Urls) -> None:
    by_trigger = await rows(
        urls,
        """
        SELECT c.relname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE p.proname = 'refuse_change' GROUP BY c.relname HAVING count(*) = 2
        """,
    )
    by_privilege = await rows(
        urls,
        """
        SELECT DISTINCT table_name FROM information_schema.role_table_grants
        WHERE grantee IN ('benefits_app', 'benefits_worker') AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')
        """,
    )
    assert {name for (name,) in by_trigger} == APPEND_ONLY
    assert APPEND_ONLY.isdisjoint(name for (name,) in by_privilege)


async def test_no_role_of_the_server_stands_above_the_policies(urls: Urls) -> None:
    found = await rows(
        urls,
        """
        SELECT rolname FROM pg_roles
        WHERE rolname IN ('benefits_owner', 'benefits_app', 'benefits_worker')
          AND (rolsuper OR rolbypassrls OR rolcreaterole)
        """,
    )
    assert found == []


async def test_without_an_identity_no_row_of_a_person_is_visible(urls: Urls) -> None:
    engine = create_async_engine(urls.app, poolclass=NullPool)
    async with engine.connect() as connection:
        for table in ("person", "citizen", "credit_record", "score", "consent", "access_event", "redemption_holder"):
            assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
    await engine.dispose()


async def test_migrations_go_back_and_forward_again(cluster_folder: Path, urls: Urls) -> None:
    admin = create_async_engine(
        superuser_url(cluster_folder, "postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    async with admin.connect() as connection:
        await connection.execute(text("CREATE DATABASE there_and_back OWNER benefits_owner"))
    await admin.dispose()
    url = urls.owner.replace("/benefits?", "/there_and_back?")
    await asyncio.to_thread(migrations.upgrade, url)
    await asyncio.to_thread(migrations.downgrade, url, "base")
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        left = await connection.execute(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
        )
        assert [row.relname for row in left] == ["alembic_version"]
    await engine.dispose()
    await asyncio.to_thread(migrations.upgrade, url)
