"""A city with departments that deliver: what the tests of imports and corrections have in common."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.database import Database, Unit, WorkerDatabase
from api.importing import FileImport
from domain.actor import ANONYMOUS, Caller, Role
from domain.people.settlement import Membership, Post, Settler, caller_of, settle
from domain.programmes import queries as programmes
from domain.programmes.actions import publish_programme
from domain.scoring.queries.imports import Run
from seeds.loader import PROGRAMMES, read_file

DOCUMENT = read_file(PROGRAMMES / "rongcheng.toml")
BASE = DOCUMENT.rule_set.base_points
ISSUER = "test-departments"
JOINED = datetime(2024, 2, 1, tzinfo=UTC)
CULTURE, CIVIL, UTILITIES = "culture", "civil-affairs", "utilities-office"


@dataclass(frozen=True, kw_only=True)
class Departments:
    """A loaded programme with its departments, and the two ways into its database."""

    programme_id: int
    sources: dict[str, int]
    today: date
    database: Database
    worker: WorkerDatabase

    async def person(self, *, joined: bool = True, consents: tuple[str, ...] = ("score", "household")) -> str:
        """A new person; gives the reference under which departments know them."""
        ref = str(uuid4())
        membership = Membership(since=JOINED, registration_kind="REGISTERED", consents=consents) if joined else None
        await self._settle(
            Settler(subject=ref, name="试人", birth_date=date(1990, 5, 1), identity_ref=ref, membership=membership)
        )
        return ref

    async def clerk(self, department: str = CULTURE) -> Caller:
        """Somebody of the department, as a token would name them."""
        subject = str(uuid4())
        post = Post(role="source", organisation=department)
        await self._settle(
            Settler(subject=subject, name="职员", birth_date=date(1980, 5, 1), identity_ref=subject, post=post)
        )
        async with self.worker.reading(ANONYMOUS) as unit:
            caller = await caller_of(
                unit.session, issuer=ISSUER, subject=subject, role=Role.SOURCE, programme=DOCUMENT.code
            )
        assert caller is not None
        return caller

    async def take(self, path: Path, *, department: str = CULTURE, kind: str = "records") -> Run:
        """The whole file, as the command takes it."""
        delivery = FileImport(self.worker, path=path, source_id=self.sources[department], kind=kind)
        return await delivery.run(lambda *_: None)

    def record(self, person: str, **given: Any) -> dict[str, Any]:
        """A record that may be taken, with what is given in place of the usual."""
        day = (self.today - timedelta(days=20)).isoformat()
        usual = {
            "citizenRef": person,
            "item": "library-on-time",
            "sourceRef": str(uuid4()),
            "occurredOn": day,
            "endedOn": day,
            "evidence": "图书馆的归还记录",
        }
        return usual | given

    async def points(self, person: str) -> int | None:
        """The stored score."""
        return await self.value("SELECT s.points FROM score AS s WHERE s.citizen_id = :citizen", person)

    async def records(self, person: str) -> int:
        """How many records are kept of somebody."""
        count = await self.value("SELECT count(*) FROM credit_record AS r WHERE r.citizen_id = :citizen", person)
        return int(count or 0)

    async def value(self, sql: str, person: str) -> Any:
        """One value about one citizen, read as the worker."""
        digest = self.worker.vault.digest("citizen", DOCUMENT.code, person)
        async with self.worker.reading(ANONYMOUS) as unit:
            find = text("SELECT id FROM citizen WHERE programme_id = :programme AND identity_digest = :digest")
            values = {"programme": self.programme_id, "digest": digest}
            citizen = (await unit.session.execute(find, values)).scalar_one_or_none()
            return (await unit.session.execute(text(sql), {"citizen": citizen})).scalar_one_or_none()

    @asynccontextmanager
    async def acting(self, caller: Caller) -> AsyncIterator[Unit]:
        """One transaction of a department's own, as the server opens it."""
        async with self.database.transaction(caller) as unit:
            yield unit

    async def _settle(self, settler: Settler) -> None:
        async with self.worker.transaction(ANONYMOUS) as unit:
            place = (self.programme_id, DOCUMENT.code)
            await settle(unit.session, unit.now, issuer=ISSUER, programme=place, settlers=[settler])


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> Departments:
    """The programme, loaded once."""
    async with worker.transaction(ANONYMOUS) as unit:
        today = unit.now.date()
        programme_id = await publish_programme(unit.session, document=DOCUMENT, today=today)
        places = await programmes.organisations(unit.session)
    sources = {place.code: place.id for place in places if place.programme_id == programme_id}
    return Departments(programme_id=programme_id, sources=sources, today=today, database=database, worker=worker)


def write_lines(path: Path, *lines: dict[str, Any] | bytes) -> Path:
    """A file of these lines; bytes stand as they are."""
    content = [one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode() for one in lines]
    path.write_bytes(b"".join(line + b"\n" for line in content))
    return path


def refusals(path: Path) -> list[dict[str, Any]]:
    """What stands in the file beside the file."""
    refused = path.with_name(f"{path.name}.refused")
    return [json.loads(line) for line in refused.read_text().splitlines()] if refused.exists() else []
