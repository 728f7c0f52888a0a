"""What a person may see about themselves: memberships, consents, and who read what."""

from datetime import date, datetime
from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.programmes import Programme, programme_of
from api.graphql.types import Connection, Edge, Node, connection, instant
from api.graphql.view import Asked, Section
from domain.actor import Role
from domain.consent.queries import (
    access_event_fragment,
    access_log_fragment,
    consent_fragment,
    consents_fragment,
)
from domain.people.queries import memberships_fragment
from domain.values import Fragment, Words, words


@strawberry.type(description="A programme that the person is in.")
class Membership:
    programme: Programme
    joined_on: date


@strawberry.type(description="One purpose that the person has agreed to, with the text they read.")
class Consent(Node):
    purpose: str
    text: str
    version: int
    given_at: datetime
    withdrawn_at: datetime | None
    renew_by: date | None = strawberry.field(
        description="Null while the text is the present one. From this day on nothing new rests on the older text."
    )


@strawberry.type(description="Somebody read this person's data: who, when, why and what.")
class AccessEvent(Node):
    at: datetime
    actor: str
    role: str
    purpose: str
    what: str


@strawberry.type(description="One entry of a page.")
class AccessEdge(Edge[AccessEvent]):
    pass


@strawberry.type(description="A page of the access log, newest first.")
class AccessConnection(Connection[AccessEvent]):
    edges: list[AccessEdge]  # type: ignore[assignment]


def read_memberships(rows: Any, asked: Asked) -> list[Membership]:
    """The programmes the person is in."""
    reference = asked.context.reference
    return [
        Membership(
            programme=programme_of(asked.context, row["programme"]),
            joined_on=reference.programmes[row["programme"]].today(datetime.fromisoformat(row["joined_at"])),
        )
        for row in rows
    ]


def read_consent(row: Any, asked: Asked) -> Consent:
    """One consent with the text that was agreed to."""
    context = asked.context
    return Consent(
        id=context.seal("consent", row["id"]),
        purpose=row["purpose"],
        text=context.speak(Words(**row["text"])),
        version=row["version"],
        given_at=datetime.fromisoformat(row["given_at"]),
        withdrawn_at=instant(row["withdrawn_at"]),
        renew_by=None if row["renew_by"] is None else date.fromisoformat(row["renew_by"]),
    )


def read_consents(rows: Any, asked: Asked) -> list[Consent]:
    """All consents, oldest first."""
    return [read_consent(row, asked) for row in rows]


def read_access_event(row: Any, asked: Asked) -> AccessEvent:
    """One entry of the access log, in the reader's language."""
    context = asked.context
    return AccessEvent(
        id=context.seal("access", row["id"]),
        at=datetime.fromisoformat(row["at"]),
        actor=context.speak(Words(**row["actor"])),
        role=context.speak(_ROLES[row["role"]]),
        purpose=row["purpose"],
        what=context.speak(Words(**row["what"])),
    )


def build_access_log(asked: Asked) -> Fragment:
    """One page of the access log."""
    page = asked.page()
    before = None if page.after is None else (datetime.fromisoformat(str(page.after[0])), int(str(page.after[1])))
    return access_log_fragment(asked.name, first=page.first, before=before)


def read_access_log(rows: Any, asked: Asked) -> AccessConnection:
    """One page of the access log."""
    page = connection(
        asked, rows, node=lambda row: read_access_event(row, asked), key=lambda row: (row["at"], row["id"])
    )
    return AccessConnection(edges=page.edges, page_info=page.page_info)  # type: ignore[arg-type]


MEMBERSHIPS = Section("Citizen", "memberships", build=lambda asked: memberships_fragment(), read=read_memberships)
CONSENTS = Section("Citizen", "consents", build=lambda asked: consents_fragment(), read=read_consents)
ACCESS_LOG = Section("Citizen", "accessLog", build=build_access_log, read=read_access_log)
CONSENT = Section(
    "Consent", None, build=lambda asked: consent_fragment(asked.name, consent_id=asked.key[0]), read=read_consent
)
ACCESS_EVENT = Section(
    "AccessEvent",
    None,
    build=lambda asked: access_event_fragment(asked.name, event_id=asked.key[0]),
    read=read_access_event,
)
SECTIONS = (MEMBERSHIPS, CONSENTS, ACCESS_LOG, CONSENT, ACCESS_EVENT)
NODES = {"consent": "Consent", "access": "AccessEvent"}


@strawberry.type
class PeopleOfCitizen:
    @strawberry.field(description="The programmes that the person is in.")
    def memberships(self, info: Info) -> list[Membership]:
        return MEMBERSHIPS.of(info)

    @strawberry.field(description="What the person has agreed to, purpose by purpose, ended consents as well.")
    def consents(self, info: Info) -> list[Consent]:
        return CONSENTS.of(info)

    @strawberry.field(
        description="Everyone who read this person's data, with purpose: staff look-ups, shop checks, exports."
    )
    def access_log(self, info: Info, first: int | None = 20, after: str | None = None) -> AccessConnection:
        return ACCESS_LOG.of(info)


_ROLES = {
    Role.CITIZEN: words("本人", "yourself"),
    Role.VOLUNTEER: words("本人", "yourself"),
    Role.CASHIER: words("收银员", "cashier"),
    Role.MANAGER: words("商户管理员", "shop manager"),
    Role.ORGANISER: words("志愿活动组织者", "organiser"),
    Role.OFFICER: words("办事员", "officer"),
    Role.APPROVER: words("审批员", "approver"),
    Role.SOURCE: words("信息提供部门", "department"),
    Role.AUDITOR: words("审计员", "auditor"),
    Role.WORKER: words("系统", "the service itself"),
}
