"""What organisers publish, how it is found, and who gets a seat."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

from domain.actor import ANONYMOUS, Caller, Role
from domain.volunteering import actions
from domain.volunteering.queries import shapes
from domain.volunteering.rules.events import EventDraft, EventSearch, Near
from tests.actions.serving import ANONYMOUS_HERE, EVENT, HOUR, MINUTE, NOON, TERMS, City, city, refused

__all__ = ["city"]


async def test_events_are_found_by_place_date_and_type(city: City) -> None:
    organiser = await city.organiser()
    far = await city.publish(organiser, lat=36.0, lon=120.0)
    near = await city.publish(organiser, lat=37.1, lon=122.4)
    library = await city.publish(organiser, lat=37.1, lon=122.4, activity_type="library-help")
    later = await city.publish(organiser, starts_at=NOON + 48 * HOUR, ends_at=NOON + 49 * HOUR)
    placeless = await city.publish(organiser)
    mine = {far, near, library, later, placeless}

    async def found(**asked: Any) -> set[int]:
        search = EventSearch(**{"programme_id": city.programme_id, "since": NOON, **asked})
        fragment = shapes.events_fragment("e", search=search, first=100, after=None)
        shapes_found = await city.read(ANONYMOUS_HERE, fragment)
        return {one["id"] for one in shapes_found} & mine

    assert await found() == mine
    # 0.01 degrees of latitude are 1112 metres.
    assert await found(near=Near(lat=37.11, lon=122.4, within_metres=1113)) == {near, library}
    assert await found(near=Near(lat=37.11, lon=122.4, within_metres=1111)) == set()
    assert await found(activity_type="library-help") == {library}
    assert await found(until=NOON + 24 * HOUR) == {far, near, library, placeless}
    assert await found(since=NOON + 24 * HOUR) == {later}


async def test_pages_of_events_join_without_gap_or_repeat(city: City) -> None:
    organiser = await city.organiser()
    mine = [await city.publish(organiser, activity_type="first-aid") for _ in range(5)]
    seen: list[int] = []
    after: tuple[datetime, int] | None = None
    for _ in range(3):
        fragment = shapes.events_fragment(
            "e",
            search=EventSearch(programme_id=city.programme_id, since=NOON, activity_type="first-aid"),
            first=2,
            after=after,
        )
        page = (await city.read(ANONYMOUS_HERE, fragment))[:2]
        seen += [one["id"] for one in page]
        after = (datetime.fromisoformat(page[-1]["starts_at"]), page[-1]["id"])
    assert seen == sorted(mine)


async def test_a_cancelled_event_tells_everybody_and_is_off_the_list(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser, activity_type="remote")
    await city.sign_up(volunteer, event_id)
    await city.act(organiser, actions.cancel_event, NOON, event_id=event_id, reason="大风", key=uuid4())
    assert await city.rows(
        "SELECT person_id FROM outbox WHERE topic = 'event_cancelled' AND subject = :id", id=str(event_id)
    ) == [(volunteer.person_id,)]
    [mine] = await city.read(volunteer, shapes.sign_ups_fragment())
    assert (mine["status"], mine["mine"]["status"]) == ("CANCELLED", "CANCELLED")
    fragment = shapes.events_fragment(
        "e", search=EventSearch(programme_id=city.programme_id, since=NOON, activity_type="remote"), first=9, after=None
    )
    assert await city.read(ANONYMOUS_HERE, fragment) == []
    before = await city.state(event_id)
    error = await refused(
        city.act(organiser, actions.cancel_event, NOON, event_id=event_id, reason="大风", key=uuid4())
    )
    assert error.code == "TOO_LATE"
    assert await city.state(event_id) == before


async def test_the_same_key_publishes_and_cancels_once(city: City) -> None:
    organiser, other = await city.organiser(), await city.organiser("warm-home")
    draft, key = EventDraft(**EVENT), uuid4()
    ids = {await city.act(organiser, actions.publish_event, NOON, terms=TERMS, draft=draft, key=key) for _ in range(2)}
    assert len(ids) == 1
    (event_id,), key = ids, uuid4()
    values = {"event_id": event_id, "reason": "大风"}
    assert (await refused(city.act(other, actions.cancel_event, NOON, key=key, **values))).code == "NOT_FOUND"
    for _ in range(2):
        assert await city.act(organiser, actions.cancel_event, NOON, key=key, **values) == event_id
    error = await refused(city.act(organiser, actions.show_attendance_code, NOON + HOUR, event_id=event_id))
    assert error.code == "TOO_LATE"


async def test_only_an_organiser_publishes(city: City) -> None:
    volunteer = await city.volunteer()
    assert (await refused(city.publish(volunteer))).code == "NOT_ALLOWED"


async def test_events_are_taken_over_once(city: City) -> None:
    organiser = await city.organiser()
    assert organiser.organisation_id is not None
    draft = EventDraft(**{**EVENT, "starts_at": NOON - 9 * HOUR, "ends_at": NOON - 7 * HOUR})
    values = {"programme_id": city.programme_id, "terms": TERMS}
    drafts = {(organiser.organisation_id, str(uuid4())): draft}
    async with city.worker.transaction(ANONYMOUS) as unit:
        added = [
            len(await actions.import_events(unit.session, unit.actor, NOON, drafts=drafts, **values)) for _ in range(2)
        ]
    assert added == [1, 0]
    error = await refused(city.act(organiser, actions.import_events, NOON, drafts=drafts, **values))
    assert error.code == "NOT_ALLOWED"


# Seats


async def test_thirty_for_the_last_seat_give_it_to_exactly_one(city: City) -> None:
    organiser = await city.organiser()
    event_id = await city.publish(organiser, capacity=1)
    volunteers = [await city.volunteer() for _ in range(30)]
    await asyncio.gather(*(city.sign_up(one, event_id) for one in volunteers))
    assert await city.rows(
        "SELECT status, count(*) FROM sign_up WHERE event_id = :id GROUP BY 1 ORDER BY 1", id=event_id
    ) == [("SIGNED_UP", 1), ("WAITING", 29)]
    assert await city.rows("SELECT taken FROM event WHERE id = :id", id=event_id) == [(1,)]


async def test_a_seat_given_back_goes_to_whoever_has_waited_longest(city: City) -> None:
    organiser = await city.organiser()
    event_id = await city.publish(organiser, capacity=1)
    seated, second, third = [await city.volunteer() for _ in range(3)]
    for minute, one in enumerate((seated, second, third)):
        await city.sign_up(one, event_id, at=NOON + minute * MINUTE)

    async def standing(caller: Caller) -> tuple[str, int | None]:
        shape = await city.read(caller, shapes.event_fragment("e", event_id=event_id))
        return shape["mine"]["status"], shape["mine"]["waiting_position"]

    assert [await standing(one) for one in (seated, second, third)] == [
        ("SIGNED_UP", None),
        ("WAITING", 1),
        ("WAITING", 2),
    ]
    await city.cancel(seated, event_id, at=NOON + 5 * MINUTE)
    assert [await standing(one) for one in (seated, second, third)] == [
        ("CANCELLED", None),
        ("SIGNED_UP", None),
        ("WAITING", 1),
    ]
    told = "SELECT person_id, params FROM notice WHERE kind = 'EVENT_SEAT' AND subject LIKE :about"
    assert await city.rows(told, about=f"event:{event_id}:%") == [(second.person_id, {"title": "海岸清洁"})]
    await city.sign_up(seated, event_id, at=NOON + 6 * MINUTE)
    assert await standing(seated) == ("WAITING", 2)
    await city.cancel(third, event_id)
    await city.cancel(seated, event_id)
    await city.cancel(second, event_id)
    assert await city.rows("SELECT taken FROM event WHERE id = :id", id=event_id) == [(0,)]


async def test_refused_sign_ups_change_nothing(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    stranger = await city.settle(Role.VOLUNTEER)
    event_id = await city.publish(organiser)
    grown = await city.publish(organiser, minimum_age=60)
    before = await city.state(event_id, grown)
    assert (await refused(city.sign_up(stranger, event_id))).code == "NOT_ALLOWED"
    assert (await refused(city.sign_up(volunteer, event_id, at=NOON + 4 * HOUR))).code == "TOO_LATE"
    assert (await refused(city.sign_up(volunteer, 2**40))).code == "NOT_FOUND"
    assert (await refused(city.sign_up(volunteer, grown))).rule_source == "R20"
    assert (await refused(city.cancel(volunteer, event_id))).code == "NOT_FOUND"
    assert await city.state(event_id, grown) == before
    await city.sign_up(volunteer, event_id)
    before = await city.state(event_id, grown)
    assert (await refused(city.sign_up(volunteer, event_id))).code == "ALREADY_DECIDED"
    assert await city.state(event_id, grown) == before


async def test_the_same_key_signs_up_and_cancels_once(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id, key, other = await city.publish(organiser), uuid4(), uuid4()
    for _ in range(2):
        await city.act(volunteer, actions.sign_up, NOON, terms=TERMS, event_id=event_id, key=key)
    assert await city.rows("SELECT taken FROM event WHERE id = :id", id=event_id) == [(1,)]
    for _ in range(2):
        await city.act(volunteer, actions.cancel_sign_up, NOON, event_id=event_id, key=other)
    assert await city.rows("SELECT taken FROM event WHERE id = :id", id=event_id) == [(0,)]
