"""The changes of rules: drafted, consulted on, tried, approved by a second person, published, taken back."""

from datetime import date, datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import strawberry

from api.database import Unit
from api.graphql.context import Context, Info
from api.graphql.errors import UserError
from api.graphql.releases import DryRun
from api.graphql.rule_sets import RuleSet, rule_set_of
from domain.programmes.actions import releases


@strawberry.type(description="What was said is kept, and counted.")
class RuleComment:
    at: datetime


RuleSetResult: TypeAlias = Annotated[RuleSet | UserError, strawberry.union("RuleSetResult")]
CommentResult: TypeAlias = Annotated[RuleComment | UserError, strawberry.union("CommentResult")]
DryRunResult: TypeAlias = Annotated[DryRun | UserError, strawberry.union("DryRunResult")]


@strawberry.type
class RulesMutation:
    @strawberry.mutation(
        description="Stores the table `rule_set` of a programme file as the next version, if it passes every check."
    )
    async def draft_rule_set(self, info: Info, document: str, idempotency_key: UUID) -> RuleSetResult:
        context = info.context
        async with context.transaction() as unit:
            products = [known.document for known in context.programme(unit).products]
            number = await releases.draft_rule_set(
                unit.session, unit.actor, unit.now, text=document, products=products, key=idempotency_key
            )
            return await _told(context, unit, number)

    @strawberry.mutation(description="Shows a draft to everybody, who may comment until the end of that day.")
    async def open_consultation(self, info: Info, version: int, until: date, idempotency_key: UUID) -> RuleSetResult:
        async with info.context.transaction() as unit:
            number = await releases.open_consultation(
                unit.session, unit.actor, unit.now, version=version, until=until, key=idempotency_key
            )
            return await _told(info.context, unit, number)

    @strawberry.mutation(description="Any signed-in person, at most ten times for one draft, 2000 characters each.")
    async def comment_on_rule_set(
        self, info: Info, programme: str, version: int, text: str, idempotency_key: UUID
    ) -> CommentResult:
        async with info.context.transaction(programme) as unit:
            at = await releases.comment(
                unit.session, unit.actor, unit.now, version=version, text=text, key=idempotency_key
            )
        return RuleComment(at=at)

    @strawberry.mutation(
        description="Tries a draft on the whole population, as a job; the run under way is given where there is one."
    )
    async def start_dry_run(self, info: Info, version: int, idempotency_key: UUID) -> DryRunResult:
        async with info.context.transaction() as unit:
            number = await releases.start_dry_run(
                unit.session, unit.actor, unit.now, version=version, key=idempotency_key
            )
            started: DryRun = await info.context.view.load(info, unit, "DryRun", key=(number,))
            return started

    @strawberry.mutation(
        description="By somebody who has not drafted, after the consultation, and on a finished dry run."
    )
    async def approve_rule_set(self, info: Info, version: int, idempotency_key: UUID) -> RuleSetResult:
        async with info.context.transaction() as unit:
            number = await releases.approve_rule_set(
                unit.session, unit.actor, unit.now, version=version, key=idempotency_key
            )
            return await _told(info.context, unit, number)

    @strawberry.mutation(
        description="From tomorrow at the earliest. Never refused because somebody loses: who qualifies on the eve"
        " keeps that to the end of the window."
    )
    async def publish_rule_set(
        self,
        info: Info,
        version: int,
        effective_from: date,
        idempotency_key: UUID,
        answer_to_comments: str | None = None,
    ) -> RuleSetResult:
        async with info.context.transaction() as unit:
            number = await releases.publish_rule_set(
                unit.session,
                unit.actor,
                unit.now,
                version=version,
                effective_from=effective_from,
                answer=answer_to_comments,
                key=idempotency_key,
            )
            return await _told(info.context, unit, number)

    @strawberry.mutation(description="Takes rules back that are not in force yet.")
    async def withdraw_rule_set(self, info: Info, version: int, reason: str, idempotency_key: UUID) -> RuleSetResult:
        async with info.context.transaction() as unit:
            number = await releases.withdraw_rule_set(
                unit.session, unit.actor, unit.now, version=version, reason=reason, key=idempotency_key
            )
            return await _told(info.context, unit, number)

    @strawberry.mutation(description="Publishes the previous content as a new version, from the next local midnight.")
    async def roll_back_rule_set(self, info: Info, reason: str, idempotency_key: UUID) -> RuleSetResult:
        async with info.context.transaction() as unit:
            number = await releases.roll_back_rule_set(
                unit.session, unit.actor, unit.now, reason=reason, key=idempotency_key
            )
            return await _told(info.context, unit, number)


async def _told(context: Context, unit: Unit, number: int) -> RuleSet:
    await context.renew(unit)
    return rule_set_of(context, number)
