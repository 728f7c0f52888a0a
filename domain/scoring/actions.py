"""Storing what sources and organisers report, and keeping the stored scores in step.

deliver_records(session, actor, now, *, programme_id, source_id, rule_set_id, deliveries, announce) -> Delivered
record_services(session, actor, now, *, programme_id, source_id, rule_set_id, services) -> None
rescore(session, now, *, citizens, rule_set_id, today, cause) -> None
rescore_due(session, now, *, programme_id, rule_set_id, today, after) -> int | None

The first takes lines of any number from a department; the second makes one record of each confirmed service, in a
transaction to which the door `reveal_by_services` has shown the citizens; the third is for whatever else changes
lines, and the last for what a day changes by itself.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit
from domain.actor import Actor
from domain.errors import DomainError, InvalidInput
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import RuleSetDocument
from domain.scoring import announcing
from domain.scoring.queries import writing
from domain.scoring.queries.due import due_scores
from domain.scoring.queries.writing import NewRecord
from domain.scoring.rules.deliveries import (
    Delivery,
    ServiceRecord,
    content_of,
    ref_hash_of,
    refusal_of,
    service_ref,
    x100,
)
from domain.values import Words, words
from domain.vault import Vault

NAMED_IN_A_CAUSE: Final = 3
NEW_RECORDS: Final = words("新记录", "New records")
DAY_TURNED: Final = words("记录到期或规则更新", "Records came to their end, or the rules changed")
DUE_AT_ONCE: Final = 1000
T = TypeVar("T", bound="Line")


class Line(Protocol):
    """Anything that a source delivers under a reference of its own."""

    @property
    def source_ref(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What became of a delivery. Lines about people without a score count as accepted and are not kept."""

    accepted: int
    duplicates: int
    refused: tuple[tuple[int, DomainError], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A delivery, and what of it was kept: citizen and item. Whose scores follow is nobody's business but ours."""

    delivered: Delivered
    kept: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """What storing a record has to know of the programme."""

    programme_id: int
    programme: str
    rule_set_id: int
    today: date
    rules: RuleSetDocument
    item_ids: Mapping[str, int]
    announced_days: int


async def deliver_records(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    programme_id: int,
    source_id: int,
    rule_set_id: int,
    deliveries: Sequence[Delivery],
    announce: bool = True,
) -> Delivered:
    """Takes a source's lines: all that hold are stored at once, each other one is refused by itself.

    Unknown, not joined, withdrawn and under 18 are one case: accepted, not kept, and repeated like any other line.
    Demerits wait until their people have been told for so many days; `announce` is false for what a programme takes
    over from before, which counts already.
    """
    book = await rule_book(session, now, programme_id=programme_id, rule_set_id=rule_set_id)
    stored = await store_records(
        session, actor, now, book=book, source_id=source_id, deliveries=deliveries, announce=announce
    )
    cause = causes_of(stored.kept, book)
    await rescore(session, now, citizens=sorted(cause), rule_set_id=rule_set_id, today=book.today, cause=cause)
    return stored.delivered


async def store_records(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    book: RuleBook,
    source_id: int,
    deliveries: Sequence[Delivery],
    announce: bool = True,
) -> Stored:
    """Takes a source's lines as `deliver_records` does; the scores of those whom it gives are still to follow."""
    refused: dict[int, DomainError] = {}
    sound: list[int] = []
    for index, delivery in enumerate(deliveries):
        refusal = refusal_of(delivery, book.rules, book.today)
        if refusal is None:
            sound.append(index)
        else:
            refused[index] = refusal
    new = await sift(session, source_id=source_id, given=deliveries, sound=sound, refused=refused)
    vault: Vault = session.info["vault"]
    records = [record_of(delivery, book, vault) for delivery in new]
    kept = await writing.keep_records(
        session, now, programme_id=book.programme_id, source_id=source_id, records=records
    )
    if announce:
        await announce_kept(session, now, book, records, source_id=source_id, kept=kept)
    delivered = Delivered(
        accepted=len(new),
        duplicates=len(deliveries) - len(new) - len(refused),
        refused=tuple(sorted(refused.items())),
    )
    counts = {"accepted": delivered.accepted, "duplicates": delivered.duplicates, "refused": len(refused)}
    await audit.record(session, actor, now, action="deliver_records", about={"source": source_id, **counts})
    return Stored(delivered=delivered, kept=tuple(kept))


async def announce_kept(
    session: AsyncSession,
    now: datetime,
    book: RuleBook,
    records: Sequence[NewRecord],
    *,
    source_id: int,
    kept: Sequence[tuple[int, int]],
) -> None:
    """Lets the demerits among what was kept wait, and tells their people."""
    adverse = {book.item_ids[item.code] for item in book.rules.items if not item.merit}
    if adverse.isdisjoint(item for _, item in kept):
        return
    await announcing.announce(
        session,
        now,
        rules=announcing.Announced(
            programme_id=book.programme_id,
            rule_set_id=book.rule_set_id,
            source_id=source_id,
            document=book.rules,
            counts_from=announcing.counting_from(book.today, book.announced_days),
        ),
        citizens=sorted({citizen for citizen, _ in kept}),
        ref_hashes=[record.ref_hash for record in records],
    )


async def record_services(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    programme_id: int,
    source_id: int,
    rule_set_id: int,
    services: Sequence[ServiceRecord],
    earlier: bool = False,
) -> None:
    """Turns confirmed services into records of the programme's volunteer hours; those before joining are not kept.

    `earlier`: the citizen has said that those count too.
    """
    book = await rule_book(session, now, programme_id=programme_id, rule_set_id=rule_set_id)
    item = book.rules.volunteer_item()
    records = [_record_of_service(service, book.item_ids[item.code], book.today) for service in services]
    keep = writing.keep_earlier_records if earlier else writing.keep_records_of_citizens
    kept = await keep(session, now, programme_id=programme_id, source_id=source_id, records=records)
    events: dict[int, dict[str, Words]] = defaultdict(dict)
    for service in services:
        events[service.citizen_id][service.about] = words(service.about, service.about)
    title = item.title
    cause = {citizen: named_cause(title, list(events[citizen].values())) for citizen, _ in kept}
    await rescore(session, now, citizens=sorted(cause), rule_set_id=rule_set_id, today=book.today, cause=cause)


async def rescore(
    session: AsyncSession,
    now: datetime,
    *,
    citizens: Sequence[int],
    rule_set_id: int,
    today: date,
    cause: Words | Mapping[int, Words],
) -> None:
    """Brings the stored scores of these citizens up to date; each that moves gets a change with this cause.

    The citizens are locked first, so that of two transactions that store records the second sums both.
    """
    scored = await writing.lock_scores(session, citizens=citizens) if citizens else []
    if scored:
        causes = {citizen: cause if isinstance(cause, Words) else cause[citizen] for citizen in scored}
        await writing.rescore(session, now, citizens=scored, rule_set_id=rule_set_id, today=today, causes=causes)


async def rescore_due(
    session: AsyncSession, now: datetime, *, programme_id: int, rule_set_id: int, today: date, after: int = 0
) -> int | None:
    """Works out again the next scores that are past their day or from earlier rules. Runs as the worker.

    Gives the last citizen's number, after which the next call goes on, or None when all are done.
    """
    due = await due_scores(
        session, programme_id=programme_id, rule_set_id=rule_set_id, today=today, after=after, limit=DUE_AT_ONCE
    )
    await rescore(session, now, citizens=due, rule_set_id=rule_set_id, today=today, cause=DAY_TURNED)
    return due[-1] if len(due) == DUE_AT_ONCE else None


async def rule_book(session: AsyncSession, now: datetime, *, programme_id: int, rule_set_id: int) -> RuleBook:
    """What storing a record has to know, by these rules and on this day."""
    row = await writing.rule_book(session, programme_id=programme_id, rule_set_id=rule_set_id)
    return RuleBook(
        programme_id=programme_id,
        programme=row.code,
        rule_set_id=rule_set_id,
        today=now.astimezone(ZoneInfo(row.timezone)).date(),
        rules=from_json(RuleSetDocument, row.content),
        item_ids=row.items,
        announced_days=row.announced_days,
    )


async def sift(
    session: AsyncSession,
    *,
    source_id: int,
    given: Sequence[T] | Mapping[int, T],
    sound: Sequence[int],
    refused: dict[int, DomainError],
) -> list[T]:
    """The lines whose reference is new; notes those whose reference stands for something else as refused."""
    vault: Vault = session.info["vault"]
    first: dict[int, tuple[int, int]] = {}
    later: list[tuple[int, int, int]] = []
    for index in sound:
        reference = reference_of(vault, source_id, given[index].source_ref)
        content = content_mark(vault, source_id, given[index])
        if reference in first:
            later.append((index, reference, content))
        else:
            first[reference] = (index, content)
    contents = {reference: content for reference, (_, content) in first.items()}
    new = await writing.mark_deliveries(session, source_id=source_id, contents=contents)
    known = [reference for reference in first if reference not in new]
    before = await writing.marked_deliveries(session, source_id=source_id, references=known)
    later += [(first[reference][0], reference, first[reference][1]) for reference in known]
    for index, reference, content in later:
        if content != before.get(reference, contents[reference]):
            refused[index] = _other_content()
    return [given[index] for reference, (index, _) in first.items() if reference in new]


def reference_of(vault: Vault, source_id: int, source_ref: str) -> int:
    """How a reference of this source is noted, whether or not anything is kept of its line."""
    return _digest(vault, "delivery", str(source_id), source_ref)


def content_mark(vault: Vault, source_id: int, line: Line) -> int:
    """How the content of a line is noted."""
    return _digest(vault, "delivery content", str(source_id), content_of(line))


def _digest(vault: Vault, purpose: str, *parts: str) -> int:
    return int.from_bytes(vault.digest(purpose, *parts)[:8], signed=True)


def _other_content() -> DomainError:
    return InvalidInput(
        words(
            "这个编号已用于另一条内容。要更正,请使用 correctRecord。",
            "This reference already stands for another content. To correct it, use correctRecord.",
        ),
        field="sourceRef",
    )


def record_of(delivery: Delivery, book: RuleBook, vault: Vault) -> NewRecord:
    """The record that a line makes, for whoever it is about."""
    document = delivery.document_id
    return NewRecord(
        identity_digest=vault.digest("citizen", book.programme, delivery.citizen_ref),
        item_id=book.item_ids[delivery.item],
        ref_hash=ref_hash_of(delivery.source_ref),
        source_ref=delivery.source_ref,
        occurred_on=delivery.occurred_on,
        ended_on=delivery.ended_on,
        determined_on=delivery.determined_on,
        quantity_x100=x100(delivery.quantity),
        document_id=document,
        document_hash=None if document is None else ref_hash_of(document),
        evidence=delivery.evidence,
    )


def _record_of_service(service: ServiceRecord, item_id: int, today: date) -> NewRecord:
    """Whichever date the programme counts from is there; the service is its own document, and one fact."""
    reference = service_ref(service.service_id, service.revision)
    return NewRecord(
        citizen_id=service.citizen_id,
        item_id=item_id,
        ref_hash=ref_hash_of(reference),
        source_ref=reference,
        occurred_on=service.served_on,
        ended_on=service.served_on,
        determined_on=max(service.served_on, today),
        quantity_x100=service.hours_x100,
        document_id=reference,
        document_hash=ref_hash_of(reference),
        evidence=service.about,
    )


def causes_of(kept: Sequence[tuple[int, int]], book: RuleBook) -> dict[int, Words]:
    """For each citizen the items of the new records."""
    titles = {book.item_ids[item.code]: item.title for item in book.rules.items}
    named: dict[int, dict[int, Words]] = defaultdict(dict)
    for citizen, item_id in kept:
        named[citizen][item_id] = titles[item_id]
    return {citizen: named_cause(NEW_RECORDS, list(each.values())) for citizen, each in named.items()}


def named_cause(what: Words, which: Sequence[Words]) -> Words:
    """What happened, and the first few of what it happened with."""
    named, more = which[:NAMED_IN_A_CAUSE], len(which) > NAMED_IN_A_CAUSE
    return words(
        f"{what.zh}:{'、'.join(one.zh for one in named)}{'等' if more else ''}",
        f"{what.en}: {'; '.join(one.en for one in named)}{'; and more' if more else ''}",
    )
