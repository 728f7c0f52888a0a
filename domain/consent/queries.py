"""What people have agreed to, and who has read about them: one function, one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Role
from domain.values import Fragment, Words

_CURRENT_VERSIONS = text("""
    SELECT purpose, max(version) AS version
    FROM consent_text
    WHERE programme_id = :programme
    GROUP BY purpose
""")
# Whoever agreed to an older text has so many days to read the new one; then the old agreement carries nothing new.
RENEWAL_DAYS: Final = 30
# What was agreed to before stays written down, as ended when the newer text was agreed to.
_RENEW = text("""
    WITH renewed AS (
        UPDATE consent AS c SET version = g.version, given_at = :now
        FROM unnest(CAST(:purposes AS text[]), CAST(:versions AS integer[])) AS g (purpose, version)
        WHERE c.person_id = :person AND c.programme_id = :programme AND c.purpose = g.purpose
          AND c.withdrawn_at IS NULL AND c.version < g.version
        RETURNING c.purpose, old.version, old.given_at
    )
    INSERT INTO consent (person_id, programme_id, purpose, version, given_at, withdrawn_at)
    SELECT :person, :programme, r.purpose, r.version, r.given_at, :now
    FROM renewed AS r
""")
_GIVE = text("""
    INSERT INTO consent (person_id, programme_id, purpose, version, given_at)
    SELECT :person, :programme, g.purpose, g.version, :now
    FROM unnest(CAST(:purposes AS text[]), CAST(:versions AS integer[])) AS g (purpose, version)
    ON CONFLICT (person_id, programme_id, purpose) WHERE withdrawn_at IS NULL DO NOTHING
""")
_LIVE = text("""
    SELECT id, purpose, version
    FROM consent
    WHERE person_id = :person
      AND programme_id = :programme
      AND withdrawn_at IS NULL
    ORDER BY id
""")
_WITHDRAW = text("""
    UPDATE consent
    SET withdrawn_at = :now
    WHERE person_id = :person
      AND programme_id = :programme
      AND purpose = ANY (CAST(:purposes AS text[]))
      AND withdrawn_at IS NULL
    RETURNING purpose
""")
_SHUFFLE = text("SELECT shuffle_looks(CAST(:programme AS smallint), CAST(:day AS timestamptz))")
_RECORD_ACCESS = text("""
    INSERT INTO access_event (person_id, programme_id, at, actor, role, actor_person_id, purpose, what)
    VALUES (:person, :programme, :now, CAST(:actor AS jsonb), :role, :actor_person, :purpose, CAST(:what AS jsonb))
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConsent:
    """One consent that stands."""

    id: int
    purpose: str
    version: int


async def current_versions(session: AsyncSession, *, programme_id: int) -> dict[str, int]:
    """The version of each purpose's text that can be agreed to now."""
    rows = await session.execute(_CURRENT_VERSIONS, params={"programme": programme_id})
    return {row.purpose: row.version for row in rows}


async def add_consents(
    session: AsyncSession, *, person_id: int, programme_id: int, consents: Sequence[tuple[str, int]], now: datetime
) -> None:
    """Writes down what was agreed to; what stands already stays as it was given, unless its text has changed."""
    values = {
        "person": person_id,
        "programme": programme_id,
        "purposes": [purpose for purpose, _ in consents],
        "versions": [version for _, version in consents],
        "now": now,
    }
    await session.execute(_RENEW, params=values)
    await session.execute(_GIVE, params=values)


async def live_consents(session: AsyncSession, *, person_id: int, programme_id: int) -> list[LiveConsent]:
    """What this person agrees to at present, oldest first."""
    rows = await session.execute(_LIVE, params={"person": person_id, "programme": programme_id})
    return [LiveConsent(id=row.id, purpose=row.purpose, version=row.version) for row in rows]


async def end_consents(
    session: AsyncSession, *, person_id: int, programme_id: int, purposes: Sequence[str], now: datetime
) -> list[str]:
    """Ends these consents; gives the purposes that had stood."""
    values = {"person": person_id, "programme": programme_id, "purposes": list(purposes), "now": now}
    return [row.purpose for row in await session.execute(_WITHDRAW, params=values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who read, as the person read about may know it."""

    name: Words
    role: Role
    person_id: int | None


async def shuffle_looks(session: AsyncSession, *, programme_id: int, day: datetime) -> None:
    """Takes their order from the looks of shops and providers on a day that is over. Runs as the worker.

    Their time is the beginning of that day already; nobody shall match their rows with the sales in the order of both.
    """
    await session.execute(_SHUFFLE, params={"programme": programme_id, "day": day})


async def add_access_event(
    session: AsyncSession,
    *,
    about: tuple[int, int],
    reader: Reader,
    purpose: str,
    what: Words,
    now: datetime,
) -> None:
    """Writes down that somebody read about a person. `about` is person and programme."""
    values = {
        "person": about[0],
        "programme": about[1],
        "now": now,
        "actor": _bilingual(reader.name),
        "role": reader.role.value,
        "actor_person": reader.person_id,
        "purpose": purpose,
        "what": _bilingual(what),
    }
    await session.execute(_RECORD_ACCESS, params=values)


def _bilingual(value: Words) -> str:
    return json.dumps({"zh": value.zh, "en": value.en}, ensure_ascii=False)


def outdated(alias: str) -> str:
    """SQL: whether a consent is to an older text whose time is over, on the day `:today`."""
    return f"""EXISTS (SELECT FROM consent_text AS newer
        WHERE newer.programme_id = {alias}.programme_id AND newer.purpose = {alias}.purpose
          AND newer.version > {alias}.version AND newer.since + {RENEWAL_DAYS} <= CAST(:today AS date))"""


_CONSENT = f"""json_build_object('id', c.id, 'purpose', c.purpose, 'version', c.version,
    'text', (SELECT x.body FROM consent_text AS x
        WHERE x.programme_id = c.programme_id AND x.purpose = c.purpose AND x.version = c.version),
    'renew_by', CASE WHEN c.withdrawn_at IS NULL THEN (SELECT min(x.since) + {RENEWAL_DAYS} FROM consent_text AS x
        WHERE x.programme_id = c.programme_id AND x.purpose = c.purpose AND x.version > c.version) END,
    'given_at', c.given_at, 'withdrawn_at', c.withdrawn_at)"""


def consents_fragment() -> Fragment:
    """All consents of a person in the programme, those that ended as well."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({_CONSENT} ORDER BY c.id), '[]')
        FROM consent AS c
        WHERE c.person_id = :person
          AND c.programme_id = :programme
        """
    )


def consent_fragment(name: str, *, consent_id: int) -> Fragment:
    """One consent of a person in the programme."""
    return Fragment(
        sql=f"""
        SELECT {_CONSENT}
        FROM consent AS c
        WHERE c.person_id = :person
          AND c.programme_id = :programme
          AND c.id = :{name}_id
        """,
        binds={f"{name}_id": consent_id},
    )


def access_log_fragment(name: str, *, first: int, before: tuple[datetime, int] | None) -> Fragment:
    """Who read about a person, newest first, from before one entry; one more than asked for."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'role', a.role,
            'purpose', a.purpose, 'what', a.what) ORDER BY a.at DESC, a.id DESC), '[]')
        FROM (
            SELECT e.id, e.at, e.actor, e.role, e.purpose, e.what
            FROM access_event AS e
            WHERE e.person_id = :person
              AND e.programme_id = :programme
              AND (CAST(:{name}_at AS timestamptz) IS NULL OR (e.at, e.id) < (:{name}_at, :{name}_before))
            ORDER BY e.at DESC, e.id DESC
            LIMIT :{name}_limit
        ) AS a
        """,
        binds={
            f"{name}_at": None if before is None else before[0],
            f"{name}_before": None if before is None else before[1],
            f"{name}_limit": first + 1,
        },
    )


def access_event_fragment(name: str, *, event_id: int) -> Fragment:
    """One entry of a person's access log."""
    return Fragment(
        sql=f"""
        SELECT json_build_object('id', a.id, 'at', a.at, 'actor', a.actor, 'role', a.role,
            'purpose', a.purpose, 'what', a.what)
        FROM access_event AS a
        WHERE a.person_id = :person
          AND a.programme_id = :programme
          AND a.id = :{name}_id
        """,
        binds={f"{name}_id": event_id},
    )
