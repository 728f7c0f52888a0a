"""Whether the thing that somebody objects to is theirs: one statement for each kind of thing."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor
from domain.rights.rules.cases import Target

# A record is looked for with its state, by scoring's own query.
_OWNED: Final[Mapping[Target, TextClause]] = {
    Target.SCORE: text("""
        SELECT EXISTS (
            SELECT FROM citizen AS c
            WHERE c.id = :citizen AND c.id = CAST(:first AS bigint) AND c.scored_from IS NOT NULL)
    """),
    Target.DECISION: text("""
        SELECT EXISTS (
            SELECT FROM product AS p
            WHERE CAST(:citizen AS integer) = CAST(:first AS bigint)
              AND p.id = :second AND p.programme_id = :programme)
    """),
    Target.REDEMPTION: text("""
        SELECT EXISTS (
            SELECT FROM redemption_holder AS h WHERE h.redemption_id = :first AND h.citizen_id = :citizen)
    """),
    Target.SERVICE: text("""
        SELECT EXISTS (
            SELECT FROM service AS s JOIN volunteer AS v ON v.id = s.volunteer_id
            WHERE s.id = :first AND v.person_id = :person AND v.programme_id = :programme)
    """),
    Target.ACCESS: text("""
        SELECT EXISTS (
            SELECT FROM access_event AS a
            WHERE a.id = :first AND a.person_id = :person AND a.programme_id = :programme)
    """),
    Target.VOLUNTEER_RECORD: text("""
        SELECT EXISTS (
            SELECT FROM volunteer_record AS r JOIN volunteer AS v ON v.id = r.volunteer_id
            WHERE r.id = :first AND r.declined_at IS NULL AND v.person_id = :person AND v.programme_id = :programme)
    """),
    Target.HOUSEHOLD: text("SELECT EXISTS (SELECT FROM household AS h WHERE h.citizen_id = :citizen)"),
}


async def is_own(session: AsyncSession, actor: Actor, *, target: Target, key: Sequence[int]) -> bool:
    """Whether the caller may object to the thing with this key."""
    statement = _OWNED[target]
    values = {
        "person": actor.person_id,
        "citizen": actor.citizen_id,
        "programme": actor.programme_id,
        "first": key[0] if key else None,
        "second": key[1] if len(key) > 1 else None,
    }
    used = {name: value for name, value in values.items() if name in statement._bindparams}
    return bool((await session.execute(statement, params=used)).scalar_one())
