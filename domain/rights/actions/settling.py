"""What a case does to a record, whoever decides it: mark, release, remove; count what was missed."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor
from domain.incentives.rules.standing import Catalogue
from domain.redemption.actions import lives
from domain.rights.queries import benefits, repairs
from domain.rights.queries.papers import CaseRef
from domain.rights.rules.cases import CaseTerms, Target
from domain.rights.rules.wording import CAUSES
from domain.scoring.queries import states
from domain.scoring.queries.states import RecordKey
from domain.scoring.states import LIVE, REPAIRED, WITHDRAWN, InForce, turn_record
from domain.vault import Vault
from domain.volunteering.actions.records import drop_record
from domain.volunteering.actions.restoring import restore_service

_INSTANT: Final = timedelta(microseconds=1)


def record_key(subject: Sequence[int]) -> RecordKey:
    """The record behind the parts of its id."""
    citizen_id, source_id, ref_hash = subject
    return RecordKey(citizen_id=citizen_id, source_id=source_id, ref_hash=ref_hash)


def case_of(objection: Row[Any]) -> CaseRef:
    """An objection as the case that steps and papers hang on."""
    return CaseRef(person_id=objection.person_id, programme_id=objection.programme_id, objection_id=objection.id)


def case_of_repair(repair: Row[Any]) -> CaseRef:
    """A repair likewise."""
    return CaseRef(person_id=repair.person_id, programme_id=repair.programme_id, repair_id=repair.id)


async def contest(session: AsyncSession, now: datetime, *, terms: CaseTerms, subject: Sequence[int]) -> None:
    """Marks a record as contested."""
    await _turn(session, now, terms, record_key(subject), "CONTESTED")


async def release(session: AsyncSession, now: datetime, *, terms: CaseTerms, objection: Row[Any]) -> None:
    """An objection has come to nothing: the record it had suspended counts again, or goes on waiting to count.

    A claim on the guarantee fund that it had held up is paid when its time is over.
    """
    if objection.target == Target.REDEMPTION:
        await lives.contest_claim(session, redemption_id=objection.subject_key[0], at=None)
    if objection.target != Target.RECORD:
        return
    key = record_key(objection.subject_key)
    record = await states.record(session, now, key=key, rule_set_id=terms.rule_set_id)
    if record is None or record.state != "CONTESTED":
        return
    # What was announced and objected to before it counted is announced anew: nobody loses days by objecting.
    waiting = (
        record.announced_at is not None
        and record.announced_at < objection.eve
        and not await _counted(session, terms, objection)
    )
    await _turn(session, now, terms, key, "ANNOUNCED" if waiting else "ACTIVE")


async def _counted(session: AsyncSession, terms: CaseTerms, objection: Row[Any]) -> bool:
    """Whether the record had begun to count before the objection."""
    key = record_key(objection.subject_key)
    before = await states.record(session, objection.eve - _INSTANT, key=key, rule_set_id=terms.rule_set_id)
    return before is not None and before.state == "ACTIVE"


async def remove(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: CaseTerms,
    objection: Row[Any],
    catalogue: Catalogue,
) -> list[int]:
    """An objection was right: the record is gone, and the score follows; gives the products that it had cost.

    Of a sale, a claim that still waits is not paid; hours that were refused or cut count again; of a volunteer's
    record, what it says is deleted.
    """
    if objection.target == Target.SERVICE:
        await restore_service(session, actor, now, terms=terms, service_id=objection.subject_key[0])
    if objection.target == Target.REDEMPTION:
        await lives.deny_claim(session, now, redemption_id=objection.subject_key[0])
    if objection.target == Target.VOLUNTEER_RECORD:
        await drop_record(session, now, record_id=objection.subject_key[0])
    if objection.target != Target.RECORD:
        return []
    given = await benefits.given_products(session, programme_id=terms.programme_id)
    about = {"citizen_id": objection.citizen_id, "catalogue": catalogue, "given": given}
    before = await benefits.qualified_products(session, known_at=objection.eve - _INSTANT, **about)
    await _take_out(session, now, terms=terms, objection=objection)
    after = await benefits.qualified_products(session, known_at=now, **about)
    return sorted(after - before)


async def _take_out(session: AsyncSession, now: datetime, *, terms: CaseTerms, objection: Row[Any]) -> None:
    """A demerit that is wrong goes. A merit that is wrong stays until its department has put it right: an objection
    never costs anybody points.
    """
    key = record_key(objection.subject_key)
    record = await states.record(session, now, key=key, rule_set_id=terms.rule_set_id)
    if record is None or record.state not in LIVE:
        return
    if record.merit:
        await release(session, now, terms=terms, objection=objection)
    else:
        await _turn(session, now, terms, key, WITHDRAWN)


async def repair_record(session: AsyncSession, now: datetime, *, terms: CaseTerms, repair: Row[Any]) -> None:
    """A repaired record is gone from score, list and explanation; the auditor keeps a sealed copy."""
    key = RecordKey(citizen_id=repair.citizen_id, source_id=repair.source_id, ref_hash=repair.ref_hash)
    record = await states.record(session, now, key=key, rule_set_id=terms.rule_set_id)
    if record is None or record.state not in LIVE:
        return
    vault: Vault = session.info["vault"]
    wrapped_key = vault.new_data_key()
    content = {name: value for name, value in record._mapping.items() if name != "source_kind"}
    copy = json.dumps(content, default=str, sort_keys=True, ensure_ascii=False)
    await repairs.keep_copy(
        session,
        now,
        repair=repair,
        wrapped_key=wrapped_key,
        sealed_copy=vault.seal(wrapped_key, "repaired_record", copy),
    )
    await _turn(session, now, terms, key, REPAIRED)


async def _turn(session: AsyncSession, now: datetime, terms: CaseTerms, key: RecordKey, state: str) -> None:
    rules = InForce(rule_set_id=terms.rule_set_id, today=terms.day_of(now))
    await turn_record(session, now, key=key, state=state, rules=rules, cause=CAUSES[state])
