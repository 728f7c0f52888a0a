"""People taken over in bulk: a city's existing staff list, or the synthetic people of a demo.

Set-based, and idempotent by issuer and subject: who is already there is left as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Caller, Role
from domain.people.rules import check_age, cohort_of
from domain.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """How somebody has joined a programme. `consents` are purposes, in the newest version of their texts."""

    since: datetime
    registration_kind: str
    groups: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A staff role. `organisation` is its code; `terminal` names a cashier's till, made if it is not there."""

    role: str
    organisation: str | None = None
    terminal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler:
    """One person to take over."""

    subject: str
    name: str
    birth_date: date
    identity_ref: str
    membership: Membership | None = None
    post: Post | None = None


_KNOWN = text("""
    SELECT subject FROM person WHERE issuer = :issuer AND subject = ANY (CAST(:subjects AS text[]))
""")
_PERSONS = text("""
    INSERT INTO person (issuer, subject, sealed_name, sealed_birth_date, sealed_identity_ref, identity_digest,
        created_at)
    SELECT :issuer, p.subject, p.name, p.birth_date, p.identity_ref, p.identity_digest, :now
    FROM unnest(CAST(:subjects AS text[]), CAST(:names AS bytea[]), CAST(:birth_dates AS bytea[]),
        CAST(:identity_refs AS bytea[]), CAST(:identity_digests AS bytea[]))
        AS p (subject, name, birth_date, identity_ref, identity_digest)
    RETURNING id, subject
""")
_KEYS = text("""
    INSERT INTO person_key (person_id, wrapped_key)
    SELECT k.person_id, k.wrapped_key
    FROM unnest(CAST(:persons AS bigint[]), CAST(:keys AS bytea[])) AS k (person_id, wrapped_key)
""")
_CITIZENS = text("""
    INSERT INTO citizen (person_id, programme_id, identity_digest, pseudonym, scored_from, birth_cohort,
        registration_kind, groups, joined_at)
    SELECT c.person_id, :programme, c.identity_digest, c.pseudonym, CAST(c.since AS date), c.cohort,
        c.registration_kind, string_to_array(c.groups, ' '), c.since
    FROM unnest(CAST(:persons AS bigint[]), CAST(:identity_digests AS bytea[]), CAST(:pseudonyms AS bytea[]),
        CAST(:since AS timestamptz[]), CAST(:cohorts AS smallint[]), CAST(:registration_kinds AS text[]),
        CAST(:groups AS text[]))
        AS c (person_id, identity_digest, pseudonym, since, cohort, registration_kind, groups)
""")
_CONSENTS = text("""
    INSERT INTO consent (person_id, programme_id, purpose, version, given_at)
    SELECT c.person_id, :programme, t.purpose, max(t.version), c.given_at
    FROM unnest(CAST(:persons AS bigint[]), CAST(:purposes AS text[]), CAST(:since AS timestamptz[]))
        AS c (person_id, purpose, given_at)
    JOIN consent_text AS t ON t.programme_id = :programme AND t.purpose = c.purpose
    GROUP BY c.person_id, t.purpose, c.given_at
""")
_TERMINALS = text("""
    INSERT INTO terminal (organisation_id, name)
    SELECT o.id, t.name
    FROM unnest(CAST(:organisations AS text[]), CAST(:names AS text[])) AS t (organisation, name)
    JOIN organisation AS o ON o.programme_id = :programme AND o.code = t.organisation
    WHERE NOT EXISTS (SELECT FROM terminal AS x WHERE x.organisation_id = o.id AND x.name = t.name)
""")
_STAFF = text("""
    INSERT INTO staff (person_id, role, programme_id, organisation_id, terminal_id, display_name)
    SELECT s.person_id, s.role, :programme, o.id, t.id, s.display_name
    FROM unnest(CAST(:persons AS bigint[]), CAST(:roles AS text[]), CAST(:organisations AS text[]),
        CAST(:terminals AS text[]), CAST(:display_names AS text[]))
        AS s (person_id, role, organisation, terminal, display_name)
    LEFT JOIN organisation AS o ON o.programme_id = :programme AND o.code = s.organisation
    LEFT JOIN terminal AS t ON t.organisation_id = o.id AND t.name = s.terminal
""")


async def settle(
    session: AsyncSession, now: datetime, *, issuer: str, programme: tuple[int, str], settlers: Sequence[Settler]
) -> dict[str, int]:
    """Takes over everybody who is not there yet; gives the person number behind each new subject.

    `programme` is its number and code. Runs as the worker. Raises: RuleRefused for a member under 18.
    """
    values = {"issuer": issuer, "subjects": [settler.subject for settler in settlers]}
    known = {row.subject for row in await session.execute(_KNOWN, values)}
    fresh = [settler for settler in settlers if settler.subject not in known]
    persons = await _add_persons(session, now, issuer=issuer, settlers=fresh)
    await _add_citizens(session, programme=programme, persons=persons, settlers=fresh)
    await _add_staff(session, programme_id=programme[0], persons=persons, settlers=fresh)
    return persons


async def _add_persons(
    session: AsyncSession, now: datetime, *, issuer: str, settlers: Sequence[Settler]
) -> dict[str, int]:
    vault: Vault = session.info["vault"]
    keys = {settler.subject: vault.new_data_key() for settler in settlers}
    values = {
        "issuer": issuer,
        "now": now,
        "subjects": [one.subject for one in settlers],
        "names": [vault.seal(keys[one.subject], "name", one.name) for one in settlers],
        "birth_dates": [vault.seal(keys[one.subject], "birth_date", one.birth_date.isoformat()) for one in settlers],
        "identity_refs": [vault.seal(keys[one.subject], "identity_ref", one.identity_ref) for one in settlers],
        "identity_digests": [vault.digest("identity", one.identity_ref) for one in settlers],
    }
    persons = {row.subject: row.id for row in await session.execute(_PERSONS, values)}
    await session.execute(_KEYS, {"persons": list(persons.values()), "keys": [keys[subject] for subject in persons]})
    return persons


async def _add_citizens(
    session: AsyncSession, *, programme: tuple[int, str], persons: dict[str, int], settlers: Sequence[Settler]
) -> None:
    vault: Vault = session.info["vault"]
    joined = [(one, one.membership) for one in settlers if one.membership is not None]
    for one, membership in joined:
        check_age(one.birth_date, membership.since.date())
    await session.execute(
        _CITIZENS,
        {
            "programme": programme[0],
            "persons": [persons[one.subject] for one, _ in joined],
            "identity_digests": [vault.digest("citizen", programme[1], one.identity_ref) for one, _ in joined],
            "pseudonyms": [vault.digest("pseudonym", programme[1], one.identity_ref) for one, _ in joined],
            "since": [membership.since for _, membership in joined],
            "cohorts": [cohort_of(one.birth_date) for one, _ in joined],
            "registration_kinds": [membership.registration_kind for _, membership in joined],
            "groups": [" ".join(membership.groups) for _, membership in joined],
        },
    )
    given = [(one, membership, purpose) for one, membership in joined for purpose in membership.consents]
    await session.execute(
        _CONSENTS,
        {
            "programme": programme[0],
            "persons": [persons[one.subject] for one, _, _ in given],
            "purposes": [purpose for _, _, purpose in given],
            "since": [membership.since for _, membership, _ in given],
        },
    )


async def _add_staff(
    session: AsyncSession, *, programme_id: int, persons: dict[str, int], settlers: Sequence[Settler]
) -> None:
    posted = [(one, one.post) for one in settlers if one.post is not None]
    tills = [(post.organisation, post.terminal) for _, post in posted if post.terminal is not None]
    await session.execute(
        _TERMINALS,
        {
            "programme": programme_id,
            "organisations": [organisation for organisation, _ in tills],
            "names": [terminal for _, terminal in tills],
        },
    )
    await session.execute(
        _STAFF,
        {
            "programme": programme_id,
            "persons": [persons[one.subject] for one, _ in posted],
            "roles": [post.role for _, post in posted],
            "organisations": [post.organisation for _, post in posted],
            "terminals": [post.terminal for _, post in posted],
            "display_names": [one.name for one, _ in posted],
        },
    )


_CALLER = text("""
    SELECT p.id AS person_id, s.organisation_id, s.terminal_id
    FROM person AS p
    LEFT JOIN staff AS s ON s.person_id = p.id AND s.role = :role AND s.blocked_at IS NULL
    WHERE p.issuer = :issuer AND p.subject = :subject
""")


async def caller_of(session: AsyncSession, *, issuer: str, subject: str, role: Role, programme: str) -> Caller | None:
    """Somebody who was taken over, as the caller they would be after signing in; None when nobody has this name."""
    values = {"issuer": issuer, "subject": subject, "role": role.value}
    row = (await session.execute(_CALLER, values)).one_or_none()
    if row is None:
        return None
    return Caller(
        role=role,
        person_id=row.person_id,
        programme=programme,
        organisation_id=row.organisation_id,
        terminal_id=row.terminal_id,
    )
