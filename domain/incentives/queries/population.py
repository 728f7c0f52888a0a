"""SQL over the whole population: who is in it, part by part, and what somebody keeps from earlier rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.incentives.rules.population import PARTS, Person

# The same parts into which records are partitioned, so that each statement touches one of their partitions.
_PEOPLE = text("""
    SELECT c.id, c.birth_cohort, c.registration_kind
    FROM citizen AS c
    WHERE c.programme_id = :programme AND c.scored_from IS NOT NULL AND c.id > :after
      AND satisfies_hash_partition(CAST('credit_record' AS regclass), :parts, :part, c.id)
    ORDER BY c.id
    LIMIT :limit
""")
_READ_ONLY = text("SET TRANSACTION READ ONLY")
_KEEP = text("""
    INSERT INTO entitlement (citizen_id, product_code, rule_set_id, since, until)
    SELECT k.citizen_id, k.product_code, :rule_set, :since, k.until
    FROM unnest(CAST(:citizens AS integer[]), CAST(:codes AS text[]), CAST(:untils AS date[]))
        AS k (citizen_id, product_code, until)
    JOIN citizen AS c ON c.id = k.citizen_id AND c.scored_from IS NOT NULL
    ORDER BY k.citizen_id, k.product_code
    ON CONFLICT ON CONSTRAINT entitlement_pkey DO NOTHING
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One product that somebody keeps, until a day."""

    citizen_id: int
    product_code: str
    until: date


async def only_read(session: AsyncSession) -> None:
    """From here on this transaction writes nothing, whatever is asked of it."""
    await session.execute(_READ_ONLY)


async def people(session: AsyncSession, *, programme_id: int, part: int, after: int, limit: int) -> list[Person]:
    """The next people with a score in one part of the population, by number."""
    values = {"programme": programme_id, "parts": PARTS, "part": part, "after": after, "limit": limit}
    return [
        Person(citizen_id=row.id, cohort=row.birth_cohort, registration=row.registration_kind)
        for row in await session.execute(_PEOPLE, params=values)
    ]


async def keep(session: AsyncSession, *, rule_set_id: int, since: date, kept: Sequence[Kept]) -> None:
    """What these people keep when a rule set begins; what they have already stays as it is."""
    values = {
        "rule_set": rule_set_id,
        "since": since,
        "citizens": [one.citizen_id for one in kept],
        "codes": [one.product_code for one in kept],
        "untils": [one.until for one in kept],
    }
    await session.execute(_KEEP, params=values)
