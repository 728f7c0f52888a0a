"""A shop scans a code: a preview holds it for the terminal, a redemption takes the benefit.

Both read the same and decide by the same rules. A redemption is three statements; a refusal writes down that the shop
has looked, and nothing else of it stays.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import idempotency
from domain.actor import Actor
from domain.errors import IdempotencyConflict
from domain.incentives import queries as incentives
from domain.incentives.queries import is_offered
from domain.incentives.rules.decision import Decision, decide, refused
from domain.incentives.rules.relief import Relief, basis_unit, check_asked, relief_of
from domain.incentives.rules.standing import (
    Catalogue,
    Standing,
    allowance_window,
    budget_window,
    kind_of,
    voucher_code,
    voucher_limit,
)
from domain.programmes.rules.codec import to_json
from domain.programmes.rules.document import Product
from domain.redemption.actions import partner_codes
from domain.redemption.queries import partner_codes as codes
from domain.redemption.queries import scans
from domain.redemption.queries.scans import Keyed, Look, Taken
from domain.redemption.rules.codes import mac_of_scanned, receipt_number_of
from domain.redemption.rules.scans import (
    HOLD,
    OpenedScan,
    Scan,
    ScanOutcome,
    ScanReason,
    ShownCode,
    Sold,
    check_rate,
    check_scan,
    check_terminal,
    state_of,
)
from domain.values import words
from domain.vault import Vault

OPERATION = "redeem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A live code and its product; nothing of the person has been read yet."""

    code: ShownCode
    product: Product
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A found code with what is known of its person, and what follows."""

    found: Found
    standing: Standing
    decision: Decision

    @property
    def code(self) -> ShownCode:
        """The code."""
        return self.found.code

    @property
    def product(self) -> Product:
        """The product."""
        return self.found.product


async def preview_redemption(
    session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, scan: Scan
) -> ScanOutcome:
    """What a redemption would give. Consumes nothing; the code is held for this terminal for 90 seconds.

    Raises: TerminalBlocked, RateLimited, InvalidInput, NotFound: about the scan, never about the person.
    """
    check_scan(scan, actor.terminal_id)
    opened = await _open(session, now, scan=scan, keyed=Keyed())
    found = await _find(session, now, catalogue=catalogue, scan=scan, opened=opened)
    if isinstance(found, ScanOutcome):
        return found
    measured = scan.basis is not None or basis_unit(found.product.shape) is None
    if measured:
        check_asked(found.product.shape, scan.basis)
    verdict = await _judge(session, actor, now, catalogue=catalogue, found=found)
    if isinstance(verdict, ScanOutcome):
        return verdict
    relief = await _relief(session, now, scan=scan, verdict=verdict) if measured else None
    if isinstance(relief, ScanOutcome):
        return relief
    until = now + HOLD
    held = await scans.hold_code(
        session, now, code=found.code, terminal_id=scan.terminal_id, until=until, look=found.look
    )
    if not held:
        return ScanOutcome(reason=ScanReason.TRY_AGAIN)
    return ScanOutcome(
        reason=ScanReason.OK,
        product_id=verdict.code.product_id,
        basis=None if relief is None else relief.basis,
        basis_unit=basis_unit(verdict.product.shape),
        relief=None if relief is None else relief.relief,
        holder_pays=None if relief is None else relief.holder_pays,
        match_number=verdict.code.match_number,
        held_until=until,
    )


async def redeem(
    session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, scan: Scan, key: UUID
) -> ScanOutcome:
    """Takes the benefit: once for each code, and once for each key of the terminal.

    Raises:
        IdempotencyConflict: the key stands for another scan.
        BasisNeeded, InvalidInput: the price, quantity or deposit is missing or makes no sense. The code lives on.
        TerminalBlocked, RateLimited, NotFound: this terminal may not scan, or not now.
    """
    check_scan(scan, actor.terminal_id)
    keyed = Keyed(key=key, request_hash=idempotency.request_hash(OPERATION, _request(scan)))
    opened = await _open(session, now, scan=scan, keyed=keyed)
    if opened.earlier is not None:
        if not opened.same_request:
            raise IdempotencyConflict
        return await _repeated(session, catalogue, redemption_id=cast("int", opened.earlier["id"]))
    found = await _find(session, now, catalogue=catalogue, scan=scan, opened=opened)
    if isinstance(found, ScanOutcome):
        return found
    check_asked(found.product.shape, scan.basis)
    verdict = await _judge(session, actor, now, catalogue=catalogue, found=found)
    if isinstance(verdict, ScanOutcome):
        return verdict
    relief = await _relief(session, now, scan=scan, verdict=verdict)
    if isinstance(relief, ScanOutcome):
        return relief
    vault: Vault = session.info["vault"]
    taken = _taken(verdict, relief, scan=scan, keyed=keyed, receipt=receipt_number_of(vault, verdict.code.id))
    written = await _write(session, actor, now, taken=taken, product=found.product)
    if isinstance(written, str):
        return await _lost(session, now, verdict=verdict, to=written)
    return ScanOutcome(
        reason=ScanReason.OK,
        product_id=verdict.code.product_id,
        basis=relief.basis,
        basis_unit=relief.unit,
        relief=relief.relief,
        holder_pays=relief.holder_pays,
        match_number=verdict.code.match_number,
        sold=Sold(
            redemption_id=written,
            receipt_number=taken.receipt_number,
            merchant_ref=taken.merchant_ref,
            at=now,
            status=taken.status,
            due_on=taken.due_on,
        ),
    )


async def _repeated(session: AsyncSession, catalogue: Catalogue, *, redemption_id: int) -> ScanOutcome:
    """What this key has led to, told from the sale itself."""
    return await scans.told(
        session,
        redemption_id=redemption_id,
        unit_of=lambda product_id: basis_unit(catalogue.products[product_id].shape),
    )


async def _write(session: AsyncSession, actor: Actor, now: datetime, *, taken: Taken, product: Product) -> int | str:
    """The number of the sale, with a partner's code where the product gives one; or what there was not enough of."""
    if not product.partner_codes:
        return await scans.take_benefit(session, now, taken=taken)
    drawn = await codes.reserve(session, product_code=product.code)
    if drawn is None:
        await partner_codes.run_out(session, actor, now, product_code=product.code)
        return "CODES"
    written = await scans.take_benefit(session, now, taken=taken)
    if isinstance(written, int):
        await partner_codes.hand_out(
            session, actor, now, product_code=product.code, code_id=drawn, redemption_id=written
        )
    return written


async def _open(session: AsyncSession, now: datetime, *, scan: Scan, keyed: Keyed) -> OpenedScan:
    """Raises: TerminalBlocked, and RateLimited unless the key has been answered before."""
    mac = mac_of_scanned(session.info["vault"], scan.code)
    opened = await scans.open_scan(session, now, mac=mac, terminal_id=scan.terminal_id, keyed=keyed)
    check_terminal(opened)
    if opened.earlier is None:
        check_rate(opened)
    return opened


async def _find(
    session: AsyncSession, now: datetime, *, catalogue: Catalogue, scan: Scan, opened: OpenedScan
) -> Found | ScanOutcome:
    """The live code that was scanned; the number of the sale is checked next, before anything is read of the person."""
    code = opened.code
    if code is None:
        await scans.count_wrong_code(session, now, terminal_id=scan.terminal_id)
        return ScanOutcome(reason=ScanReason.NOT_VALID)
    product = catalogue.products.get(code.product_id)
    if product is None:
        # Published a moment ago, after this request had begun.
        return ScanOutcome(reason=ScanReason.TRY_AGAIN)
    found = Found(code=code, product=product, look=_look(product, catalogue))
    reason = state_of(code, scan.terminal_id, now)
    return found if reason is ScanReason.OK else await _turn_away(session, now, found=found, reason=reason)


async def _judge(
    session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, found: Found
) -> Verdict | ScanOutcome:
    """Place, product and person, in this order: the first that does not hold is the answer."""
    standing, state = await incentives.inputs(
        session,
        now,
        citizen_id=found.code.citizen_id,
        product_id=found.code.product_id,
        organisation_id=actor.organisation_id,
        catalogue=catalogue,
    )
    if not state.given_here:
        return await _turn_away(session, now, found=found, reason=ScanReason.WRONG_PLACE)
    decision = decide(found.product, catalogue.rules, standing)
    if not is_offered(state, catalogue):
        decision = refused(decision, _SUSPENDED)
    verdict = Verdict(found=found, standing=standing, decision=decision)
    return verdict if decision.qualified else await _refuse(session, now, verdict=verdict)


async def _relief(session: AsyncSession, now: datetime, *, scan: Scan, verdict: Verdict) -> Relief | ScanOutcome:
    """What this sale gives, unless the budget is too small for it."""
    standing, product = verdict.standing, verdict.product
    left = standing.left(product, verdict.code.voucher_kind)
    if left == 0:
        return await _lost(session, now, verdict=verdict, to="ALLOWANCE")
    relief = relief_of(
        product,
        basis=scan.basis,
        left=left,
        today=standing.today,
        voucher_kind=verdict.code.voucher_kind,
    )
    if relief.budget_taken > (standing.budget_left(product) or 0):
        return await _lost(session, now, verdict=verdict, to="BUDGET")
    return relief


async def _turn_away(session: AsyncSession, now: datetime, *, found: Found, reason: ScanReason) -> ScanOutcome:
    """The code itself does not do: the person sees that a shop has looked."""
    await scans.refuse_code(session, now, code=found.code, refusal=None, look=found.look)
    return ScanOutcome(reason=reason)


async def _refuse(session: AsyncSession, now: datetime, *, verdict: Verdict) -> ScanOutcome:
    """The shop hears that the code is not valid; the reason goes to the phone alone. The code lives on."""
    await scans.refuse_code(session, now, code=verdict.code, refusal=to_json(verdict.decision), look=verdict.found.look)
    return ScanOutcome(reason=ScanReason.NOT_VALID)


async def _lost(session: AsyncSession, now: datetime, *, verdict: Verdict, to: str) -> ScanOutcome:
    """A conditional write found no row: somebody was quicker, or the money does not reach."""
    decision = refused(verdict.decision, _LOST[to])
    return await _refuse(session, now, verdict=replace(verdict, decision=decision))


def _taken(verdict: Verdict, relief: Relief, *, scan: Scan, keyed: Keyed, receipt: str) -> Taken:
    code, product, today = verdict.code, verdict.product, verdict.standing.today
    start, end = allowance_window(product, today)
    kind = kind_of(product, code.voucher_kind)
    budget = budget_window(product, today)
    return Taken(
        code_id=code.id,
        citizen_id=code.citizen_id,
        per_household=product.allowance.per_household,
        person_id=code.person_id,
        product_id=code.product_id,
        product_code=product.code,
        terminal_id=scan.terminal_id,
        key=cast("UUID", keyed.key),
        request_hash=keyed.request_hash or b"",
        operation=OPERATION,
        receipt_number=receipt,
        merchant_ref=scan.merchant_ref,
        status=relief.first_status,
        basis=relief.basis,
        relief=relief.relief,
        holder_pays=relief.holder_pays,
        due_on=relief.due_on,
        match_number=code.match_number,
        allowance_start=start,
        allowance_end=end,
        allowance_taken=relief.allowance_taken,
        allowance_limit=product.allowance.quantity if kind is None else voucher_limit(product, kind),
        allowance_code=None if kind is None else voucher_code(product, kind),
        budget_start=None if budget is None else budget[0],
        budget_taken=relief.budget_taken,
        posted_fen=relief.posted_fen,
        pending_fen=relief.pending_fen,
        look=verdict.found.look,
    )


def _request(scan: Scan) -> dict[str, object]:
    return {"code": scan.code, "basis": scan.basis, "ref": scan.merchant_ref, "terminal": scan.terminal_id}


def _look(product: Product, catalogue: Catalogue) -> Look:
    title = product.title
    return Look(what=words(f"在商家核验“{title.zh}”", f"Checked “{title.en}” at a shop"), day=catalogue.midnight)


_SUSPENDED = words(
    "这项惠民目前暂停提供。请稍后再试。", "This benefit is not given at present. Please try again later."
)
_LOST = {
    "CODES": words(
        "合作方的兑换码已发完,补充后恢复提供。此码仍然有效。",
        "The partner's codes have run out; it is given again when more have come. The code is still good.",
    ),
    "ALLOWANCE": words(
        "您本期的额度不够这一次使用。", "What is left of this window's allowance does not cover this use."
    ),
    "BUDGET": words(
        "本期预算不够支付这一次的减免。此码仍然有效。",
        "What is left of the budget does not cover this relief. The code is still good.",
    ),
}
