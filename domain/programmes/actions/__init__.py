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

    Published rules are immutable: rules that differ become the next version, from today.
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
    )
    await _publish_rules(session, programme_id=programme_id, rules=document.rule_set, today=today)
    return programme_id


async def _publish_rules(session: AsyncSession, *, programme_id: int, rules: RuleSetDocument, today: date) -> None:
    in_force = await queries.rule_set_on(session, programme_id=programme_id, day=today)
    content = to_json(rules)
    if in_force is not None and in_force.content == content:
        return
    effective_from = rules.effective_from if in_force is None else max(rules.effective_from, today)
    await queries.save_items(session, programme_id=programme_id, codes=[item.code for item in rules.items])
    if in_force is not None:
        await queries.close_rule_set(session, programme_id=programme_id, effective_from=effective_from)
    rule_set_id = await queries.save_rule_set(
        session,
        programme_id=programme_id,
        effective_from=effective_from,
        scale={
            "base_points": rules.base_points,
            "floor_points": rules.floor_points,
            "ceiling_points": rules.ceiling_points,
        },
        content=content,
    )
    await queries.unfold_fields(session, rule_set_id=rule_set_id)
    await queries.unfold_items(session, rule_set_id=rule_set_id)
    await queries.unfold_tiers(session, rule_set_id=rule_set_id)
