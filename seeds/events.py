"""Events of the demo's volunteer bodies: a standing one that is always open, and some in the days to come."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.programmes.rules.document import Organisation, ProgrammeDocument
from domain.programmes.rules.terms import OrganisationKind
from domain.volunteering.rules.events import EventDraft

_PLACES = 500
_DAYS_AHEAD = (2, 5, 9, 16)
_STANDING_H = 12


def drafts(document: ProgrammeDocument, now: datetime) -> dict[tuple[str, str], EventDraft]:
    """What should be on the list now, by organisation and reference.

    The standing event begins an hour before the first start, and each start moves its end twelve hours ahead; so it
    is the first on the list, has begun, goes on for hours and has places.
    """
    bodies = [one for one in document.organisations if one.kind is OrganisationKind.VOLUNTEER_BODY]
    found = {(bodies[0].code, "standing"): _standing(document, bodies[0], now)}
    zone = ZoneInfo(document.timezone)
    for number, days in enumerate(_DAYS_AHEAD):
        body = bodies[number % len(bodies)]
        day = (now.astimezone(zone) + timedelta(days=days)).date()
        activity = document.activity_types[number % len(document.activity_types)]
        found[body.code, f"day-{day.isoformat()}"] = EventDraft(
            title=f"{activity.title.zh}({day.month}月{day.day}日)",
            description=f"{body.name.zh}组织的{activity.title.zh}活动。人物和机构均为虚构。",
            place=body.address.zh,
            lat=body.lat,
            lon=body.lon,
            starts_at=datetime.combine(day, time(9), zone),
            ends_at=datetime.combine(day, time(12), zone),
            capacity=20 + 5 * number,
            activity_type=activity.code,
            insured=activity.insurance_needed,
        )
    return found


def _standing(document: ProgrammeDocument, body: Organisation, now: datetime) -> EventDraft:
    hour = now.replace(minute=0, second=0, microsecond=0)
    activity = document.activity_types[0]
    return EventDraft(
        title=f"常设志愿服务站:{activity.title.zh}",
        description=f"{body.name.zh}的常设服务站,随到随服务。人物和机构均为虚构。",
        place=body.address.zh,
        lat=body.lat,
        lon=body.lon,
        starts_at=hour - timedelta(hours=1),
        ends_at=hour + timedelta(hours=_STANDING_H),
        capacity=_PLACES,
        activity_type=activity.code,
        insured=activity.insurance_needed,
    )
