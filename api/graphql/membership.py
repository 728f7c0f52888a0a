"""Joining and leaving: enrolment, one consent at a time, and what goes when they end."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry

from api.graphql.citizen import Citizen
from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.leaving import erased_words, kept_words
from api.graphql.people import Consent
from api.graphql.view import subject_of
from domain.people import actions
from domain.people.actions import Ended


@strawberry.input(description="One purpose, in the version of its text that was read.")
class ConsentInput:
    purpose: str
    version: int


@strawberry.type(description="What ended, what was erased, and what has to be kept.")
class Withdrawal:
    at: datetime
    erased: list[str]
    kept: list[str]


EnrolResult: TypeAlias = Annotated[Citizen | UserError, strawberry.union("EnrolResult")]
ConsentResult: TypeAlias = Annotated[Consent | UserError, strawberry.union("ConsentResult")]
WithdrawResult: TypeAlias = Annotated[Withdrawal | UserError, strawberry.union("WithdrawResult")]


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
            ended = await actions.withdraw_consent(
                unit.session, unit.actor, unit.now, purpose=purpose, key=idempotency_key
            )
        return _withdrawal(info.context, ended, left=False)

    @strawberry.mutation(description="Leaves the programme. Score, records and lines are erased; nothing hinders it.")
    async def withdraw(self, info: Info, idempotency_key: UUID) -> WithdrawResult:
        async with info.context.transaction() as unit:
            ended = await actions.withdraw(unit.session, unit.actor, unit.now, key=idempotency_key)
        return _withdrawal(info.context, ended, left=True)


def _withdrawal(context: Context, ended: Ended, *, left: bool) -> Withdrawal:
    return Withdrawal(
        at=ended.at,
        erased=[context.speak(one) for one in erased_words(ended.purposes, left=left)],
        kept=[context.speak(one) for one in kept_words(left=left)],
    )
