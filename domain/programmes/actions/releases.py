"""Rules as releases: draft, consultation, comments, dry run, approval by a second person, publication, rollback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency, jobs, outbox
from domain.actor import Actor
from domain.errors import CapacityFull, NotFound, TooEarly
from domain.programmes import queries
from domain.programmes.actions import save_rules
from domain.programmes.queries import releases
from domain.programmes.rules import releases as rules
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Product, RuleSetDocument
from domain.programmes.rules.drafts import check_facts, read_rule_set, surroundings
from domain.programmes.rules.releases import Release
from domain.programmes.rules.terms import OrganisationKind
from domain.values import midnight, words

DRY_RUN = "dry_run"
ENTITLEMENTS = "entitlements"
NOTICES = "rules_told"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """A programme on one of its own days."""

    programme_id: int
    today: date
    zone: ZoneInfo
    content: Mapping[str, Any]

    @property
    def catalogue(self) -> list[str]:
        """The codes of what departments may deliver."""
        return [entry["code"] for entry in self.content["catalogue"]]

    def midnight(self, day: date) -> datetime:
        """The instant at which a day begins here."""
        return midnight(day, self.zone)


async def local_day(session: AsyncSession, actor: Actor, now: datetime) -> Local:
    """The actor's programme today."""
    number = actor.programme_id or 0
    row = await releases.programme_day(session, now, programme_id=number)
    return Local(programme_id=number, today=row.today, zone=ZoneInfo(row.timezone), content=dict(row.content))


async def in_force(session: AsyncSession, local: Local) -> tuple[int, RuleSetDocument]:
    """The rules that decide today. Raises: NotFound before the first."""
    row = await queries.rule_set_on(session, programme_id=local.programme_id, day=local.today)
    if row is None:
        raise NotFound
    return row.id, from_json(RuleSetDocument, row.content)


async def kinds_of(session: AsyncSession, local: Local) -> dict[str, OrganisationKind]:
    """What each organisation of the programme is, by code."""
    rows = await queries.organisations(session)
    return {row.code: OrganisationKind(row.kind) for row in rows if row.programme_id == local.programme_id}


async def draft_rule_set(
    session: AsyncSession, actor: Actor, now: datetime, *, text: str, products: Sequence[Product], key: UUID
) -> int:
    """Stores a draft as the next version; gives its number. `products` are those that go on under the new rules.

    Raises: RuleRefused or InvalidInput with everything that is wrong; nothing is stored then.
    """
    request = {"document": text}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="draftRuleSet", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    local = await local_day(session, actor, now)
    _, present = await in_force(session, local)
    around = surroundings(local.content, present, await kinds_of(session, local))
    document = read_rule_set(text, around, catalogue=local.catalogue, products=products)
    number = await save_rules(session, programme_id=local.programme_id, rules=document, drafted_by=actor.person_id)
    await audit.record(session, actor, now, action="draft_rule_set", about={"rule_set": number})
    await idempotency.bind(session, actor, key=key, result={"id": number})
    return number


async def open_consultation(
    session: AsyncSession, actor: Actor, now: datetime, *, version: int, until: date, key: UUID
) -> int:
    """Shows a draft to everybody, who may comment until the end of that day. Raises: AlreadyDecided, InvalidInput."""
    request = {"version": version, "until": until}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="openConsultation", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    local = await local_day(session, actor, now)
    release = await _lock(session, local, version, "DRAFT")
    rules.check_closing(until, local.today)
    await releases.move(session, rule_set_id=release.id, origin="DRAFT", target="IN_CONSULTATION")
    await releases.open_consultation(session, rule_set_id=release.id, opens_on=local.today, closes_on=until)
    return await _done(session, actor, now, release=release, action="open_consultation", key=key)


async def comment(
    session: AsyncSession, actor: Actor, now: datetime, *, version: int, text: str, key: UUID
) -> datetime:
    """Keeps what a signed-in person says about a draft; gives when. Raises: NotFound, InvalidInput, CapacityFull."""
    request = {"programme": actor.programme_id, "version": version, "text": text}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="commentOnRuleSet", request=request)
    if earlier is not None:
        return datetime.fromisoformat(str(earlier["at"]))
    body = rules.check_text(text, "text")
    local = await local_day(session, actor, now)
    release = await _lock(session, local, version, "IN_CONSULTATION")
    person_id = actor.person_id or 0
    counted = await releases.count_comment(
        session, rule_set_id=release.id, person_id=person_id, today=local.today, most=rules.MAX_COMMENTS
    )
    if not counted:
        raise CapacityFull(
            words(
                f"征求意见已结束,或您已发表 {rules.MAX_COMMENTS} 条意见。",
                f"The consultation is over, or you have made {rules.MAX_COMMENTS} comments already.",
            )
        )
    await releases.add_comment(session, now, rule_set_id=release.id, person_id=person_id, body=body)
    await idempotency.bind(session, actor, key=key, result={"at": now.isoformat()})
    return now


async def start_dry_run(session: AsyncSession, actor: Actor, now: datetime, *, version: int, key: UUID) -> int:
    """Queues a dry run over the whole population; gives its number, or that of the one under way."""
    request = {"version": version}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="startDryRun", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    local = await local_day(session, actor, now)
    release = await _lock(session, local, version, "DRAFT", "IN_CONSULTATION", "APPROVED")
    against_id, _ = await in_force(session, local)
    number = await releases.begin_dry_run(session, now, rule_set_id=release.id, against_id=against_id, day=local.today)
    if number:
        await jobs.enqueue(session, kind=DRY_RUN, subject=number, not_before=now)
        await audit.record(session, actor, now, action="start_dry_run", about={"dry_run": number})
    else:
        number = await releases.open_dry_run(session, rule_set_id=release.id)
    await idempotency.bind(session, actor, key=key, result={"id": number})
    return number


async def approve_rule_set(session: AsyncSession, actor: Actor, now: datetime, *, version: int, key: UUID) -> int:
    """A second person approves, after the consultation and on a finished dry run. Raises: SamePerson, TooEarly."""
    request = {"version": version}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="approveRuleSet", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    local = await local_day(session, actor, now)
    release = await _lock(session, local, version, "IN_CONSULTATION")
    rules.check_approval(release, actor.person_id, local.today)
    await releases.approve(session, rule_set_id=release.id, person_id=actor.person_id or 0)
    return await _done(session, actor, now, release=release, action="approve_rule_set", key=key)


async def publish_rule_set(
    session: AsyncSession,
    actor: Actor,
    now: datetime,
    *,
    version: int,
    effective_from: date,
    answer: str | None,
    key: UUID,
) -> int:
    """Puts approved rules into force from a day to come. Never refused because somebody loses.

    Raises: TooEarly for the day, InvalidInput for comments that nobody answers, RuleRefused for rules looking back.
    """
    request = {"version": version, "from": effective_from, "answer": answer}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="publishRuleSet", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    local = await local_day(session, actor, now)
    release = await _lock(session, local, version, "APPROVED")
    written = rules.check_answer(release, answer)
    latest = await releases.lock_published(session, programme_id=local.programme_id)
    rules.check_beginning(effective_from, local.today, latest)
    _, present = await in_force(session, local)
    check_facts(release.document, present, catalogue=local.catalogue, effective_from=effective_from)
    if written is not None:
        await releases.answer_comments(session, rule_set_id=release.id, answer=written)
    await _put_in_force(session, now, local=local, rule_set_id=release.id, effective_from=effective_from)
    return await _done(session, actor, now, release=release, action="publish_rule_set", key=key)


async def withdraw_rule_set(
    session: AsyncSession, actor: Actor, now: datetime, *, version: int, reason: str, key: UUID
) -> int:
    """Takes rules back that are not in force yet; the version that they were to follow goes on."""
    request = {"version": version, "reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="withdrawRuleSet", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    why = rules.check_text(reason, "reason")
    local = await local_day(session, actor, now)
    release = await _lock(session, local, version, "DRAFT", "IN_CONSULTATION", "APPROVED", "PUBLISHED")
    rules.check_withdrawal(release, local.today)
    await releases.move(session, rule_set_id=release.id, origin=release.status, target="WITHDRAWN")
    if release.effective_from is not None:
        await releases.reopen(session, programme_id=local.programme_id, day=release.effective_from)
    return await _done(session, actor, now, release=release, action="withdraw_rule_set", key=key, reason=why)


async def roll_back_rule_set(session: AsyncSession, actor: Actor, now: datetime, *, reason: str, key: UUID) -> int:
    """Publishes the previous content as a new version, from the next local midnight.

    Raises: NotFound without earlier rules, TooEarly while another version waits for its day.
    """
    request = {"reason": reason}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="rollBackRuleSet", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    why = rules.check_text(reason, "reason")
    local = await local_day(session, actor, now)
    latest = await releases.lock_published(session, programme_id=local.programme_id)
    if latest is None or latest > local.today:
        raise TooEarly(
            words(
                f"已有一版规则将从 {latest} 起生效。请先撤回那一版。",
                f"Another version begins on {latest}. Withdraw that one first.",
            )
        )
    previous = await releases.release_until(session, programme_id=local.programme_id, day=latest)
    if previous is None:
        raise NotFound(words("没有更早的规则可以恢复。", "There are no earlier rules to bring back."))
    number = await save_rules(
        session, programme_id=local.programme_id, rules=previous.document, drafted_by=actor.person_id
    )
    await _put_in_force(session, now, local=local, rule_set_id=number, effective_from=local.today + _DAY)
    about = {"rule_set": number, "from": previous.id, "reason": why}
    await audit.record(session, actor, now, action="roll_back_rule_set", about=about)
    await outbox.publish(session, now, topic="ruleSet", person_id=None, subject=str(number))
    await idempotency.bind(session, actor, key=key, result={"id": number})
    return number


async def _put_in_force(
    session: AsyncSession, now: datetime, *, local: Local, rule_set_id: int, effective_from: date
) -> None:
    """The open version ends where this one begins, and whoever qualifies on the eve keeps an entitlement."""
    await queries.close_rule_set(session, programme_id=local.programme_id, effective_from=effective_from)
    await queries.put_in_force(session, rule_set_id=rule_set_id, effective_from=effective_from)
    await jobs.enqueue(session, kind=NOTICES, subject=rule_set_id, not_before=now)
    midnight = local.midnight(effective_from)
    # Once in time, so that nobody is refused at midnight, and once more for whoever qualified in the last hours.
    for instant in (midnight - rules.EVE, midnight):
        await jobs.enqueue(session, kind=ENTITLEMENTS, subject=rule_set_id, not_before=max(instant, now))


async def _lock(session: AsyncSession, local: Local, version: int, *allowed: str) -> Release:
    release = await releases.lock_release(session, programme_id=local.programme_id, version=version)
    return rules.check_status(release, *allowed)


async def _done(
    session: AsyncSession, actor: Actor, now: datetime, *, release: Release, action: str, key: UUID, **about: str
) -> int:
    """Writes down what was done, and tells whoever listens."""
    await audit.record(session, actor, now, action=action, about={"rule_set": release.id, **about})
    await outbox.publish(session, now, topic="ruleSet", person_id=None, subject=str(release.id))
    await idempotency.bind(session, actor, key=key, result={"id": release.id})
    return release.id
