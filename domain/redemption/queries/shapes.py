"""What the API shows of codes and sales, as SQL fragments. A shop's are about the sale, never about the person."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from domain.values import Fragment

# What was open and has passed its day is late, whether or not the nightly job has said so yet.
_STATUS: Final = "CASE WHEN r.status = 'OPEN' AND r.due_on < :today THEN 'LATE' ELSE r.status END"
# Whoever has left the programme still sees what they used there, and what is open.
_OWN: Final = """h.citizen_id IN (
            SELECT c.id FROM citizen AS c WHERE c.person_id = :person AND c.programme_id = :programme)"""
# r: the redemption.
SALE: Final = f"""json_build_object(
        'id', r.id, 'receipt_number', r.receipt_number, 'merchant_ref', r.merchant_ref, 'product_id', r.product_id,
        'organisation_id', r.organisation_id, 'at', r.at, 'status', {_STATUS}, 'basis', r.basis, 'relief', r.relief,
        'holder_pays', r.holder_pays, 'due_on', r.due_on)"""
# The holder reads the partner's code that came with a sale as well; for anybody else there is none.
OWN_SALE: Final = f"""{SALE[:-1]}, 'partner_code', (
            SELECT json_build_object('sealed', encode(q.sealed_code, 'hex'), 'key', encode(q.wrapped_key, 'hex'))
            FROM partner_code AS q WHERE q.redemption_id = r.id))"""
# A refusal stays readable when the code's time is over; a hold that is over leaves the code as it was.
_CODE_STATUS: Final = """CASE
            WHEN p.status IN ('OPEN', 'HELD', 'REFUSED', 'EXPIRED') AND p.refusal IS NOT NULL THEN 'REFUSED'
            WHEN p.status IN ('OPEN', 'HELD') AND p.held_until > :now THEN 'HELD'
            WHEN p.status IN ('OPEN', 'HELD') AND p.expires_at <= :now THEN 'EXPIRED'
            WHEN p.status = 'HELD' THEN 'OPEN'
            ELSE p.status END"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFilter:
    """Which sales a shop looks for; `since` and `until` are instants, `until` not included."""

    organisation_id: int
    since: datetime | None = None
    until: datetime | None = None
    status: str | None = None
    due_before: date | None = None
    receipt_number: str | None = None
    merchant_ref: str | None = None


def presentation_fragment(name: str, *, presentation_id: int) -> Fragment:
    """One of the citizen's codes, with the sale that came of it."""
    return Fragment(
        sql=f"""
        SELECT json_build_object(
            'id', p.id, 'product_id', p.product_id, 'expires_at', p.expires_at, 'match_number', p.match_number,
            'status', {_CODE_STATUS},
            'refusal', p.refusal,
            'redemption', (SELECT {OWN_SALE} FROM redemption AS r WHERE r.id = p.redemption_id))
        FROM presentation AS p
        WHERE p.citizen_id = :citizen
          AND p.id = :{name}_id
        """,
        binds={f"{name}_id": presentation_id},
    )


def redemption_fragment(name: str, *, redemption_id: int) -> Fragment:
    """One of the citizen's sales."""
    return Fragment(
        sql=f"""
        SELECT {OWN_SALE}
        FROM redemption_holder AS h
        JOIN redemption AS r ON r.id = h.redemption_id
        WHERE {_OWN}
          AND h.redemption_id = :{name}_id
        """,
        binds={f"{name}_id": redemption_id},
    )


def redemptions_fragment(name: str, *, first: int, before: int | None) -> Fragment:
    """The citizen's sales, newest first, from before one of them; one more than asked for."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(s.shape ORDER BY s.id DESC), '[]')
        FROM (
            SELECT r.id, {OWN_SALE} AS shape
            FROM redemption_holder AS h
            JOIN redemption AS r ON r.id = h.redemption_id
            WHERE {_OWN}
              AND h.redemption_id < :{name}_before
            ORDER BY h.redemption_id DESC
            LIMIT :{name}_limit
        ) AS s
        """,
        binds={f"{name}_before": 2**63 - 1 if before is None else before, f"{name}_limit": first + 1},
    )


def obligations_fragment() -> Fragment:
    """What the citizen still has to give back or pay, the earliest first."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({OWN_SALE} ORDER BY r.due_on NULLS LAST, r.id), '[]')
        FROM redemption_holder AS h
        JOIN redemption AS r ON r.id = h.redemption_id
        WHERE {_OWN}
          AND r.status IN ('OPEN', 'LATE', 'CLAIM_PENDING')
        """
    )


def desk_redemption_fragment(name: str, *, organisation_id: int, redemption_id: int) -> Fragment:
    """One of a shop's sales."""
    return Fragment(
        sql=f"""
        SELECT {SALE}
        FROM redemption AS r
        WHERE r.organisation_id = :{name}_organisation
          AND r.id = :{name}_id
        """,
        binds={f"{name}_organisation": organisation_id, f"{name}_id": redemption_id},
    )


def opened_redemption_fragment(name: str, *, redemption_id: int) -> Fragment:
    """One sale of the citizen whom an officer has before them."""
    return Fragment(
        sql=f"""
        SELECT {SALE}
        FROM redemption AS r
        WHERE r.id = :{name}_id
        """,
        binds={f"{name}_id": redemption_id},
    )


def reversible_fragment() -> Fragment:
    """What the office can still undo for the citizen: the newest hundred, and everything that is open."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(s.shape ORDER BY s.id DESC), '[]')
        FROM (
            SELECT r.id, {SALE} AS shape
            FROM redemption_holder AS h
            JOIN redemption AS r ON r.id = h.redemption_id
            WHERE h.citizen_id = :citizen
              AND r.status IN ('COMPLETED', 'OPEN', 'LATE', 'CLAIM_PENDING')
            ORDER BY r.status <> 'COMPLETED' DESC, h.redemption_id DESC
            LIMIT 100
        ) AS s
        """
    )


def desk_redemptions_fragment(name: str, *, wanted: DeskFilter, first: int, before: int | None) -> Fragment:
    """A shop's sales, newest first, from before one of them; one more than asked for."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(s.shape ORDER BY s.id DESC), '[]')
        FROM (
            SELECT r.id, {SALE} AS shape
            FROM redemption AS r
            WHERE r.organisation_id = :{name}_organisation
              AND r.id < :{name}_before
              AND (CAST(:{name}_since AS timestamptz) IS NULL OR r.at >= CAST(:{name}_since AS timestamptz))
              AND (CAST(:{name}_until AS timestamptz) IS NULL OR r.at < CAST(:{name}_until AS timestamptz))
              AND (CAST(:{name}_status AS text) IS NULL OR {_STATUS} = CAST(:{name}_status AS text))
              AND (CAST(:{name}_due AS date) IS NULL OR r.due_on < CAST(:{name}_due AS date))
              AND (CAST(:{name}_receipt AS text) IS NULL OR r.receipt_number = CAST(:{name}_receipt AS text))
              AND (CAST(:{name}_ref AS text) IS NULL OR r.merchant_ref = CAST(:{name}_ref AS text))
            ORDER BY r.id DESC
            LIMIT :{name}_limit
        ) AS s
        """,
        binds={
            f"{name}_organisation": wanted.organisation_id,
            f"{name}_before": 2**63 - 1 if before is None else before,
            f"{name}_since": wanted.since,
            f"{name}_until": wanted.until,
            f"{name}_status": wanted.status,
            f"{name}_due": wanted.due_before,
            f"{name}_receipt": wanted.receipt_number,
            f"{name}_ref": wanted.merchant_ref,
            f"{name}_limit": first + 1,
        },
    )


def terminals_fragment(name: str, *, organisation_id: int, own: int | None) -> Fragment:
    """A shop's terminals, the caller's own first."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg({_TERMINAL} ORDER BY t.id <> coalesce(CAST(:{name}_own AS bigint), 0), t.id), '[]')
        FROM terminal AS t
        WHERE t.organisation_id = :{name}_organisation
        """,
        binds={f"{name}_organisation": organisation_id, f"{name}_own": own},
    )


def terminal_fragment(name: str, *, organisation_id: int, terminal_id: int) -> Fragment:
    """One of a shop's terminals."""
    return Fragment(
        sql=f"""
        SELECT {_TERMINAL}
        FROM terminal AS t
        WHERE t.organisation_id = :{name}_organisation
          AND t.id = :{name}_id
        """,
        binds={f"{name}_organisation": organisation_id, f"{name}_id": terminal_id},
    )


_TERMINAL: Final = """json_build_object(
        'id', t.id, 'name', t.name, 'last_seen_at', t.last_seen_at, 'blocked', t.blocked_at IS NOT NULL)"""
