"""Training, awards and evaluations: recorded by the organisation, put right by it, declined by the volunteer."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.consent import actions as consent
from domain.errors import AlreadyDecided, NotFound
from domain.notices import actions as notices
from domain.notices.rules import Kind as NoticeKind
from domain.notices.rules import NewNotice
from domain.values import Words, words
from domain.vault import Vault
from domain.volunteering.actions.events import organiser_of
from domain.volunteering.actions.sign_ups import volunteer_of
from domain.volunteering.queries import records, services
from domain.volunteering.queries.records import NewRecord
from domain.volunteering.rules import records as rules
from domain.volunteering.rules.records import Content, RecordDraft, Taker
from domain.volunteering.rules.registration import read_number
from domain.volunteering.rules.terms import VolunteerTerms

PURPOSE = "volunteer record"


async def add_record(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, draft: RecordDraft, key: UUID
) -> int:
    """Writes down a training, an award or an evaluation of somebody who took part; gives its id.

    Raises:
        NotAllowed: not an organiser.
        InvalidInput, RuleRefused: a value is out of its limits, or an evaluation is a grade.
        TooLate: the days in which an evaluation is recorded are over.
        NotFound, SamePerson: nobody of this number took part, or it is oneself.
        AlreadyDecided: it is recorded already, or declined.
    """
    organiser_of(actor)
    earlier = await idempotency.claim(session, actor, now, key=key, operation="addRecord", request=asdict(draft))
    if earlier is not None:
        return int(str(earlier["id"]))
    rules.check_in_time(draft, terms.day_of(now), terms.confirm_working_days)
    record_id = await take_record(session, actor, now, terms=terms, draft=draft)
    if record_id is None:
        raise rules.known_already()
    await audit.record(session, actor, now, action="add_volunteer_record", about={"record": record_id})
    await idempotency.bind(session, actor, key=key, result={"id": record_id})
    return record_id


async def take_record(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, draft: RecordDraft
) -> int | None:
    """Keeps a record and tells its volunteer; None when this fact is there already, or was declined.

    Raises:
        InvalidInput, RuleRefused, NotFound, SamePerson: as for adding one.
    """
    whose = organiser_of(actor)
    content = rules.check_draft(draft, terms.day_of(now))
    taker = await _taker(session, actor, terms=terms, draft=draft)
    new = _new(session, draft, content, organisation_id=whose[1], taker=taker)
    record_id = await records.add(session, now, new=new, whose=whose, person_id=actor.person_id)
    if record_id is not None:
        await _tell(
            session, actor, now, person_id=taker.person_id, record_id=record_id, kind=NoticeKind.VOLUNTEER_RECORD_ADDED
        )
    return record_id


async def correct_record(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    terms: VolunteerTerms,
    correction: tuple[int, RecordDraft],
    key: UUID,
) -> int:
    """Puts a record right: what was wrong is gone. `correction`: the record, and what it shall say. Gives its id.

    Raises:
        NotFound: no record of this organisation, or of another volunteer or kind.
        InvalidInput, RuleRefused, SamePerson: as for adding one.
    """
    record_id, draft = correction
    whose = organiser_of(actor)
    request = {"record": record_id, **asdict(draft)}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="correctRecord", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    stored = await records.lock(session, record_id=record_id)
    same = (draft.kind.value, read_number(draft.volunteer_number))
    if stored is None or stored.organisation_id != whose[1] or (stored.kind, stored.number) != same:
        raise NotFound
    content = rules.check_draft(draft, terms.day_of(now))
    taker = await _taker(session, actor, terms=terms, draft=draft)
    new = _new(session, draft, content, organisation_id=whose[1], taker=taker)
    await records.correct(session, now, record_id=record_id, new=new, person_id=actor.person_id)
    await _tell(
        session, actor, now, person_id=stored.person_id, record_id=record_id, kind=NoticeKind.VOLUNTEER_RECORD_CORRECTED
    )
    await audit.record(session, actor, now, action="correct_volunteer_record", about={"record": record_id})
    await idempotency.bind(session, actor, key=key, result={"id": record_id})
    return record_id


async def decline_record(session: AsyncSession, actor: Actor, now: datetime, *, record_id: int, key: UUID) -> int:
    """The volunteer does not want a record to be kept: what it says is deleted. Gives its id.

    Raises:
        NotAllowed: not registered as a volunteer.
        NotFound: no record of the caller's own.
        AlreadyDecided: declined before.
    """
    volunteer_id, _ = volunteer_of(actor)
    request = {"record": record_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="declineVolunteerRecord", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    stored = await records.lock(session, record_id=record_id)
    if stored is None or stored.volunteer_id != volunteer_id:
        raise NotFound
    if stored.declined_at is not None:
        raise AlreadyDecided(words("这条记录已不再保留。", "This record is not kept any more."), field="id")
    await records.decline(session, now, record_id=record_id)
    await idempotency.bind(session, actor, key=key, result={"id": record_id})
    return record_id


async def drop_record(session: AsyncSession, now: datetime, *, record_id: int) -> None:
    """An objection to a record was right: what it says is deleted, as if its volunteer had declined it."""
    await records.decline(session, now, record_id=record_id)


async def _taker(session: AsyncSession, actor: Actor, *, terms: VolunteerTerms, draft: RecordDraft) -> Taker:
    day = terms.between(draft.on, draft.on)
    number = read_number(draft.volunteer_number)
    found = await records.taker(session, number=number, whose=organiser_of(actor), day=day)
    return rules.check_taker(found, draft, actor.person_id)


def _new(
    session: AsyncSession, draft: RecordDraft, content: Content, *, organisation_id: int, taker: Taker
) -> NewRecord:
    vault: Vault = session.info["vault"]
    if taker.wrapped_key is None:
        raise NotFound(field="volunteerNumber")
    return NewRecord(
        volunteer_id=taker.id,
        kind=draft.kind.value,
        on=draft.on,
        fact=rules.fact_of(vault, draft, organisation_id=organisation_id, volunteer_id=taker.id),
        sealed_content=vault.seal(taker.wrapped_key, "volunteer record", content.to_json()),
    )


async def _tell(
    session: AsyncSession, actor: Actor, now: datetime, *, person_id: int, record_id: int, kind: NoticeKind
) -> None:
    """The volunteer learns what is kept about them, and sees in their log who wrote it down."""
    programme_id, organisation_id = organiser_of(actor)
    name = await services.organisation_name(session, organisation_id=organisation_id)
    await consent.record_access(session, actor, now, person_id=person_id, actor_name=name, purpose=PURPOSE, what=_WHAT)
    told = NewNotice(
        person_id=person_id,
        programme_id=programme_id,
        kind=kind,
        subject=f"volunteer record:{record_id}:{now.isoformat()}",
        params={"organisation": {"zh": name.zh, "en": name.en}},
    )
    await notices.tell(session, now, notices=[told])


_WHAT: Words = words("志愿者编号和一条培训、表彰或评价记录", "Volunteer number, and a training, award or evaluation")
