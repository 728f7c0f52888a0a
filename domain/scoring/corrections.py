"""A department corrects or withdraws what it has delivered; score, lines and decisions follow in the same transaction.

A correction is a new record that names the one it takes the place of. It may keep the reference or bring another. Of
people who have not joined nothing was kept and nothing is: the answers are the same.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.errors import AlreadyDecided, DomainError, InvalidInput, NotFound
from domain.scoring.actions import (
    RuleBook,
    announce_kept,
    content_mark,
    named_cause,
    record_of,
    reference_of,
    rescore,
    rule_book,
)
from domain.scoring.imports import Desk, catalogue_refusal, desk_of
from domain.scoring.queries import corrections as queries
from domain.scoring.queries import writing
from domain.scoring.queries.corrections import Ended, Noted
from domain.scoring.rules.deliveries import Delivery, ref_hash_of, refusal_of, revised_ref, text_refusal
from domain.values import Words, words
from domain.vault import Vault

CORRECTED: Final = "CORRECTED"
WITHDRAWN: Final = "WITHDRAWN"
# What a citizen is rid of does not come back as a correction.
_GONE: Final = ("REPAIRED", "DECLINED")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One reference of a department that is to be changed, locked, with the rules of the moment."""

    desk: Desk
    book: RuleBook
    reference: int
    noted: Noted
    ref_hash: int
    reason: str


async def correct_record(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    source_ref: str,
    given: Delivery | DomainError,
    reason: str,
    key: UUID,
) -> str:
    """Puts a new record in the place of the one delivered under this reference; gives what has become of that one.

    Raises: NotFound for a reference never delivered, AlreadyDecided for one that has ended, InvalidInput, RuleRefused.
    """
    _check_texts(source_ref, reason)
    if isinstance(given, DomainError):
        raise given
    request = {"source_ref": source_ref, "record": repr(given), "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="correct_record", request=request)
    if earlier is not None:
        return str(earlier["state"])
    case = await _open(session, actor, now, source_ref=source_ref, reason=reason)
    refusal = catalogue_refusal(given, case.desk) or refusal_of(given, case.book.rules, case.book.today)
    if refusal is not None:
        raise refusal
    ref_hash = await _note_correction(session, case, source_ref=source_ref, given=given)
    await _replace(session, now, case, given=given, ref_hash=ref_hash)
    await _close(session, actor, now, case, state=CORRECTED, key=key)
    return CORRECTED


async def withdraw_record(
    session: AsyncSession, actor: Actor, now: datetime, *, source_ref: str, reason: str, key: UUID
) -> str:
    """Takes back what was delivered under this reference; gives what has become of it.

    Raises: NotFound for a reference never delivered, AlreadyDecided for one that has ended, InvalidInput.
    """
    _check_texts(source_ref, reason)
    request = {"source_ref": source_ref, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="withdraw_record", request=request)
    if earlier is not None:
        return str(earlier["state"])
    case = await _open(session, actor, now, source_ref=source_ref, reason=reason)
    source_id = case.desk.source_id
    await queries.close_delivery(session, source_id=source_id, reference=case.reference, ended=WITHDRAWN)
    await queries.reveal_by_reference(session, ref_hash=case.ref_hash, digests=[])
    ended = await _end(session, now, case, state=WITHDRAWN)
    touched = [] if ended is None else [ended.citizen_id]
    await _rescore(session, now, case, citizens=touched, what=_WITHDRAWN_CAUSE, item=_title(case, ended))
    await _close(session, actor, now, case, state=WITHDRAWN, key=key)
    return WITHDRAWN


def _check_texts(source_ref: str, reason: str) -> None:
    refusal = text_refusal((("sourceRef", source_ref), ("reason", reason)))
    if refusal is not None:
        raise refusal


async def _open(session: AsyncSession, actor: Actor, now: datetime, *, source_ref: str, reason: str) -> _Case:
    desk = await desk_of(session, now, source_id=actor.organisation_id or 0)
    vault: Vault = session.info["vault"]
    reference = reference_of(vault, desk.source_id, source_ref)
    noted = await queries.lock_delivery(session, source_id=desk.source_id, reference=reference)
    if noted is None:
        raise NotFound(_NEVER_DELIVERED, field="sourceRef")
    if noted.ended is not None:
        raise AlreadyDecided(_ENDED, field="sourceRef")
    return _Case(
        desk=desk,
        book=await rule_book(session, now, programme_id=desk.programme_id, rule_set_id=desk.rule_set_id),
        reference=reference,
        noted=noted,
        ref_hash=ref_hash_of(revised_ref(source_ref, noted.revision)),
        reason=reason,
    )


async def _note_correction(session: AsyncSession, case: _Case, *, source_ref: str, given: Delivery) -> int:
    """Notes what the reference stands for now, or the new one; gives the hash of the new record."""
    vault: Vault = session.info["vault"]
    source_id, content = case.desk.source_id, content_mark(vault, case.desk.source_id, given)
    if given.source_ref == source_ref:
        if content == case.noted.content:
            raise InvalidInput(_NOTHING_DIFFERS, field="record")
        revision = case.noted.revision + 1
        await queries.revise_delivery(
            session, source_id=source_id, reference=case.reference, content=content, revision=revision
        )
        return ref_hash_of(revised_ref(source_ref, revision))
    reference = reference_of(vault, source_id, given.source_ref)
    if not await writing.mark_deliveries(session, source_id=source_id, contents={reference: content}):
        raise InvalidInput(_REFERENCE_TAKEN, field="record.sourceRef")
    await queries.close_delivery(session, source_id=source_id, reference=case.reference, ended=CORRECTED)
    return ref_hash_of(given.source_ref)


async def _replace(session: AsyncSession, now: datetime, case: _Case, *, given: Delivery, ref_hash: int) -> None:
    vault: Vault = session.info["vault"]
    desk, record = case.desk, record_of(given, case.book, vault)
    await queries.reveal_by_reference(session, ref_hash=case.ref_hash, digests=[record.identity_digest or b""])
    ended = await _end(session, now, case, state=CORRECTED)
    record = replace(record, ref_hash=ref_hash, corrects=None if ended is None else case.ref_hash)
    kept = await writing.keep_records(
        session, now, programme_id=desk.programme_id, source_id=desk.source_id, records=[record]
    )
    if ended is not None and ended.state in _GONE:
        await queries.continue_state(session, now, source_id=desk.source_id, ref_hash=ref_hash, state=ended.state)
    else:
        # What is adverse waits as if it were reported for the first time: its person reads another fact.
        await announce_kept(session, now, case.book, [record], source_id=desk.source_id, kept=kept)
    touched = {citizen for citizen, _ in kept} | ({ended.citizen_id} if ended is not None else set())
    title = next(item.title for item in case.book.rules.items if item.code == given.item)
    await _rescore(session, now, case, citizens=sorted(touched), what=_CORRECTED_CAUSE, item=title)


async def _end(session: AsyncSession, now: datetime, case: _Case, *, state: str) -> Ended | None:
    return await queries.end_record(
        session, now, source_id=case.desk.source_id, ref_hash=case.ref_hash, state=state, reason=case.reason
    )


async def _rescore(
    session: AsyncSession, now: datetime, case: _Case, *, citizens: list[int], what: Words, item: Words
) -> None:
    """The citizen reads what was changed, and why."""
    cause = named_cause(what, [words(f"{item.zh}({case.reason})", f"{item.en} ({case.reason})")])
    await rescore(
        session, now, citizens=citizens, rule_set_id=case.desk.rule_set_id, today=case.book.today, cause=cause
    )


async def _close(session: AsyncSession, actor: Actor, now: datetime, case: _Case, *, state: str, key: UUID) -> None:
    about = {"source": case.desk.source_id, "delivery": case.reference}
    await audit.record(session, actor, now, action=f"record_{state.lower()}", about=about)
    await idempotency.bind(session, actor, key=key, result={"state": state})


def _title(case: _Case, ended: Ended | None) -> Words:
    codes = {number: code for code, number in case.book.item_ids.items()}
    code = None if ended is None else codes[ended.item_id]
    return next((item.title for item in case.book.rules.items if item.code == code), _SOME_RECORD)


_CORRECTED_CAUSE: Final = words("记录更正", "Record corrected")
_WITHDRAWN_CAUSE: Final = words("记录撤回", "Record withdrawn")
_SOME_RECORD: Final = words("一条记录", "a record")
_NEVER_DELIVERED: Final = words(
    "贵部门没有报送过这个编号。请检查编号。", "Your department never delivered this reference. Check it."
)
_ENDED: Final = words(
    "这个编号的记录已更正或撤回。请使用更正后的编号,或以新编号报送。",
    "What this reference stood for was corrected or withdrawn. Use the correction's reference, or deliver a new one.",
)
_NOTHING_DIFFERS: Final = words(
    "更正内容与原记录相同。请更正有误之处。", "The correction says what the record says. Change what is wrong."
)
_REFERENCE_TAKEN: Final = words(
    "更正所用的新编号已用于另一条记录。请换一个编号,或沿用原编号。",
    "The correction's reference already stands for another record. Take a new one, or keep the old.",
)
