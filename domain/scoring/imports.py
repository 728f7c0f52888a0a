"""What a department may deliver and how far its deliveries have come: files, streams and single calls alike.

A line is taken or refused by itself. What the lines of one transaction have led to is noted in it, so that whoever
takes a broken import up again loses nothing and does nothing twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor, Role
from domain.errors import AlreadyDecided, DomainError, InvalidInput, NotAllowed
from domain.people.queries import dwellings as people
from domain.programmes import queries as programmes
from domain.scoring.actions import (
    NEW_RECORDS,
    Delivered,
    Line,
    Stored,
    causes_of,
    deliver_records,
    rescore,
    rule_book,
    sift,
    store_records,
)
from domain.scoring.queries import corrections, writing
from domain.scoring.queries import imports as queries
from domain.scoring.queries.due import due_scores
from domain.scoring.queries.imports import Run, Step
from domain.scoring.rules.delivered_lines import Dwelling, dwelling_refusal
from domain.scoring.rules.deliveries import Delivery
from domain.values import words
from domain.vault import Vault

MAX_CALL: Final = 500
FOLLOWED_AT_ONCE: Final = 1000
ADMITTED: Final = "ADMITTED"
T = TypeVar("T")
L = TypeVar("L", bound=Line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One department today: its programme, the rules in force, and the items of its own catalogue entries."""

    programme_id: int
    programme: str
    source_id: int
    rule_set_id: int
    today: date
    items: frozenset[str]


async def desk_of(session: AsyncSession, now: datetime, *, source_id: int) -> Desk:
    """What a department may deliver. Raises: NotAllowed when it is suspended, or no rules are in force."""
    row = await programmes.desk(session, now, organisation_id=source_id)
    if row is None or row.status != ADMITTED:
        raise NotAllowed(_NO_DESK)
    return Desk(
        programme_id=row.programme_id,
        programme=row.programme,
        source_id=row.source_id,
        rule_set_id=row.rule_set_id,
        today=row.today,
        items=frozenset(row.items),
    )


async def begin_run(
    session: AsyncSession, now: datetime, *, source_id: int, kind: str, digest: bytes | None, anew: bool = False
) -> Run:
    """A new run, or the one in which this very file was begun and not finished; `anew` gives that one up.

    Raises: AlreadyDecided when another process has begun it at this moment.
    """
    earlier = None
    if digest is not None:
        earlier = await queries.open_run(session, source_id=source_id, kind=kind, digest=digest)
    if earlier is not None and not anew:
        return earlier
    if earlier is not None:
        await queries.finish_run(session, now, run_id=earlier.id)
    run = await queries.begin_run(session, now, source_id=source_id, kind=kind, digest=digest)
    if run is None:
        raise AlreadyDecided(_UNDER_WAY)
    return run


async def advance_run(session: AsyncSession, *, run: Run, step: Step) -> Run:
    """Notes what this transaction has taken. Raises: AlreadyDecided when somebody else has taken it."""
    advanced = await queries.advance_run(session, run=run, step=step)
    if advanced is None:
        raise AlreadyDecided(_UNDER_WAY)
    return advanced


async def finish_run(session: AsyncSession, actor: Actor, now: datetime, *, run: Run, source_id: int) -> None:
    """The end of the file was reached."""
    await queries.finish_run(session, now, run_id=run.id)
    counts = {"accepted": run.accepted, "duplicates": run.duplicates, "refused": run.refused}
    await audit.record(session, actor, now, action="import", about={"run": run.id, "source": source_id, **counts})


async def take_records(
    session: AsyncSession, actor: Actor, now: datetime, *, desk: Desk, given: Sequence[Delivery | DomainError]
) -> Delivered:
    """Takes lines that were read, within the department's own catalogue; the scores follow at once.

    The index of a refusal is that in `given`.
    """
    refused, own = _own(given, desk)
    deliveries = [delivery for _, delivery in own]
    if actor.role is Role.SOURCE:
        await _reveal(session, desk, deliveries)
    delivered = await deliver_records(
        session,
        actor,
        now,
        programme_id=desk.programme_id,
        source_id=desk.source_id,
        rule_set_id=desk.rule_set_id,
        deliveries=deliveries,
    )
    return _told(delivered, refused, own)


async def store_lines(
    session: AsyncSession, actor: Actor, now: datetime, *, desk: Desk, given: Sequence[Delivery | DomainError]
) -> Stored:
    """The same for one of many parts of a file: the stored scores are out of date from now on, until `follow`.

    Nobody uses a score that is out of date; should nobody follow, the next day's jobs work it out.
    """
    refused, own = _own(given, desk)
    book = await rule_book(session, now, programme_id=desk.programme_id, rule_set_id=desk.rule_set_id)
    stored = await store_records(
        session,
        actor,
        now,
        book=book,
        source_id=desk.source_id,
        deliveries=[delivery for _, delivery in own],
    )
    citizens = sorted({citizen for citizen, _ in stored.kept})
    if citizens:
        scored = await writing.lock_scores(session, citizens=citizens)
        await queries.outdate_scores(session, now, citizens=scored, rule_set_id=desk.rule_set_id, today=desk.today)
    return Stored(delivered=_told(stored.delivered, refused, own), kept=stored.kept)


async def follow(session: AsyncSession, now: datetime, *, desk: Desk, kept: Sequence[tuple[int, int]]) -> None:
    """Brings the scores of these citizens up to date; the cause names the items that they have got records of."""
    book = await rule_book(session, now, programme_id=desk.programme_id, rule_set_id=desk.rule_set_id)
    cause = causes_of(kept, book)
    await rescore(session, now, citizens=sorted(cause), rule_set_id=desk.rule_set_id, today=desk.today, cause=cause)


async def follow_outdated(session: AsyncSession, now: datetime, *, desk: Desk, after: int) -> int | None:
    """Brings the next scores up to date that an earlier attempt has left out of date; None when there are no more."""
    due = await due_scores(
        session,
        programme_id=desk.programme_id,
        rule_set_id=desk.rule_set_id,
        today=desk.today,
        after=after,
        limit=FOLLOWED_AT_ONCE,
    )
    await rescore(session, now, citizens=due, rule_set_id=desk.rule_set_id, today=desk.today, cause=NEW_RECORDS)
    return due[-1] if due else None


async def take_dwellings(
    session: AsyncSession, _: Actor, __: datetime, *, desk: Desk, given: Sequence[Dwelling | DomainError]
) -> Delivered:
    """Takes lines of a register of dwellings. Of people who have not agreed to it nothing is kept."""
    kept, delivered = await sift_register(session, desk=desk, given=given, refusal=dwelling_refusal)
    vault: Vault = session.info["vault"]
    await people.keep_dwellings(
        session,
        programme_id=desk.programme_id,
        identity_digests=[vault.digest("citizen", desk.programme, one.citizen_ref) for one in kept],
        since=[one.since for one in kept],
        dwellings=[dwelling_digest(vault, desk, one.dwelling_ref) for one in kept],
    )
    return delivered


async def sift_register(
    session: AsyncSession,
    *,
    desk: Desk,
    given: Sequence[L | DomainError],
    refusal: Callable[[L, date], DomainError | None],
) -> tuple[list[L], Delivered]:
    """The lines of a register that hold, and what became of them all.

    A line that was delivered before is taken again: whoever has joined since then is linked now.
    """
    refused, read = _parted(given)
    for index, line in read:
        problem = refusal(line, desk.today)
        if problem is not None:
            refused[index] = problem
    lines = {index: line for index, line in read if index not in refused}
    new = await sift(session, source_id=desk.source_id, given=lines, sound=list(lines), refused=refused)
    kept = [line for index, line in lines.items() if index not in refused]
    return kept, Delivered(accepted=len(new), duplicates=len(kept) - len(new), refused=tuple(sorted(refused.items())))


def dwelling_digest(vault: Vault, desk: Desk, dwelling_ref: str) -> bytes:
    """How a dwelling is kept, whoever names it."""
    return vault.digest("dwelling", desk.programme, dwelling_ref)


async def import_batch(
    session: AsyncSession, actor: Actor, now: datetime, *, given: Sequence[Delivery | DomainError], key: UUID
) -> int:
    """One call of a department with up to 500 records; gives the run, which holds what was refused.

    Raises: InvalidInput for none or too many, NotAllowed for anybody but a department.
    """
    if not 1 <= len(given) <= MAX_CALL:
        raise InvalidInput(_CALL_SIZE, field="records")
    request = {"records": [told(one) if isinstance(one, DomainError) else repr(one) for one in given]}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="import_records", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    desk = await desk_of(session, now, source_id=actor.organisation_id or 0)
    delivered = await take_records(session, actor, now, desk=desk, given=given)
    run_id = await queries.add_batch(
        session,
        now,
        source_id=desk.source_id,
        counts={
            "lines": len(given),
            "accepted": delivered.accepted,
            "duplicates": delivered.duplicates,
            "refused": len(delivered.refused),
        },
        refusals=[{"index": index, **told(refusal)} for index, refusal in delivered.refused],
    )
    await idempotency.bind(session, actor, key=key, result={"id": run_id})
    return run_id


def told(refusal: DomainError) -> Mapping[str, str | None]:
    """A refusal as it is written down."""
    return {
        "code": refusal.code,
        "field": refusal.field,
        "rule": refusal.rule_source,
        "zh": refusal.message.zh,
        "en": refusal.message.en,
    }


def _own(
    given: Sequence[Delivery | DomainError], desk: Desk
) -> tuple[dict[int, DomainError], list[tuple[int, Delivery]]]:
    """What may not be taken, and what the catalogue allows, each with its index."""
    refused, read = _parted(given)
    own: list[tuple[int, Delivery]] = []
    for index, delivery in read:
        refusal = catalogue_refusal(delivery, desk)
        if refusal is None:
            own.append((index, delivery))
        else:
            refused[index] = refusal
    return refused, own


def _told(delivered: Delivered, refused: dict[int, DomainError], own: Sequence[tuple[int, Delivery]]) -> Delivered:
    """A delivery of some of the lines as one of them all."""
    everything = refused | {own[place][0]: refusal for place, refusal in delivered.refused}
    return Delivered(
        accepted=delivered.accepted, duplicates=delivered.duplicates, refused=tuple(sorted(everything.items()))
    )


def _parted(given: Sequence[T | DomainError]) -> tuple[dict[int, DomainError], list[tuple[int, T]]]:
    """What could not be read, and what could, each with its index."""
    refused = {index: one for index, one in enumerate(given) if isinstance(one, DomainError)}
    return refused, [(index, one) for index, one in enumerate(given) if not isinstance(one, DomainError)]


async def _reveal(session: AsyncSession, desk: Desk, deliveries: Sequence[Delivery]) -> None:
    """Opens the people whom the lines are about to this transaction of the department's own."""
    vault: Vault = session.info["vault"]
    digests = {vault.digest("citizen", desk.programme, one.citizen_ref) for one in deliveries}
    await corrections.reveal_by_delivery(session, digests=sorted(digests))


def catalogue_refusal(delivery: Delivery, desk: Desk) -> DomainError | None:
    """Why this department may not deliver this item; None when it may."""
    if delivery.item in desk.items:
        return None
    return NotAllowed(_NOT_IN_CATALOGUE, field="item")


_NOT_IN_CATALOGUE: Final = words(
    "该项目不在贵部门的公开目录内。请只报送目录内的项目。",
    "The item stands in no catalogue entry of your department. Deliver only what the catalogue names.",
)
_NO_DESK: Final = words(
    "该机构目前不能报送。请联系项目办公室。", "This organisation cannot deliver at present. Please ask the office."
)
_UNDER_WAY: Final = words(
    "此文件正由另一个程序导入。请等待其完成。", "Another program is importing this file. Wait until it is done."
)
_CALL_SIZE: Final = words(
    f"每次须为 1 到 {MAX_CALL} 条记录。更多请用文件。",
    f"A call takes 1 to {MAX_CALL} records. Send more of them as a file.",
)
