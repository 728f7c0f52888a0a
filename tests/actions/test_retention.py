"""What is kept beside the books is kept as long as the table of retention says, and not a day longer."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.database import WorkerDatabase
from api.embedded import Urls, superuser_url
from domain.actor import ANONYMOUS
from domain.retention import ACCESS_LOG_YEARS, KEPT, Kept, forget_old

THEN = datetime(2026, 6, 15, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# A row of each table, whose time begins at $1.
ROWS = {
    "idempotency": "(principal, key, request_hash, operation, at) VALUES ('x', gen_random_uuid(), '', 'x', $1)",
    "presentation": "(citizen_id, programme_id, product_id, match_number, created_at, expires_at)"
    " VALUES (1, 1, 1, 42, $1, $1)",
    "presence_code": "(person_id, programme_id, code_mac, created_at, expires_at) VALUES (1, 1, '', $1, $1)",
    "guardian_code": "(person_id, programme_id, code_mac, created_at, expires_at) VALUES (1, 1, '', $1, $1)",
    "invitation": "(organisation_id, programme_id, role, contact_digest, contact_masked, code_mac, invited_at,"
    " expires_at) VALUES (1, 1, 'cashier', '', 'x', '', $1, $1)",
    "scan_attempt": "(terminal_id, minute, wrong) VALUES (1, $1, 1)",
    "attachment": "(person_id, programme_id, at, media_type, sealed_name, sealed_content, size_bytes, digest)"
    " VALUES (1, 1, $1, 'image/png', '', '', 1, 'x')",
    "notice": "(person_id, programme_id, at, kind, subject, params) VALUES (1, 1, $1, 'LOOKED_UP', 'x', '{}')",
    "export": "(person_id, at, expires_at, sealed_document) VALUES (1, $1, $1, '')",
    "refresh_session": "(id, person_id, role, programme_code, secret_hash, issued_at, expires_at)"
    " VALUES (gen_random_uuid(), 1, 'citizen', 'x', '', $1, $1)",
    "client_assertion": "(client_id, jti, expires_at) VALUES ('x', 'x', $1)",
    "access_event": "(person_id, programme_id, at, actor, role, purpose, what)"
    " VALUES (1, 1, $1, '{}', 'officer', 'x', '{}')",
}

Put = Callable[[str], Awaitable[None]]
pytestmark = pytest.mark.usefixtures("fresh")


@pytest.fixture
async def put(urls: Urls, cluster_folder: Path) -> Any:
    """Writes a row of a table without the rows that it would belong to."""
    connection = await asyncpg.connect(superuser_url(cluster_folder).replace("+asyncpg", ""))
    await connection.execute("SET session_replication_role = replica")

    async def insert(table: str) -> None:
        await connection.execute(f"INSERT INTO {table} {ROWS[table]}", THEN)

    async def count(table: str) -> int:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))

    yield insert, count
    await connection.close()


async def forget(worker: WorkerDatabase, now: datetime) -> None:
    async with worker.transaction(ANONYMOUS) as unit:
        await forget_old(unit.session, now)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.table)
async def test_a_row_goes_on_its_day_and_not_before(put: Any, worker: WorkerDatabase, kept: Kept) -> None:
    insert, count = put
    await insert(kept.table)
    await forget(worker, THEN + timedelta(days=kept.days) - SECOND)
    assert await count(kept.table) == 1
    await forget(worker, THEN + timedelta(days=kept.days))
    assert await count(kept.table) == 0


async def test_the_log_of_who_has_read_about_whom_is_kept_for_ten_years(put: Any, worker: WorkerDatabase) -> None:
    insert, count = put
    await insert("access_event")
    await forget(worker, THEN.replace(year=THEN.year + ACCESS_LOG_YEARS))
    assert await count("access_event") == 1
    await forget(worker, THEN.replace(year=THEN.year + ACCESS_LOG_YEARS) + SECOND)
    assert await count("access_event") == 0
