"""Records to and from other platforms. Hours that come in are claims: somebody else still has to confirm them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.calendar import add_working_days
from domain.errors import DomainError, InvalidInput, NotFound
from domain.values import words
from domain.vault import Vault
from domain.volunteering.actions import deciding
from domain.volunteering.actions.events import organiser_of
from domain.volunteering.actions.records import take_record
from domain.volunteering.queries import events, exchange, records, trust
from domain.volunteering.queries.records import ExportedRecord
from domain.volunteering.queries.trust import NewService, Step
from domain.volunteering.rules import exchange as rules
from domain.volunteering.rules import services
from domain.volunteering.rules.exchange import Claim, Delivered
from domain.volunteering.rules.records import Kind, content_of
from domain.volunteering.rules.terms import VolunteerTerms
from domain.volunteering.rules.trust import signals_of_time

PURPOSE = "hours from another platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of an import: how many lines are new and known, and why the others, by their index, were refused."""

    accepted: int
    duplicates: int
    refused: tuple[tuple[int, dict[str, str | None]], ...]


async def export_services(
    session: AsyncSession, actor: Actor, now: datetime, *, between: tuple[datetime, datetime], after: int
) -> list[tuple[int, str]]:
    """A page of the organisation's own records of service, as lines of the format; the key of a page is the id.

    Raises:
        NotAllowed: not an organiser.
    """
    _, organisation_id = organiser_of(actor)
    lines = await exchange.export_lines(
        session, organisation_id=organisation_id, between=between, after=after, limit=rules.MOST_EXPORTED
    )
    about = {"organisation": organisation_id, "after": after, "lines": len(lines)}
    await audit.record(session, actor, now, action="export_services", about=about)
    return lines


async def export_records(
    session: AsyncSession, actor: Actor, now: datetime, *, between: tuple[date, date], after: int
) -> list[tuple[int, str]]:
    """A page of the training, awards and evaluations that the organisation has recorded, as lines of the format.

    Raises:
        NotAllowed: not an organiser.
    """
    _, organisation_id = organiser_of(actor)
    found = await records.page(
        session, organisation_id=organisation_id, between=between, after=after, limit=rules.MOST_EXPORTED
    )
    vault: Vault = session.info["vault"]
    lines = [(one.id, _line(vault, one)) for one in found]
    about = {"organisation": organisation_id, "after": after, "lines": len(lines)}
    await audit.record(session, actor, now, action="export_volunteer_records", about=about)
    return lines


def _line(vault: Vault, one: ExportedRecord) -> str:
    """Without content once the volunteer's key was erased."""
    groups: dict[str, object] = {}
    if one.wrapped_key is not None:
        content = content_of(vault.open(one.wrapped_key, "volunteer record", one.sealed_content))
        groups = rules.groups_of(Kind(one.kind), content, one.dated_on, one.organisation.zh)
    line = {
        "format": rules.FORMAT,
        "platform": one.platform,
        "ref": f"record-{one.id}",
        "personal": {"volunteerNumber": one.number},
        "service": None,
        **groups,
    }
    return json.dumps(line, ensure_ascii=False)


async def import_services(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, lines: Sequence[str], key: UUID
) -> Imported:
    """Takes hours over as claims, each line by itself; a line that was taken before changes nothing.

    Raises:
        NotAllowed: not an organiser.
        InvalidInput: none or too many lines.
    """
    organiser_of(actor)
    if not 0 < len(lines) <= rules.MOST_LINES:
        raise InvalidInput(
            words(f"每次可导入1至{rules.MOST_LINES}行。", f"Import 1 to {rules.MOST_LINES} lines at a time."),
            field="lines",
        )
    request = {"lines": list(lines)}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="importServices", request=request)
    if earlier is not None:
        refused = cast("list[tuple[int, dict[str, str | None]]]", earlier["refused"])
        accepted, duplicates = cast("list[int]", earlier["counts"])
        return Imported(
            accepted=accepted, duplicates=duplicates, refused=tuple((index, error) for index, error in refused)
        )
    imported = await _take_all(session, actor, now, terms=terms, lines=lines)
    counts = [imported.accepted, imported.duplicates]
    await audit.record(session, actor, now, action="import_services", about={"counts": counts})
    await idempotency.bind(session, actor, key=key, result={"counts": counts, "refused": list(imported.refused)})
    return imported


async def _take_all(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, lines: Sequence[str]
) -> Imported:
    accepted = duplicates = 0
    refused: list[tuple[int, dict[str, str | None]]] = []
    for index, line in enumerate(lines):
        savepoint = await session.begin_nested()
        try:
            taken = await _take(session, actor, now, terms=terms, given=rules.delivered_by(line, now, terms))
        except DomainError as error:
            await savepoint.rollback()
            refused.append((index, rules.told(error)))
        else:
            await savepoint.commit()
            accepted, duplicates = accepted + taken, duplicates + (not taken)
    return Imported(accepted=accepted, duplicates=duplicates, refused=tuple(refused))


async def _take(session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, given: Delivered) -> bool:
    """Whether anything in the line is new. The hours come first: who gave them has taken part."""
    taken = given.claim is not None and await _take_claim(session, actor, now, terms=terms, claim=given.claim)
    for draft in given.records:
        taken = await take_record(session, actor, now, terms=terms, draft=draft) is not None or taken
    return taken


async def _take_claim(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, claim: Claim
) -> bool:
    """Whether the claim is new.

    Raises:
        NotFound: no volunteer of this number.
        Overlap: it shares time with another stretch.
    """
    volunteer_id = await exchange.volunteer_by_number(session, number=claim.volunteer_number)
    if volunteer_id is None:
        raise NotFound(field="personal.volunteerNumber")
    event_id = await exchange.add_event(session, whose=organiser_of(actor), person_id=actor.person_id, claim=claim)
    if event_id is None:
        return False
    await events.save_sign_up(session, event_id=event_id, volunteer_id=volunteer_id, status="CHECKED_IN", now=now)
    between = (claim.draft.starts_at, claim.draft.ends_at)
    await trust.lock_seated(session, event_id=event_id, number=claim.volunteer_number, programme_id=actor.programme_id)
    elsewhere = await trust.elsewhere(
        session, volunteer_id=volunteer_id, service_id=None, event_id=event_id, between=between, terms=terms
    )
    service_id = None
    if not elsewhere.overlaps:
        service_id = await trust.enter(
            session,
            new=NewService(
                event_id=event_id,
                volunteer_id=volunteer_id,
                started_at=between[0],
                ended_at=between[1],
                minutes=claim.minutes,
                status="AWAITING_CONFIRMATION",
                entered_by="IMPORT",
                person_id=actor.person_id,
                sealed_reason=None,
                confirm_by=add_working_days(terms.day_of(now), terms.confirm_working_days)[0],
                signals=signals_of_time(elsewhere, claim.minutes, terms),
            ),
        )
    if service_id is None:
        raise services.overlap()
    step = Step(service_id=service_id, from_status=None, to_status="AWAITING_CONFIRMATION", to_minutes=claim.minutes)
    await trust.note(session, actor, now, steps=[step])
    awaited = await deciding.lock(session, actor, service_ids=[service_id])
    await deciding.tell(session, actor, now, about=list(awaited.values()), purpose=PURPOSE)
    return True
