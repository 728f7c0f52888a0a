"""A consent text changes: everybody who agreed to the old one is told, has 30 days, and loses nothing they have."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from api.case_days import turn_cases
from domain.actor import ANONYMOUS, Caller
from domain.notices.rules import body_of
from domain.people.actions import give_consent
from domain.programmes.actions import publish_programme
from domain.programmes.rules.terms import ConsentPurpose
from tests.actions.counter import DOCUMENT, TEN, Counter, counter, day_of, refused

DAY = timedelta(days=1)

__all__ = ["counter"]


async def change_the_text(counter: Counter) -> None:
    """From today on the text about benefits has a second version."""
    texts = tuple(
        replace(one, version=2) if one.purpose is ConsentPurpose.BENEFITS else one for one in DOCUMENT.consent_texts
    )
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await publish_programme(unit.session, document=replace(DOCUMENT, consent_texts=texts), today=day_of(TEN))


async def morning(counter: Counter, at: Any) -> None:
    async with counter.worker.transaction(ANONYMOUS) as unit:
        await turn_cases(unit.session, at, today=day_of(at))


async def benefits_of(counter: Counter, citizen: Caller) -> list[tuple[Any, ...]]:
    return await counter.rows(
        "SELECT version, given_at, withdrawn_at FROM consent WHERE person_id = :person AND purpose = 'benefits'"
        " ORDER BY version",
        person=citizen.person_id,
    )


async def test_an_older_agreement_carries_nothing_new_after_thirty_days_until_it_is_renewed(counter: Counter) -> None:
    citizen, product_id = await counter.citizen(), await counter.offer()
    await change_the_text(counter)
    for at in (TEN, TEN + DAY):
        await morning(counter, at)
    told = await counter.rows("SELECT kind, params FROM notice WHERE person_id = :person", person=citizen.person_id)
    assert [kind for kind, _ in told] == ["CONSENT_TEXT_CHANGED"]
    assert "agree anew by 2026-07-15" in body_of(*told[0]).en

    await counter.present(citizen, product_id, TEN + 29 * DAY)
    refusal = await refused(counter.present(citizen, product_id, TEN + 30 * DAY))
    assert refusal.code == "CONSENT_REQUIRED"
    later = TEN + 31 * DAY
    await counter.act(citizen, give_consent, later, purpose="benefits", version=2, key=uuid4())
    await counter.present(citizen, product_id, later)
    assert await benefits_of(counter, citizen) == [(1, TEN, later), (2, later, None)]


async def test_who_joins_after_a_change_is_asked_nothing_and_no_older_text_can_be_agreed_to(counter: Counter) -> None:
    newcomer = await counter.citizen()
    assert [version for version, _, _ in await benefits_of(counter, newcomer)] == [2]
    await morning(counter, TEN + 2 * DAY)
    assert await counter.rows("SELECT kind FROM notice WHERE person_id = :person", person=newcomer.person_id) == []
    refusal = await refused(
        counter.act(newcomer, give_consent, TEN + 2 * DAY, purpose="benefits", version=1, key=uuid4())
    )
    assert (refusal.code, refusal.field) == ("INVALID_INPUT", "consents")
