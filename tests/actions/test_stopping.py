"""Taking back the consent to volunteering: the registration ends, seats go on to others, the hours given stay."""

from uuid import uuid4

from domain.rights.actions import erase_my_data, withdraw_consent
from tests.actions.serving import HOUR, NOON, City, city

__all__ = ["city"]


async def test_who_stops_gives_their_seats_to_those_who_wait_and_keeps_the_hours(city: City) -> None:
    organiser, leaving, waiting = await city.organiser(), await city.volunteer(), await city.volunteer()
    earlier = await city.publish(organiser)
    service_id = await city.served(leaving, earlier, start=NOON + HOUR, end=NOON + 3 * HOUR)
    event_id = await city.publish(organiser, starts_at=NOON + 30 * HOUR, ends_at=NOON + 33 * HOUR, capacity=1)
    await city.sign_up(leaving, event_id, at=NOON + 4 * HOUR)
    await city.sign_up(waiting, event_id, at=NOON + 4 * HOUR)

    stop = {"purpose": "volunteering", "key": uuid4()}
    await city.act(leaving, withdraw_consent, NOON + 5 * HOUR, **stop)

    seats = "SELECT s.status, v.person_id FROM sign_up AS s JOIN volunteer AS v ON v.id = s.volunteer_id"
    assert sorted(await city.rows(f"{seats} WHERE s.event_id = :event", event=event_id)) == [
        ("CANCELLED", leaving.person_id),
        ("SIGNED_UP", waiting.person_id),
    ]
    assert await city.rows("SELECT minutes, status FROM service WHERE id = :id", id=service_id) == [
        (120, "AWAITING_CONFIRMATION")
    ]
    gone = "SELECT left_at IS NOT NULL FROM volunteer WHERE person_id = :person"
    assert await city.rows(gone, person=leaving.person_id) == [(True,)]
    await city.register(leaving, at=NOON + 6 * HOUR)
    assert await city.rows(gone, person=leaving.person_id) == [(False,)]
    # The same request, arriving once more, ends nothing that was begun since.
    await city.act(leaving, withdraw_consent, NOON + 7 * HOUR, **stop)
    assert await city.rows(gone, person=leaving.person_id) == [(False,)]


async def test_an_erased_volunteer_is_nobody_to_the_organiser_who_still_has_the_hours(city: City) -> None:
    organiser, volunteer = await city.organiser(), await city.volunteer()
    event_id = await city.publish(organiser)
    service_id = await city.served(volunteer, event_id, start=NOON + HOUR, end=NOON + 2 * HOUR)
    await city.act(volunteer, erase_my_data, NOON + 3 * HOUR, confirmed=True, key=uuid4())
    assert await city.rows(
        "SELECT wrapped_key, sealed_call_name FROM volunteer WHERE person_id = :person", person=volunteer.person_id
    ) == [(None, None)]
    confirmed = await city.confirm(organiser, [service_id], at=NOON + 4 * HOUR)
    assert [one.code for one in confirmed.refused] == []
    assert await city.rows("SELECT status FROM service WHERE id = :id", id=service_id) == [("CONFIRMED",)]
