"""Printed records of confirmed hours: issued to the volunteer, checked by anybody, revoked by who recorded them."""

import base64
import time
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import strawberry

from api.graphql import ids
from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.types import Node, instant
from api.graphql.view import Asked, Section
from domain.vault import Vault
from domain.volunteering import actions
from domain.volunteering.actions.certificates import Opened
from domain.volunteering.queries import certificates as queries
from domain.volunteering.queries.certificates import StaffCertificate
from domain.volunteering.rules.certificates import Heading, check_code, content_of, label_of, masked
from domain.volunteering.rules.terms import terms_of

PDF_KIND: Final = "certificate_pdf"
PDF_LIFETIME_S: Final = 5 * 60


@strawberry.type(
    description="A record of confirmed hours, with number and check code. Whoever may revoke it without being its "
    "holder sees neither content nor check code nor PDF."
)
class Certificate(Node):
    number: str
    check_code: str
    label: str = strawberry.field(
        description="What it is: a platform record, unless the programme was joined to the national system when it "
        "was issued."
    )
    hours: float
    content: list[str] = strawberry.field(description="Each stretch: time, content, hours, recording unit.")
    recorded_by: str
    from_: date = strawberry.field(name="from")
    until: date
    issued_on: date
    revoked_at: datetime | None
    pdf_url: str = strawberry.field(description="Good for five minutes, and without an access token.")


@strawberry.type(description="What a stranger with number and check code learns. The name is masked.")
class CertificateCheck:
    number: str
    label: str = strawberry.field(description="What it is: a platform record, or a certificate.")
    holder_masked: str
    recorded_by: str
    content: list[str]
    hours: float
    from_: date = strawberry.field(name="from")
    until: date
    issued_on: date
    revoked: bool


CertificateResult: TypeAlias = Annotated[Certificate | UserError, strawberry.union("CertificateResult")]


def pdf_url(vault: Vault, public_url: str, *, certificate_id: int, person_id: int) -> str:
    """The address of a record's PDF, from now on for five minutes. Real time, as for all tokens."""
    until = int(time.time()) + PDF_LIFETIME_S
    token = ids.seal(vault, PDF_KIND, certificate_id, person_id, until)
    return f"{public_url}/certificates/{token}.pdf"


def certificate_of(shape: Any, asked: Asked) -> Certificate:
    """A record as its holder sees it; without content once the key is erased."""
    context = asked.context
    recorded_by, lines = "", list[str]()
    if shape["key"] is not None:
        sealed = base64.b64decode(shape["content"])
        content = content_of(context.vault.open(base64.b64decode(shape["key"]), "certificate", sealed))
        recorded_by, lines = context.speak(content.recorded_by), [context.speak(line) for line in content.lines]
    person_id = asked.subject.person or 0
    return Certificate(
        id=context.seal("certificate", shape["id"]),
        number=shape["number"],
        check_code=check_code(context.vault, shape["number"]),
        label=context.speak(label_of(shape["is_certificate"])),
        hours=shape["minutes"] / 60,
        content=lines,
        recorded_by=recorded_by,
        from_=date.fromisoformat(shape["from_on"]),
        until=date.fromisoformat(shape["until_on"]),
        issued_on=date.fromisoformat(shape["issued_on"]),
        revoked_at=instant(shape["revoked_at"]),
        pdf_url=pdf_url(context.vault, context.public_url, certificate_id=shape["id"], person_id=person_id),
    )


def staff_certificate_of(found: StaffCertificate, context: Context) -> Certificate:
    """A record as those see it who may revoke it."""
    return Certificate(
        id=context.seal("certificate", found.id),
        number=found.number,
        check_code="",
        label=context.speak(label_of(found.is_certificate)),
        hours=found.minutes / 60,
        content=[],
        recorded_by="",
        from_=found.from_on,
        until=found.until_on,
        issued_on=found.issued_on,
        revoked_at=found.revoked_at,
        pdf_url="",
    )


def check_of(found: Opened, context: Context) -> CertificateCheck:
    """A record as a stranger sees it."""
    return CertificateCheck(
        number=found.number,
        label=context.speak(label_of(found.is_certificate)),
        holder_masked=masked(found.content.holder),
        recorded_by=context.speak(found.content.recorded_by),
        content=[context.speak(line) for line in found.content.lines],
        hours=found.minutes / 60,
        from_=found.from_on,
        until=found.until_on,
        issued_on=found.issued_on,
        revoked=found.revoked,
    )


CERTIFICATES: Section[list[Certificate]] = Section(
    "Volunteering",
    "certificates",
    build=lambda asked: queries.certificates_fragment(),
    read=lambda rows, asked: [certificate_of(row, asked) for row in rows],
)
CERTIFICATE = Section(
    "Certificate",
    None,
    build=lambda asked: queries.certificate_fragment(asked.name, certificate_id=asked.key[0]),
    read=certificate_of,
)
SECTIONS = (CERTIFICATES, CERTIFICATE)
NODES = {"certificate": "Certificate"}


@strawberry.type
class CertificatesOfVolunteering:
    @strawberry.field(description="The newest hundred, the latest first; revoked ones too.")
    def certificates(self, info: Info) -> list[Certificate]:
        return CERTIFICATES.of(info)


@strawberry.type
class CertificateQuery:
    @strawberry.field(
        description="Check a volunteer record by the number and the check code printed on it. Null when no such record "
        "was issued: a wrong code and an unknown number answer alike. RATE_LIMITED after ten wrong ones within a "
        "minute from one address."
    )
    async def verify_certificate(self, info: Info, number: str, check_code: str) -> CertificateCheck | None:
        async with info.context.transaction() as unit:
            found = await actions.check_certificate(
                unit.session, unit.now, number=number, code=check_code, address=info.context.address
            )
        return None if found is None else check_of(found, info.context)


@strawberry.type
class CertificateMutation:
    @strawberry.mutation(
        description="Puts the confirmed hours of a period on record, local dates, both included. Asking "
        "again gives the same record, or a new number in its place when the hours have changed."
    )
    async def issue_certificate(
        self,
        info: Info,
        from_: Annotated[date, strawberry.argument(name="from")],
        until: date,
        idempotency_key: UUID,
    ) -> CertificateResult:
        context = info.context
        async with context.transaction() as unit:
            settings = context.programme(unit).settings
            titles = {one.code: one.title for one in settings.activity_types}
            number = await actions.issue_certificate(
                unit.session,
                unit.actor,
                unit.now,
                terms=terms_of(settings),
                period=(from_, until),
                heading=Heading(
                    programme=settings.name,
                    timezone=settings.timezone,
                    activities=titles,
                    is_certificate=settings.national_system,
                ),
                key=idempotency_key,
            )
            issued: Certificate = await context.view.load(info, unit, "Certificate", key=(number,))
            return issued


@strawberry.type
class CertificateStaffMutation:
    @strawberry.mutation(
        description="Revokes a record, with a reason; for an organisation that it names, and for the office."
    )
    async def revoke_certificate(
        self, info: Info, number: str, reason: str, idempotency_key: UUID
    ) -> CertificateResult:
        async with info.context.transaction() as unit:
            revoked = await actions.revoke_certificate(
                unit.session, unit.actor, unit.now, number=number, reason=reason, key=idempotency_key
            )
        return staff_certificate_of(revoked, info.context)
