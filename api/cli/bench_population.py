"""A programme of Rongcheng's rules with generated people, records and scores, and a draft of other rules to try."""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import tomlkit
from sqlalchemy import text

from api.cli.terminal import Advance
from api.database import Database, WorkerDatabase
from api.embedded import Urls
from api.errors import CannotStart
from domain.actor import ANONYMOUS, Caller, Role
from domain.incentives.actions import publish_products
from domain.people.settlement import Membership, Post, Settler, caller_of, settle
from domain.programmes.actions import publish_programme, releases
from domain.programmes.rules.document import ProgrammeDocument
from domain.scoring import rescoring
from domain.vault import Vault
from seeds.loader import PROGRAMMES, read_file

CODE: Final = "bench"
AT_ONCE: Final = 5_000
_FILE: Final = PROGRAMMES / "rongcheng.toml"
_ISSUER: Final = "bench"
_OFFICER: Final = "officer"
_CONSENTS: Final = ("score", "benefits")
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_YOUNGEST: Final = date(2005, 1, 1)
_YEARS: Final = 60
# None to fifteen records each, drawn by a hash of the citizen's number: the same in every run.
_RECORDS: Final = text("""
    INSERT INTO credit_record (citizen_id, item_id, source_id, ref_hash, document_hash, quantity_x100, occurred_on,
        ended_on, determined_on, recorded_at)
    SELECT c.id, i.ids[1 + d.drawn % cardinality(i.ids)], s.id, n.number, n.number, 100 + d.drawn % 1000,
        d.day, d.day, d.day, CAST(:now AS timestamptz)
    FROM citizen AS c
    CROSS JOIN (
        SELECT array_agg(k.id ORDER BY k.id) AS ids FROM item AS k WHERE k.programme_id = :programme
    ) AS i
    CROSS JOIN (
        SELECT min(o.id) AS id FROM organisation AS o WHERE o.programme_id = :programme AND o.kind = 'DEPARTMENT'
    ) AS s
    CROSS JOIN LATERAL generate_series(1, hashint4(c.id) & 15) AS n (number)
    CROSS JOIN LATERAL (
        SELECT e.drawn, CAST(:today AS date) - e.drawn / 16 % 900 AS day
        FROM (SELECT hashint8(1000 * CAST(c.id AS bigint) + n.number) & 2147483647 AS drawn) AS e
    ) AS d
    WHERE c.programme_id = :programme
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everybody there is, and a dry run that waits for the worker."""

    worker: WorkerDatabase
    dry_run_id: int

    async def dispose(self) -> None:
        """Closes all connections."""
        await self.worker.dispose()


async def populate(urls: Urls, *, people: int, advance: Advance) -> Population:
    """Publishes the rules, takes everybody over, scores them, and asks for a dry run of a draft."""
    vault = Vault(bytes(range(32)))
    worker = WorkerDatabase(urls.worker, vault, pool_size=2)
    document = replace(read_file(_FILE), code=CODE)
    async with worker.transaction(ANONYMOUS) as unit:
        now, today = unit.now, unit.now.astimezone(_ZONE).date()
        programme_id = await publish_programme(unit.session, document=document, today=today)
        await publish_products(unit.session, programme_id=programme_id, products=document.products)
    for done, settlers in enumerate(_crowd(document, now, people), start=1):
        async with worker.transaction(ANONYMOUS) as unit:
            await settle(unit.session, now, issuer=_ISSUER, programme=(programme_id, CODE), settlers=settlers)
        advance(min(done * AT_ONCE, people), people)
    async with worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(_RECORDS, {"programme": programme_id, "now": now, "today": today})
    await _score(worker)
    return Population(worker=worker, dry_run_id=await _ask(Database(urls.app, vault), worker, document))


def _crowd(document: ProgrammeDocument, now: datetime, people: int) -> Iterator[list[Settler]]:
    """Everybody, in batches, and one officer with the first."""
    draw = random.Random(CODE)
    groups = [group.code for group in document.groups]
    yield [_person(_OFFICER, draw, post=Post(role=Role.OFFICER.value))]
    for first in range(0, people, AT_ONCE):
        yield [
            _person(
                f"citizen-{number}",
                draw,
                membership=Membership(
                    since=now - timedelta(days=900),
                    registration_kind="REGISTERED" if draw.random() < 0.8 else "PERMIT",
                    groups=tuple(code for code in groups if draw.random() < 0.1),
                    consents=_CONSENTS,
                ),
            )
            for number in range(first, min(first + AT_ONCE, people))
        ]


def _person(subject: str, draw: random.Random, **values: Any) -> Settler:
    born = _YOUNGEST - timedelta(days=draw.randrange(_YEARS * 365))
    return Settler(subject=subject, name="测算", birth_date=born, identity_ref=subject, **values)


async def _score(worker: WorkerDatabase) -> None:
    """Everybody's stored score, so that there is something to leave alone."""
    async with worker.transaction(ANONYMOUS) as unit:
        [work] = await rescoring.begin(unit.session, unit.now, programme=CODE)
    for part, after in work.parts.items():
        finished = False
        while not finished:
            async with worker.transaction(ANONYMOUS) as unit:
                reached = await rescoring.rescore_batch(unit.session, unit.now, work=work, part=part, after=after)
            after, finished = reached.citizen_id, reached.finished


async def _ask(database: Database, worker: WorkerDatabase, document: ProgrammeDocument) -> int:
    """An officer drafts other rules and asks what they would do."""
    officer = await _officer(worker)
    async with database.transaction(officer) as unit:
        who = (unit.session, unit.actor, unit.now)
        await releases.draft_rule_set(*who, text=_draft(), products=document.products, key=uuid4())
    async with database.transaction(officer) as unit:
        number = await releases.start_dry_run(unit.session, unit.actor, unit.now, version=2, key=uuid4())
    await database.dispose()
    return number


async def _officer(worker: WorkerDatabase) -> Caller:
    async with worker.reading(ANONYMOUS) as unit:
        officer = await caller_of(unit.session, issuer=_ISSUER, subject=_OFFICER, role=Role.OFFICER, programme=CODE)
    if officer is None:
        raise CannotStart("The officer who drafts the rules is missing.")
    return officer


def _draft() -> str:
    """The rules of the file, with a point more for every other merit and a point less for the rest."""
    document = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    rules = document["rule_set"]
    merits = [item for item in rules["items"] if item.get("points", 0) > 1]
    for place, item in enumerate(merits):
        item["points"] += 1 if place % 2 else -1
    return tomlkit.dumps({"references": document["references"], **rules})
