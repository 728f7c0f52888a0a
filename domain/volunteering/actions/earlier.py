"""Hours from before joining: they count for points only when the volunteer says so."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.consent import actions as consent
from domain.errors import ConsentRequired, NotAllowed
from domain.programmes import queries as programmes
from domain.scoring import actions as scoring
from domain.scoring.rules.deliveries import ServiceRecord
from domain.values import words
from domain.volunteering.actions.sign_ups import volunteer_of
from domain.volunteering.queries import services, volunteers
from domain.volunteering.rules.terms import VolunteerTerms


async def count_earlier_hours(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, key: UUID
) -> int:
    """Turns the caller's confirmed hours from before they joined into records; gives how many stretches that were.

    Asking again counts nothing twice.

    Raises:
        NotAllowed: not registered, or not joined.
        ConsentRequired: no consent to a score, or to volunteering.
    """
    volunteer_id, _ = volunteer_of(actor)
    if actor.citizen_id is None:
        raise NotAllowed(words("请先加入项目。", "Join the programme first."))
    earlier = await idempotency.claim(session, actor, now, key=key, operation="countEarlierHours", request={})
    if earlier is not None:
        return int(str(earlier["count"]))
    if not {"score", "volunteering"} <= set(await consent.standing(session, actor)):
        raise ConsentRequired(
            words(
                "计入积分须同意“计算积分”和“志愿服务”。请先同意。",
                "Hours count once you have agreed to a score and to volunteering. Agree to both first.",
            )
        )
    await volunteers.lock(session, volunteer_id=volunteer_id)
    count = await _record(
        session, actor, now, terms=terms, whose=(volunteer_id, actor.citizen_id, actor.programme_id or 0)
    )
    await audit.record(session, actor, now, action="count_earlier_hours", about={"stretches": count})
    await idempotency.bind(session, actor, key=key, result={"count": count})
    return count


async def _record(
    session: AsyncSession, actor: Actor, now: datetime, *, terms: VolunteerTerms, whose: tuple[int, int, int]
) -> int:
    """`whose`: volunteer, citizen and programme."""
    volunteer_id, citizen_id, programme_id = whose
    found = await services.earlier(session, volunteer_id=volunteer_id, citizen_id=citizen_id, timezone=terms.timezone)
    rules_now = await programmes.rule_set_on(session, programme_id=programme_id, day=terms.day_of(now))
    if rules_now is None or not found:
        return 0
    records: dict[int, list[ServiceRecord]] = defaultdict(list)
    for row in found:
        records[row.organisation_id].append(
            ServiceRecord(
                citizen_id=citizen_id,
                service_id=row.id,
                hours_x100=row.minutes * 100 // 60,
                served_on=terms.day_of(row.started_at),
                about=f"{row.title} · {row.name['zh']}",
                revision=row.revision,
            )
        )
    for organisation_id, group in records.items():
        await scoring.record_services(
            session,
            actor,
            now,
            programme_id=programme_id,
            source_id=organisation_id,
            rule_set_id=rules_now.id,
            services=group,
            earlier=True,
        )
    return len(found)
