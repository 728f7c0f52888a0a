"""Takes a department's file line by line, in transactions of a few thousand, from where an earlier attempt ended.

What is refused goes into FILE.refused, and onto the disk before the transaction that counts it ends: after a crash the
file is cut back to the length that was counted, so that both agree to the byte.
"""

import asyncio
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedRandom
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from api.database import Unit, WorkerDatabase
from api.errors import CannotStart
from api.lines import Line, Lines
from domain.actor import ANONYMOUS
from domain.errors import DomainError
from domain.incentives.actions.registers import take_accounts
from domain.scoring import imports
from domain.scoring.actions import Delivered, Stored
from domain.scoring.queries.imports import Run, Step
from domain.scoring.rules.delivered_lines import (
    Dwelling,
    DwellingAccount,
    overlong,
    read_account,
    read_dwelling,
    read_record,
)
from domain.scoring.rules.deliveries import Delivery

CHUNK_LINES: Final = 4000
_BLOCK_BYTES: Final = 1 << 18
_FOLLOW_EVERY: Final = 100_000

Given: TypeAlias = Delivery | Dwelling | DwellingAccount | DomainError
Advance: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """So many lines, read, and the place behind them."""

    end: int
    last: int
    numbers: tuple[int, ...]
    given: tuple[Given, ...]


class FileImport:
    """One file of one department, on its way into the database."""

    def __init__(self, database: WorkerDatabase, *, path: Path, source_id: int, kind: str) -> None:
        self._database = database
        self._path = path
        self._source_id = source_id
        self._kind = kind
        # Whose scores have still to follow, and the items of their new records.
        self._kept: list[tuple[int, int]] = []
        self.refusals = path.with_name(f"{path.name}.refused")

    async def run(self, advance: Advance) -> Run:
        """Takes the file to its end. Raises: CannotStart when it cannot be read, or is being imported already."""
        total = self._path.stat().st_size
        digest = await asyncio.to_thread(_digest_of, self._path)
        with _locked(self.refusals) as refusals, self._path.open("rb") as source:
            run = await self._begin(digest, refusals)
            is_taken_up = run.taken_lines > 0
            chunks = _chunks(source, run, READERS[self._kind])
            coming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            while (chunk := await coming) is not None:
                # The next lines are read while the database takes these.
                coming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
                run = await self._take(run, chunk, refusals)
                if len(self._kept) >= _FOLLOW_EVERY:
                    await self._follow()
                advance(chunk.end, total)
            await self._follow()
            if is_taken_up:
                await self._follow_outdated()
            await self._finish(run)
        if run.refusal_bytes == 0:
            self.refusals.unlink(missing_ok=True)
        return run

    async def _begin(self, digest: bytes, refusals: BufferedRandom) -> Run:
        kept = os.fstat(refusals.fileno()).st_size
        async with self._database.transaction(ANONYMOUS) as unit:
            await imports.desk_of(unit.session, unit.now, source_id=self._source_id)
            run = await imports.begin_run(
                unit.session, unit.now, source_id=self._source_id, kind=self._kind, digest=digest
            )
            if run.refusal_bytes > kept:
                # Its refusals are gone, so the file is read once more from the start: what is known is a duplicate.
                run = await imports.begin_run(
                    unit.session, unit.now, source_id=self._source_id, kind=self._kind, digest=digest, anew=True
                )
        refusals.truncate(run.refusal_bytes)
        refusals.seek(run.refusal_bytes)
        return run

    async def _take(self, run: Run, chunk: Chunk, refusals: BufferedRandom) -> Run:
        async with self._database.transaction(ANONYMOUS) as unit:
            stored = await self._store(unit, chunk.given)
            lines = [refusal_line(chunk.numbers[index], refusal) for index, refusal in stored.delivered.refused]
            length = await asyncio.to_thread(_write_down, refusals, lines)
            step = step_of(chunk, stored.delivered, refusal_bytes=length)
            run = await imports.advance_run(unit.session, run=run, step=step)
        self._kept += stored.kept
        return run

    async def _store(self, unit: Unit, given: Sequence[Given]) -> Stored:
        """Takes lines of one kind, by the rules of this very moment."""
        desk = await imports.desk_of(unit.session, unit.now, source_id=self._source_id)
        if self._kind == "dwellings":
            dwellings = [one for one in given if isinstance(one, Dwelling | DomainError)]
            taken = await imports.take_dwellings(unit.session, unit.actor, unit.now, desk=desk, given=dwellings)
            return Stored(delivered=taken, kept=())
        if self._kind == "accounts":
            accounts = [one for one in given if isinstance(one, DwellingAccount | DomainError)]
            taken = await take_accounts(unit.session, unit.actor, unit.now, desk=desk, given=accounts)
            return Stored(delivered=taken, kept=())
        records = [one for one in given if isinstance(one, Delivery | DomainError)]
        return await imports.store_lines(unit.session, unit.actor, unit.now, desk=desk, given=records)

    async def _follow(self) -> None:
        """The scores follow, a few thousand records at a time and each person once."""
        for kept in _by_person(self._kept):
            async with self._database.transaction(ANONYMOUS) as unit:
                desk = await imports.desk_of(unit.session, unit.now, source_id=self._source_id)
                await imports.follow(unit.session, unit.now, desk=desk, kept=kept)
        self._kept.clear()

    async def _follow_outdated(self) -> None:
        """So do those that the attempt before this one has left behind."""
        after: int | None = 0
        while after is not None:
            async with self._database.transaction(ANONYMOUS) as unit:
                desk = await imports.desk_of(unit.session, unit.now, source_id=self._source_id)
                after = await imports.follow_outdated(unit.session, unit.now, desk=desk, after=after)

    async def _finish(self, run: Run) -> None:
        async with self._database.transaction(ANONYMOUS) as unit:
            await imports.finish_run(unit.session, unit.actor, unit.now, run=run, source_id=self._source_id)


def step_of(chunk: Chunk, delivered: Delivered, *, refusal_bytes: int) -> Step:
    """What a chunk adds to its run."""
    return Step(
        taken_bytes=chunk.end,
        taken_lines=chunk.last,
        refusal_bytes=refusal_bytes,
        accepted=delivered.accepted,
        duplicates=delivered.duplicates,
        refused=len(delivered.refused),
    )


def chunk_of(lines: Sequence[Line], read: Callable[[bytes], Given]) -> Chunk:
    """The lines, each read or refused by itself."""
    return Chunk(
        end=lines[-1].end,
        last=lines[-1].number,
        numbers=tuple(line.number for line in lines),
        given=tuple(overlong() if line.content is None else read(line.content) for line in lines),
    )


def refusal_line(number: int, refusal: DomainError) -> bytes:
    """One line of what was refused: which one, and why. Nothing of its content."""
    told = imports.told(refusal)
    content = {"line": number, **{key: value for key, value in told.items() if value is not None}}
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


READERS: Final[dict[str, Callable[[bytes], Given]]] = {
    "records": read_record,
    "dwellings": read_dwelling,
    "accounts": read_account,
}


def _chunks(source: BinaryIO, run: Run, read: Callable[[bytes], Given]) -> Iterator[Chunk]:
    source.seek(run.taken_bytes)
    lines = Lines(number=run.taken_lines, end=run.taken_bytes)
    waiting: list[Line] = []
    while block := source.read(_BLOCK_BYTES):
        waiting += lines.feed(block)
        while len(waiting) >= CHUNK_LINES:
            yield chunk_of(waiting[:CHUNK_LINES], read)
            del waiting[:CHUNK_LINES]
    waiting += lines.finish()
    if waiting:
        yield chunk_of(waiting, read)


def _by_person(kept: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Parts of a few thousand records, none of which cuts a person in two."""
    part: list[tuple[int, int]] = []
    for _, records in groupby(sorted(kept), key=itemgetter(0)):
        part += records
        if len(part) >= CHUNK_LINES:
            yield part
            part = []
    if part:
        yield part


def _digest_of(path: Path) -> bytes:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").digest()


def _locked(path: Path) -> BufferedRandom:
    """The file of refusals, which only one process holds. Raises: CannotStart."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        file.close()
        raise CannotStart(f"{path} is being written by another import: wait until it is done.") from problem
    return file


def _write_down(file: BufferedRandom, lines: Sequence[bytes]) -> int:
    """Appends the lines and waits until they are on the disk; gives the length of the file."""
    if lines:
        file.write(b"".join(lines))
        file.flush()
        os.fsync(file.fileno())
    return file.tell()
