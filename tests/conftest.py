"""A real PostgreSQL for every test: one cluster a run, migrated once, rows deleted after each test that writes."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import migrations
from api.database import Database, WorkerDatabase
from api.embedded import Embedded, Urls
from domain.vault import Vault

MASTER_KEY = bytes(range(32))
REFERENCE_ROWS = {"alembic_version", "clock", "catalogue_version"}


@pytest.fixture(scope="session")
def cluster_folder() -> Iterator[Path]:
    """Where the cluster lives: on a memory disk where there is one."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - the folder is private
    folder = Path(tempfile.mkdtemp(prefix="benefits-", dir=memory))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def urls(cluster_folder: Path) -> Iterator[Urls]:
    """The three addresses of the migrated database, while PostgreSQL runs as our child process."""
    embedded = Embedded(cluster_folder)
    try:
        urls = embedded.start()
        migrations.upgrade(urls.owner)
        yield urls
    finally:
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
