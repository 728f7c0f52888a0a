"""An import that is killed again and again, and taken up again: no line is lost and none is taken twice.

BENEFITS_KILL_LINES and BENEFITS_KILLS make it as large as one likes.
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from api.database import WorkerDatabase
from api.embedded import Urls
from api.importing import CHUNK_LINES
from domain.actor import ANONYMOUS
from domain.people.settlement import Membership, Settler, settle
from domain.programmes.actions import publish_programme
from domain.scoring import rescoring
from seeds.loader import PROGRAMMES, read_file
from tests.api.processes import BENEFITS, PATIENCE_S, fetch, running
from tests.conftest import MASTER_KEY

LINES = int(os.environ.get("BENEFITS_KILL_LINES", "24000"))
KILLS = int(os.environ.get("BENEFITS_KILLS", "3"))
JOINED, STRANGERS = 200, 200
DOCUMENT = read_file(PROGRAMMES / "rongcheng.toml")


async def test_an_import_survives_being_killed_to_the_line(urls: Urls, worker: WorkerDatabase, tmp_path: Path) -> None:
    today = await settle_people(worker)
    path = tmp_path / "records.ndjson"
    expected = write_file(path, today)
    draw = random.Random(7)
    reached = kills = 0
    while kills < KILLS and reached < LINES - 2 * CHUNK_LINES:
        reached = await killed_on_the_way(urls, path, tmp_path, behind=reached, draw=draw)
        kills += 1
    assert kills > 1
    with running(command(path, tmp_path), tmp_path / "last", environment=environment(urls)) as importing:
        assert importing.process.wait(10 * PATIENCE_S) == 0, importing.errors
        assert importing.output.splitlines()[0] == (
            f"{LINES} lines: {expected['accepted']} accepted, {expected['duplicates']} duplicates, "
            f"{len(expected['refused'])} refused"
        )
    refused = [json.loads(line)["line"] for line in (tmp_path / "records.ndjson.refused").read_text().splitlines()]
    assert refused == expected["refused"]
    assert await runs(worker, path) == [(LINES, path.stat().st_size, True)]
    assert await kept(worker) == (expected["kept"], expected["accepted"])
    assert await scores_that_would_change(worker) == 0


def write_file(path: Path, today: date) -> dict[str, object]:
    """A file with everything in it, and what has to become of its lines."""
    draw = random.Random(1)
    accepted, duplicates, kept, refused = 0, 0, 0, []
    earlier: list[bytes] = []
    with path.open("wb") as file:
        for number in range(1, LINES + 1):
            chance = draw.random()
            person = draw.randrange(JOINED + STRANGERS)
            if chance < 0.01:
                refused.append(number)
                line = draw.choice([b"cut off {", b'{"name": "x"}', b"\xff\xfe", b"x" * 70_000])
            elif chance < 0.03 and earlier:
                duplicates += 1
                line = draw.choice(earlier)
            else:
                accepted += 1
                kept += person < JOINED
                line = record(person, number, today - timedelta(days=draw.randrange(1, 300)))
                earlier.append(line)
            file.write(line + b"\n")
    return {"accepted": accepted, "duplicates": duplicates, "kept": kept, "refused": refused}


def record(person: int, number: int, day: date) -> bytes:
    content = {
        "citizenRef": f"kill:{person}",
        "item": "library-on-time",
        "sourceRef": f"kill-{number}",
        "occurredOn": day.isoformat(),
        "endedOn": day.isoformat(),
        "evidence": "图书馆的归还记录",
    }
    return json.dumps(content, ensure_ascii=False).encode()


async def settle_people(worker: WorkerDatabase) -> date:
    """Half of those whom the file is about have joined; gives the day."""
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=DOCUMENT, today=unit.now.date())
        membership = Membership(
            since=datetime(2024, 2, 1, tzinfo=UTC), registration_kind="REGISTERED", consents=("score",)
        )
        people = [
            Settler(
                subject=f"kill:{number}",
                name="试人",
                birth_date=date(1990, 5, 1),
                identity_ref=f"kill:{number}",
                membership=membership,
            )
            for number in range(JOINED)
        ]
        await settle(
            unit.session, unit.now, issuer="test-kill", programme=(programme_id, DOCUMENT.code), settlers=people
        )
        return unit.now.date()


def command(path: Path, folder: Path) -> tuple[str, ...]:
    (folder / "address").write_text("http://127.0.0.1:1")
    return (*BENEFITS, "import", str(path), "--programme", "rongcheng", "--source", "culture", "--data", str(folder))


def environment(urls: Urls) -> dict[str, str]:
    return {
        "DATABASE_URL": urls.app,
        "DATABASE_WORKER_URL": urls.worker,
        "DATABASE_OWNER_URL": urls.owner,
        "VAULT_KEY": base64.b64encode(MASTER_KEY).decode(),
    }


async def killed_on_the_way(urls: Urls, path: Path, folder: Path, *, behind: int, draw: random.Random) -> int:
    """Starts the import, kills it some moments after it has got further, and gives the line it had reached."""
    with running(command(path, folder), folder / "killed", environment=environment(urls)) as importing:
        deadline = time.monotonic() + PATIENCE_S
        while await taken_lines(urls, path) <= behind and importing.process.poll() is None:
            assert time.monotonic() < deadline, importing.errors
        await asyncio.sleep(draw.random() * 0.1)
        importing.process.send_signal(signal.SIGKILL)
        importing.process.wait(PATIENCE_S)
    return await taken_lines(urls, path)


async def taken_lines(urls: Urls, path: Path) -> int:
    """How far the file has been taken, as everybody can see it."""
    digest = digest_of(path).hex()
    statement = f"SELECT coalesce(max(taken_lines), 0) FROM import_run WHERE digest = decode('{digest}', 'hex')"
    return int(str(await fetch(urls.worker, statement)))


def digest_of(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


async def runs(worker: WorkerDatabase, path: Path) -> list[tuple[int, int, bool]]:
    """The runs of this very file."""
    find = text("SELECT taken_lines, taken_bytes, finished_at IS NOT NULL FROM import_run WHERE digest = :digest")
    async with worker.reading(ANONYMOUS) as unit:
        return [(row[0], row[1], row[2]) for row in await unit.session.execute(find, {"digest": digest_of(path)})]


async def kept(worker: WorkerDatabase) -> tuple[int, int]:
    """How many records are kept of this file, and how many references are noted."""
    records = text("SELECT count(*) FROM record_document WHERE source_ref LIKE 'kill-%'")
    noted = text("""
        SELECT count(*) FROM delivery AS d
        JOIN import_run AS r ON r.source_id = d.source_id
        WHERE r.taken_lines = :lines
    """)
    async with worker.reading(ANONYMOUS) as unit:
        return (
            (await unit.session.execute(records)).scalar_one(),
            (await unit.session.execute(noted, {"lines": LINES})).scalar_one(),
        )


async def scores_that_would_change(worker: WorkerDatabase) -> int:
    """How many stored scores differ from what the records say."""
    changes = text("SELECT count(*) FROM score_change")
    async with worker.transaction(ANONYMOUS) as unit:
        before = (await unit.session.execute(changes)).scalar_one()
        for work in await rescoring.begin(unit.session, unit.now, programme=DOCUMENT.code):
            for part in work.parts:
                await rescoring.rescore_batch(unit.session, unit.now, work=work, part=part, after=0)
        return int((await unit.session.execute(changes)).scalar_one()) - int(before)
