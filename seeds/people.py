"""The invented people of the demo: the same ones in every run, and their situations hold at any date.

Citizen 1 qualifies for whatever season and window allow, 2 is one volunteer point short of a product, 3 has a
demerit that can be contested, 4 has not joined, 5 is under 18; the others are drawn.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.people.settlement import Membership, Post, Settler
from domain.programmes.rules.document import ProgrammeDocument
from domain.programmes.rules.terms import OrganisationKind
from domain.values import add_months

CITIZENS: Final = 45
EVERYTHING, ONE_SHORT, CONTESTABLE, NOT_JOINED, MINOR = 1, 2, 3, 4, 5

_SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
_GIVEN: Final = "安博晨东恩芳刚和慧佳可兰丽明宁平清然思涛文溪夏晓新雅意英雨泽真志子"
_CONSENTS: Final = ("score", "benefits", "volunteering", "account", "household")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody of one programme, as of a day."""

    programme: str
    settlers: tuple[Settler, ...]
    labels: dict[str, str]


def subject_of(programme: str, role: str, index: int) -> str:
    """How the demo's provider knows somebody."""
    return f"{programme}-{role}-{index}"


def cast(document: ProgrammeDocument, today: date) -> Cast:
    """All invented people of a programme."""
    settlers = [_citizen(document, index, today) for index in range(1, CITIZENS + 1)]
    labels = {subject_of(document.code, "citizen", index): _situation(index) for index in range(1, CITIZENS + 1)}
    for settler, label in _staff(document, today):
        settlers.append(settler)
        labels[settler.subject] = label
    return Cast(programme=document.code, settlers=tuple(settlers), labels=labels)


def _situation(index: int) -> str:
    return {
        EVERYTHING: "qualifies for every product that season and window allow",
        ONE_SHORT: "is one volunteer point short of a product",
        CONTESTABLE: "has a demerit that can be contested",
        NOT_JOINED: "has not joined",
        MINOR: "is under 18",
    }.get(index, "a citizen")


def _citizen(document: ProgrammeDocument, index: int, today: date) -> Settler:
    subject = subject_of(document.code, "citizen", index)
    draw = random.Random(subject)
    since = add_months(today, -30)
    membership = Membership(
        since=datetime.combine(since, time(9), ZoneInfo(document.timezone)),
        registration_kind="REGISTERED" if index <= CONTESTABLE or draw.random() < 0.8 else "PERMIT",
        groups=_groups(document, index, draw),
        consents=_CONSENTS,
    )
    return _person(
        subject,
        draw,
        born=_birth_date(index, draw, today),
        membership=None if index in (NOT_JOINED, MINOR) else membership,
    )


def _groups(document: ProgrammeDocument, index: int, draw: random.Random) -> tuple[str, ...]:
    codes = tuple(group.code for group in document.groups)
    if index == EVERYTHING:
        return codes
    if index <= MINOR:
        return ()
    return tuple(code for code in codes if draw.random() < 0.1)


def _birth_date(index: int, draw: random.Random, today: date) -> date:
    if index == MINOR:
        return add_months(today, -16 * 12) - timedelta(days=20)
    if index <= MINOR:
        return add_months(today, -40 * 12) - timedelta(days=index)
    return today - timedelta(days=draw.randrange(21 * 365, 78 * 365))


def _person(
    subject: str, draw: random.Random, *, born: date, membership: Membership | None = None, post: Post | None = None
) -> Settler:
    name = draw.choice(_SURNAMES) + "".join(draw.sample(_GIVEN, 2))
    return Settler(
        subject=subject,
        name=name,
        birth_date=born,
        identity_ref=f"demo:{subject}",
        membership=membership,
        post=post,
    )


def _staff(document: ProgrammeDocument, today: date) -> list[tuple[Settler, str]]:
    posts: list[tuple[str, Post, str]] = []
    places = document.places()
    for place in places:
        posts.append(("manager", Post(role="manager", organisation=place.code), place.name.en))
        posts.append(("cashier", Post(role="cashier", organisation=place.code, terminal="Till 1"), place.name.en))
    for organisation in document.organisations:
        if organisation.kind is OrganisationKind.VOLUNTEER_BODY:
            posts += [("organiser", Post(role="organiser", organisation=organisation.code), organisation.name.en)] * 2
        if organisation.kind is OrganisationKind.DEPARTMENT:
            posts.append(("source", Post(role="source", organisation=organisation.code), organisation.name.en))
    posts += [(role, Post(role=role), "the programme office") for role in ("officer", "officer", "approver", "auditor")]
    numbers: dict[str, int] = {}
    staff: list[tuple[Settler, str]] = []
    for role, post, place_name in posts:
        numbers[role] = numbers.get(role, 0) + 1
        subject = subject_of(document.code, role, numbers[role])
        draw = random.Random(subject)
        born = today - timedelta(days=draw.randrange(25 * 365, 60 * 365))
        staff.append((_person(subject, draw, born=born, post=post), f"{role} at {place_name}"))
    return staff
