"""A real PostgreSQL for every test: one cluster a run, migrated once, rows deleted after each test that writes."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

import migrations
from api.database import Database, WorkerDatabase
from api.embedded import Embedded, Urls, superuser_url
from domain.vault import Vault

MASTER_KEY = bytes(range(32))
RUNNING: pytest.StashKey[Path | None] = pytest.StashKey()
# Append-only triggers and the order of keys are set aside only here.
EMPTY = """
    SET session_replication_role = replica;
    DO $$
    DECLARE
        name text;
    BEGIN
        FOR name IN
            SELECT c.relname FROM pg_class AS c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
              AND c.relname NOT IN ('alembic_version', 'clock', 'catalogue_version')
        LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
        UPDATE clock SET ahead = '0';
        UPDATE catalogue_version SET version = version + 1;
    END $$;
"""


@pytest.fixture(scope="session")
def cluster_folder() -> Iterator[Path]:
    """Where the cluster lives: on a memory disk where there is one."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - the folder is private
    folder = Path(tempfile.mkdtemp(prefix="benefits-", dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def empty(folder: Path) -> None:
    """Deletes every row, and puts the clock right."""
    connection = await asyncpg.connect(superuser_url(folder).replace("+asyncpg", ""))
    await connection.execute(EMPTY)
    await connection.close()


@pytest.fixture(scope="module", autouse=True)
async def emptied(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Each file of tests finds a migrated and empty database, if it asks for one at all."""
    yield
    folder = request.config.stash.get(RUNNING, None)
    if folder is not None:
        await empty(folder)


@pytest.fixture
async def fresh(urls: Urls, cluster_folder: Path) -> None:
    """A single test finds the database empty."""
    await empty(cluster_folder)


@pytest.fixture(scope="session")
def urls(cluster_folder: Path, request: pytest.FixtureRequest) -> Iterator[Urls]:
    """The three addresses of the migrated database, while PostgreSQL runs as our child process."""
    embedded = Embedded(cluster_folder)
    try:
        urls = embedded.start()
        migrations.upgrade(urls.owner)
        request.config.stash[RUNNING] = cluster_folder
        yield urls
    finally:
        request.config.stash[RUNNING] = None
        embedded.stop()


@pytest.fixture(scope="session")
def vault() -> Vault:
    return Vault(MASTER_KEY)


@pytest.fixture(scope="session")
async def database(urls: Urls, vault: Vault) -> AsyncIterator[Database]:
    """The server's own connection pool."""
    database = Database(urls.app, vault)
    yield database
    await database.dispose()


@pytest.fixture(scope="session")
async def worker(urls: Urls, vault: Vault) -> AsyncIterator[WorkerDatabase]:
    """The worker's connection pool."""
    worker = WorkerDatabase(urls.worker, vault)
    yield worker
    await worker.dispose()
