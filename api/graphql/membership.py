"""Joining and leaving: enrolment, one consent at a time, what goes when they end, a copy of everything, erasure."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.citizen import Citizen
from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.leaving import ERASED_WITH_THE_KEY, KEPT_WITHOUT_A_NAME, erased_words, kept_words
from api.graphql.people import Consent
from api.graphql.view import subject_of
from domain.people import actions
from domain.people.actions import Ended
from domain.programmes.rules.terms import ConsentPurpose
from domain.rights import actions as rights


@strawberry.input(description="One purpose, in the version of its text that was read.")
class ConsentInput:
    purpose: str
    version: int


@strawberry.type(description="What ended, what was erased, and what has to be kept.")
class Withdrawal:
    at: datetime
    erased: list[str]
    kept: list[str]


@strawberry.type(description="Everything held about the caller, for the holder only.")
class DataExport:
    document: str = strawberry.field(description="One JSON document. Nothing in it can be verified by anybody else.")


EnrolResult: TypeAlias = Annotated[Citizen | UserError, strawberry.union("EnrolResult")]
ConsentResult: TypeAlias = Annotated[Consent | UserError, strawberry.union("ConsentResult")]
WithdrawResult: TypeAlias = Annotated[Withdrawal | UserError, strawberry.union("WithdrawResult")]
ExportResult: TypeAlias = Annotated[DataExport | UserError, strawberry.union("ExportResult")]


@strawberry.type
class MembershipMutation:
    @strawberry.mutation(description="Joins a programme with consent to one or more purposes; from 18 on.")
    async def enrol(
        self, info: Info, programme: str, consents: list[ConsentInput], idempotency_key: UUID
    ) -> EnrolResult:
        context = info.context
        pairs = [(one.purpose, one.version) for one in consents]
        async with context.transaction(programme) as unit:
            citizen_id = await actions.enrol(unit.session, unit.actor, unit.now, consents=pairs, key=idempotency_key)
            subject = replace(subject_of(context, unit), citizen=citizen_id)
            joined: Citizen = await context.view.load(info, unit, "Citizen", subject=subject)
            return joined

    @strawberry.mutation(description="Agrees to one more purpose, in the version of its text that stands now.")
    async def give_consent(self, info: Info, purpose: str, version: int, idempotency_key: UUID) -> ConsentResult:
        async with info.context.transaction() as unit:
            consent_id = await actions.give_consent(
                unit.session, unit.actor, unit.now, purpose=purpose, version=version, key=idempotency_key
            )
            consent: Consent = await info.context.view.load(info, unit, "Consent", key=(consent_id,))
            return consent

    @strawberry.mutation(description="Takes one consent back. What rests on it ends at once.")
    async def withdraw_consent(self, info: Info, purpose: str, idempotency_key: UUID) -> WithdrawResult:
        async with info.context.transaction() as unit:
            ended = await rights.withdraw_consent(
                unit.session, unit.actor, unit.now, purpose=purpose, key=idempotency_key
            )
        return _withdrawal(info.context, ended, left=False)

    @strawberry.mutation(description="Leaves the programme. Score, records and lines are erased; nothing hinders it.")
    async def withdraw(self, info: Info, idempotency_key: UUID) -> WithdrawResult:
        async with info.context.transaction() as unit:
            ended = await actions.withdraw(unit.session, unit.actor, unit.now, key=idempotency_key)
        return _withdrawal(info.context, ended, left=True)

    @strawberry.mutation(
        description="Everything held about the caller in every programme, as one JSON document, for the holder only."
        " At most five a day; the same key gives the same document for seven days."
    )
    async def export_my_data(self, info: Info, idempotency_key: UUID) -> ExportResult:
        async with info.context.transaction() as unit:
            document = await rights.export_my_data(unit.session, unit.actor, unit.now, key=idempotency_key)
        return DataExport(document=document)

    @strawberry.mutation(
        description="Erases the caller in every programme, for good: the key to all that is sealed is destroyed."
    )
    async def erase_my_data(self, info: Info, confirm: bool, idempotency_key: UUID) -> WithdrawResult:
        context = info.context
        async with context.transaction() as unit:
            ended = await rights.erase_my_data(
                unit.session, unit.actor, unit.now, confirmed=confirm, key=idempotency_key
            )
        erased = [*erased_words(list(ConsentPurpose), left=True), *ERASED_WITH_THE_KEY]
        return Withdrawal(
            at=ended.at,
            erased=[context.speak(one) for one in erased],
            kept=[context.speak(one) for one in (*kept_words(left=True), KEPT_WITHOUT_A_NAME)],
        )


def _withdrawal(context: Context, ended: Ended, *, left: bool) -> Withdrawal:
    return Withdrawal(
        at=ended.at,
        erased=[context.speak(one) for one in erased_words(ended.purposes, left=left)],
        kept=[context.speak(one) for one in kept_words(left=left)],
    )
