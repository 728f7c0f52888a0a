"""The invented people of the demo: the same ones in every run, and their situations hold at any date.

Citizen 1 qualifies for whatever season and window allow, 2 is one volunteer point short of a product, 3 has a
demerit that can be contested, 4 has not joined, 5 is under 18; the others are drawn.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.people.settlement import Membership, Post, Settler
from domain.programmes.rules.document import ProgrammeDocument
from domain.programmes.rules.terms import OrganisationKind
from domain.values import add_months

ISSUER: Final = "demo"
CITIZENS: Final = 45
VOLUNTEERS: Final = 5
EVERYTHING, ONE_SHORT, CONTESTABLE, NOT_JOINED, MINOR = 1, 2, 3, 4, 5

_SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
_GIVEN: Final = "安博晨东恩芳刚和慧佳可兰丽明宁平清然思涛文溪夏晓新雅意英雨泽真志子"
_CONSENTS: Final = ("score", "benefits", "volunteering", "account", "household")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invented:
    """One invented person: role and number are how a command names them."""

    role: str
    index: int
    settler: Settler
    label: str


def subject_of(programme: str, role: str, index: int) -> str:
    """How the demo's provider knows somebody."""
    return f"{programme}-{role}-{index}"


def cast(document: ProgrammeDocument, today: date) -> tuple[Invented, ...]:
    """All invented people of a programme, as of a day."""
    citizens = [_citizen(document, index, today) for index in range(1, CITIZENS + 1)]
    volunteers = [_volunteer(document, index, today) for index in range(1, VOLUNTEERS + 1)]
    return (*citizens, *volunteers, *_staff(document, today))


def _situation(index: int) -> str:
    return {
        EVERYTHING: "qualifies for every product that season and window allow",
        ONE_SHORT: "is one volunteer point short of a product",
        CONTESTABLE: "has a demerit that can be contested",
        NOT_JOINED: "has not joined",
        MINOR: "is under 18",
    }.get(index, "a citizen")


def _citizen(document: ProgrammeDocument, index: int, today: date) -> Invented:
    subject = subject_of(document.code, "citizen", index)
    draw = random.Random(subject)
    since = add_months(today, -30)
    membership = Membership(
        since=datetime.combine(since, time(9), ZoneInfo(document.timezone)),
        registration_kind="REGISTERED" if index <= CONTESTABLE or draw.random() < 0.8 else "PERMIT",
        groups=_groups(document, index, draw),
        consents=_CONSENTS,
    )
    settler = _person(
        subject,
        draw,
        born=_birth_date(index, draw, today),
        membership=None if index in (NOT_JOINED, MINOR) else membership,
    )
    return Invented(role="citizen", index=index, settler=settler, label=_situation(index))


def _volunteer(document: ProgrammeDocument, index: int, today: date) -> Invented:
    subject = subject_of(document.code, "volunteer", index)
    draw = random.Random(subject)
    settler = _person(subject, draw, born=today - timedelta(days=draw.randrange(20 * 365, 70 * 365)))
    return Invented(role="volunteer", index=index, settler=settler, label="volunteers, and has not joined as a citizen")


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


def _staff(document: ProgrammeDocument, today: date) -> list[Invented]:
    numbers: dict[str, int] = {}
    staff = []
    for post, place in _posts(document):
        index = numbers[post.role] = numbers.get(post.role, 0) + 1
        subject = subject_of(document.code, post.role, index)
        draw = random.Random(subject)
        born = today - timedelta(days=draw.randrange(25 * 365, 60 * 365))
        settler = _person(subject, draw, born=born, post=post)
        staff.append(Invented(role=post.role, index=index, settler=settler, label=f"works at {place}"))
    return staff


def _posts(document: ProgrammeDocument) -> Iterator[tuple[Post, str]]:
    for place in document.places():
        yield Post(role="manager", organisation=place.code), place.name.en
        yield Post(role="cashier", organisation=place.code, terminal="Till 1"), place.name.en
    for organisation in document.organisations:
        if organisation.kind is OrganisationKind.VOLUNTEER_BODY:
            yield Post(role="organiser", organisation=organisation.code), organisation.name.en
            yield Post(role="organiser", organisation=organisation.code), organisation.name.en
        if organisation.kind is OrganisationKind.DEPARTMENT:
            yield Post(role="source", organisation=organisation.code), organisation.name.en
    for role in ("officer", "officer", "approver", "approver", "auditor"):
        yield Post(role=role), "the programme office"
