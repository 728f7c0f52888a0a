"""Putting a programme into force: its texts, organisations and rules, from one checked document."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes import queries
from domain.programmes.rules.codec import to_json
from domain.programmes.rules.document import ProgrammeDocument, RuleSetDocument

# These live in rows of their own, because each has versions of its own.
_KEPT_APART = ("rule_set", "products", "refused")


async def publish_programme(session: AsyncSession, *, document: ProgrammeDocument, today: date) -> int:
    """Loads a programme, or brings a loaded one up to date; loading the same document again changes nothing.

    Published rules are immutable: rules that differ become the next version, from today. Rules that were published
    before are not published again: what the office has released since then stands.
    """
    content = to_json(document)
    for key in _KEPT_APART:
        content.pop(key)
    programme_id = await queries.save_programme(session, code=document.code, content=content)
    await queries.save_organisations(
        session,
        programme_id=programme_id,
        organisations=[to_json(organisation) for organisation in document.organisations],
    )
    await queries.save_consent_texts(
        session,
        programme_id=programme_id,
        texts=[{**to_json(text), "digest": text.digest} for text in document.consent_texts],
        today=today,
    )
    await _publish_rules(session, programme_id=programme_id, rules=document.rule_set, today=today)
    return programme_id


async def _publish_rules(session: AsyncSession, *, programme_id: int, rules: RuleSetDocument, today: date) -> None:
    if await queries.was_published(session, programme_id=programme_id, content=to_json(rules)):
        return
    in_force = await queries.rule_set_on(session, programme_id=programme_id, day=today)
    effective_from = rules.effective_from if in_force is None else max(rules.effective_from, today)
    if in_force is not None:
        await queries.close_rule_set(session, programme_id=programme_id, effective_from=effective_from)
    rule_set_id = await save_rules(session, programme_id=programme_id, rules=rules)
    await queries.put_in_force(session, rule_set_id=rule_set_id, effective_from=effective_from)


async def save_rules(
    session: AsyncSession, *, programme_id: int, rules: RuleSetDocument, drafted_by: int | None = None
) -> int:
    """Writes the next version of the rules, with the columns that SQL computes on; nobody is scored by it yet."""
    await queries.save_items(session, programme_id=programme_id, codes=[item.code for item in rules.items])
    rule_set_id = await queries.save_draft(
        session,
        programme_id=programme_id,
        scale={
            "base_points": rules.base_points,
            "floor_points": rules.floor_points,
            "ceiling_points": rules.ceiling_points,
        },
        content=to_json(rules),
        drafted_by=drafted_by,
    )
    await queries.unfold_fields(session, rule_set_id=rule_set_id)
    await queries.unfold_items(session, rule_set_id=rule_set_id)
    await queries.unfold_tiers(session, rule_set_id=rule_set_id)
    return rule_set_id
