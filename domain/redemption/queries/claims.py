"""SQL over claims to accounts: a sale that waits for its provider, with whom it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor, Role
from domain.redemption.queries import sales
from domain.redemption.rules.ends import Sale
from domain.values import Fragment

_REVEAL_LATE = text("SELECT reveal_late_claim(:redemption)")
_NEXT_ID = text("SELECT nextval('redemption_id_seq')")
_ADD_SALE = text("""
    INSERT INTO redemption (id, programme_id, product_id, product_code, organisation_id, receipt_number, at, status,
        budget_window, budget_taken, owed_fen)
    SELECT :id, p.programme_id, p.id, p.code, p.provider_id, :receipt_number, :now, 'CLAIM_SENT', :budget_window,
        :budget_taken, :owed_fen
    FROM product AS p WHERE p.id = :product
""")
_PROVIDER = text("SELECT provider_id FROM product WHERE id = :product")
_ADD_HOLDER = text("""
    INSERT INTO redemption_holder (redemption_id, citizen_id, holder, allowance_window, allowance_taken)
    SELECT :redemption, c.id,
        CASE WHEN :per_household THEN holder_of(c.id, :product_code, :allowance_window) ELSE c.pseudonym END,
        :allowance_window, :allowance_taken
    FROM citizen AS c WHERE c.id = :citizen
    RETURNING holder
""")
_ADD_CLAIM = text("""
    INSERT INTO account_claim (redemption_id, citizen_id, account_id, answer_by)
    VALUES (:redemption, :citizen, :account, :answer_by)
""")
_ANSWER = text("UPDATE account_claim SET answered_at = :now WHERE redemption_id = :redemption")
_CONFIRM = text("""
    UPDATE redemption
    SET status = :status, merchant_ref = :merchant_ref, basis = :basis, relief = :relief, holder_pays = :holder_pays,
        due_on = :due_on, owed_fen = :owed_fen, budget_taken = :budget_taken, changed_at = :now
    WHERE id = :redemption
""")
_TAKEN = text("UPDATE redemption_holder SET allowance_taken = :taken WHERE redemption_id = :redemption")
_ESCALATE = text("""
    UPDATE account_claim AS a SET escalated_at = :now
    FROM redemption AS r
    WHERE r.id = a.redemption_id AND r.programme_id = :programme AND r.status = 'CLAIM_SENT'
      AND a.answer_by < CAST(:today AS date) AND a.escalated_at IS NULL
    RETURNING a.redemption_id, a.answer_by
""")
_WAITING_OF = text("""
    SELECT redemption_id FROM account_claim WHERE citizen_id = :citizen AND answered_at IS NULL ORDER BY redemption_id
""")
_FORGET = text("""
    UPDATE service_account AS s SET sealed_number = NULL
    FROM citizen AS c
    WHERE c.id = s.citizen_id AND c.programme_id = :programme
      AND s.unlinked_at IS NOT NULL AND s.sealed_number IS NOT NULL
      AND NOT EXISTS (
        SELECT FROM account_claim AS a WHERE a.account_id = s.id AND a.answered_at IS NULL)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClaim:
    """A claim about to be sent, with what is kept ready for it. Money in fen."""

    id: int
    citizen_id: int
    product_id: int
    product_code: str
    account_id: int
    answer_by: date
    per_household: bool
    allowance_window: date
    allowance_end: date | None
    allowance_taken: int
    budget_window: date | None
    budget_taken: int
    owed_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a confirmed claim has come to. Money in fen."""

    redemption_id: int
    status: str
    merchant_ref: str
    basis: int | None
    relief: int | None
    holder_pays: int | None
    due_on: date | None
    owed_fen: int
    budget_taken: int


async def next_id(session: AsyncSession) -> int:
    """The number of the next sale."""
    return int((await session.execute(_NEXT_ID)).scalar_one())


async def add_sale(session: AsyncSession, now: datetime, *, claim: NewClaim, receipt_number: str) -> None:
    """Writes the sale that waits for its provider."""
    values = {
        "id": claim.id,
        "product": claim.product_id,
        "receipt_number": receipt_number,
        "budget_window": claim.budget_window,
        "budget_taken": claim.budget_taken,
        "owed_fen": claim.owed_fen,
        "now": now,
    }
    await session.execute(_ADD_SALE, params=values)


async def provider_of(session: AsyncSession, *, product_id: int) -> int:
    """The organisation that answers."""
    return int((await session.execute(_PROVIDER, params={"product": product_id})).scalar_one())


async def add_holder(session: AsyncSession, *, claim: NewClaim) -> bytes:
    """Writes whose sale it is; gives for whom its allowance is counted."""
    values = {
        "redemption": claim.id,
        "citizen": claim.citizen_id,
        "per_household": claim.per_household,
        "product_code": claim.product_code,
        "allowance_window": claim.allowance_window,
        "allowance_taken": claim.allowance_taken,
    }
    return bytes((await session.execute(_ADD_HOLDER, params=values)).scalar_one())


async def add_claim(session: AsyncSession, *, claim: NewClaim) -> None:
    """Puts the claim into its provider's queue."""
    values = {
        "redemption": claim.id,
        "citizen": claim.citizen_id,
        "account": claim.account_id,
        "answer_by": claim.answer_by,
    }
    await session.execute(_ADD_CLAIM, params=values)


async def lock(session: AsyncSession, actor: Actor, now: datetime, *, redemption_id: int) -> Sale | None:
    """One claim that the caller may answer, locked: its provider, or an officer once it has gone to the office."""
    if actor.role is not Role.OFFICER:
        return await sales.lock(session, actor, now, redemption_id=redemption_id)
    await session.execute(_REVEAL_LATE, params={"redemption": redemption_id})
    return await sales.locked(session, actor, redemption_id=redemption_id)


async def waiting_of(session: AsyncSession, *, citizen_id: int) -> Sequence[int]:
    """The citizen's claims that no provider has answered."""
    return (await session.execute(_WAITING_OF, params={"citizen": citizen_id})).scalars().all()


async def note_answer(session: AsyncSession, now: datetime, *, redemption_id: int) -> None:
    """The claim waits no longer."""
    await session.execute(_ANSWER, params={"redemption": redemption_id, "now": now})


async def confirm(session: AsyncSession, now: datetime, *, answer: Answer) -> None:
    """Writes what a claim has come to."""
    values = {
        "redemption": answer.redemption_id,
        "status": answer.status,
        "merchant_ref": answer.merchant_ref,
        "basis": answer.basis,
        "relief": answer.relief,
        "holder_pays": answer.holder_pays,
        "due_on": answer.due_on,
        "owed_fen": answer.owed_fen,
        "budget_taken": answer.budget_taken,
        "now": now,
    }
    await session.execute(_CONFIRM, params=values)


async def set_allowance_taken(session: AsyncSession, *, redemption_id: int, taken: int) -> None:
    """Writes how much of the allowance the sale has really used."""
    await session.execute(_TAKEN, params={"redemption": redemption_id, "taken": taken})


async def escalate(session: AsyncSession, now: datetime, *, programme_id: int, today: date) -> list[tuple[int, date]]:
    """Hands to the office what a provider has not answered in time; gives these sales, with the day that has passed."""
    values = {"programme": programme_id, "today": today, "now": now}
    return [(row.redemption_id, row.answer_by) for row in await session.execute(_ESCALATE, params=values)]


async def forget_numbers(session: AsyncSession, *, programme_id: int) -> None:
    """Deletes the numbers of accounts that are no longer linked and for which no claim waits."""
    await session.execute(_FORGET, params={"programme": programme_id})


def desk_claims_fragment(
    name: str, *, sale: str, first: int, after: tuple[date, int] | None, midnight: datetime
) -> Fragment:
    """A provider's queue, the most urgent first, one more than asked for; `sale` is how a sale r is read.

    The first look at each claim is written down for its citizen, so it wants a transaction that is kept.
    """
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(json_build_object(
            'sale', {sale}, 'number', encode(d.sealed_number, 'hex'), 'key', encode(d.wrapped_key, 'hex'),
            'answer_by', d.answer_by) ORDER BY d.answer_by, r.id), '[]')
        FROM desk_claims(CAST(:{name}_after AS date), CAST(:{name}_after_id AS bigint),
            CAST(:{name}_limit AS integer), CAST(:{name}_midnight AS timestamptz)) AS d
        JOIN redemption AS r ON r.id = d.redemption_id
        """,
        binds={
            f"{name}_after": None if after is None else after[0],
            f"{name}_after_id": None if after is None else after[1],
            f"{name}_limit": first + 1,
            f"{name}_midnight": midnight,
        },
    )


def late_claims_fragment(name: str, *, sale: str, first: int, after: tuple[date, int] | None) -> Fragment:
    """The office's list of claims that nobody has answered in time, the most urgent first, one more than asked for."""
    return Fragment(
        sql=f"""
        SELECT coalesce(json_agg(json_build_object('sale', {sale}, 'answer_by', l.answer_by)
            ORDER BY l.answer_by, r.id), '[]')
        FROM late_claims(CAST(:{name}_after AS date), CAST(:{name}_after_id AS bigint),
            CAST(:{name}_limit AS integer)) AS l
        CROSS JOIN LATERAL (SELECT (l.sale).*) AS r
        """,
        binds={
            f"{name}_after": None if after is None else after[0],
            f"{name}_after_id": None if after is None else after[1],
            f"{name}_limit": first + 1,
        },
    )


def claim_fragment(name: str, *, sale: str, redemption_id: int) -> Fragment:
    """One claim with its account number, for an officer to whom it has been opened."""
    return Fragment(
        sql=f"""
        SELECT json_build_object(
            'sale', {sale}, 'number', encode(s.sealed_number, 'hex'), 'key', encode(k.wrapped_key, 'hex'),
            'answer_by', a.answer_by)
        FROM account_claim AS a
        JOIN redemption AS r ON r.id = a.redemption_id
        JOIN service_account AS s ON s.id = a.account_id
        JOIN citizen AS c ON c.id = a.citizen_id
        JOIN person_key AS k ON k.person_id = c.person_id
        WHERE a.redemption_id = :{name}_id
        """,
        binds={f"{name}_id": redemption_id},
    )
