"""A citizen links the accounts to which benefits go, ends a link, and promises papers that will follow."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from domain import audit, idempotency
from domain.actor import Actor
from domain.consent import actions as consent
from domain.errors import AlreadyDecided, ConsentRequired, InvalidInput, NotAllowed, NotFound, RuleRefused
from domain.incentives.queries import accounts
from domain.incentives.queries.accounts import NewAccount, Promise
from domain.incentives.rules.accounts import MAX_LIVE, SEALED_AS, digest_of_account, number_of
from domain.incentives.rules.promises import promise_digest
from domain.incentives.rules.standing import Catalogue, allowance_window
from domain.programmes.rules.shapes import PapersLater
from domain.programmes.rules.terms import ConsentPurpose, ServiceAccountKind
from domain.values import words
from domain.vault import Vault


async def link_account(
    session: AsyncSession, actor: Actor, now: datetime, *, kind: ServiceAccountKind, number: str, key: UUID
) -> int:
    """Links an account by the number on its bill or card; one that is linked already stays as it is.

    Raises: ConsentRequired, InvalidInput for the number, RuleRefused beyond ten accounts.
    """
    citizen_id, programme_id = joined(actor)
    plain = number_of(number)
    vault: Vault = session.info["vault"]
    digest = digest_of_account(vault, programme_id, kind, plain)
    request = {"kind": kind.value, "digest": digest.hex()}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="linkAccount", request=request)
    if earlier is not None:
        return int(str(earlier["id"]))
    await check_consent(session, actor)
    await accounts.lock_citizen(session, citizen_id=citizen_id)
    live = await accounts.live_accounts(session, citizen_id=citizen_id)
    account_id = next((one.id for one in live if one.digest == digest), None)
    if account_id is None:
        if len(live) >= MAX_LIVE:
            raise RuleRefused(_TOO_MANY)
        account_id = await _add(session, actor, now, account=(kind, plain, digest))
    await idempotency.bind(session, actor, key=key, result={"id": account_id})
    return account_id


async def unlink_account(session: AsyncSession, actor: Actor, now: datetime, *, account_id: int, key: UUID) -> int:
    """Ends a link. A claim that waits for its provider is still answered; then the number is forgotten.

    Raises: NotFound, AlreadyDecided when it has been unlinked.
    """
    citizen_id, _ = joined(actor)
    request = {"account": account_id}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="unlinkAccount", request=request)
    if earlier is not None:
        return account_id
    found = await accounts.lock_account(session, account_id=account_id, citizen_id=citizen_id)
    if found is None:
        raise NotFound
    if not found[1]:
        raise AlreadyDecided(words("此账户已解除关联。", "This account has been unlinked already."))
    await accounts.unlink(session, now, account_id=account_id)
    await audit.record(session, actor, now, action="unlink_account", about={"account": account_id})
    await idempotency.bind(session, actor, key=key, result={"id": account_id})
    return account_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The product, and the fingerprint of the promise that was read."""

    product_id: int
    digest: str


async def sign_promise(
    session: AsyncSession, actor: Actor, now: datetime, *, catalogue: Catalogue, signature: Signature, key: UUID
) -> int:
    """The citizen's own promise that the papers will follow; it holds for the present window. Gives the product.

    Raises: NotFound, RuleRefused for a product without papers, InvalidInput for another text than the present one.
    """
    citizen_id, _ = joined(actor)
    product_id, digest = signature.product_id, signature.digest
    request = {"product": product_id, "digest": digest}
    earlier = await idempotency.claim(session, actor, now, key=key, operation="signMyCommitment", request=request)
    if earlier is not None:
        return product_id
    product = catalogue.products.get(product_id)
    if product is None:
        raise NotFound
    if not isinstance(product.shape, PapersLater):
        raise RuleRefused(_NO_PAPERS, field="productId")
    if digest != promise_digest(product):
        raise InvalidInput(_OTHER_TEXT, field="digest")
    window = allowance_window(product, catalogue.today)
    promised = Promise(citizen_id=citizen_id, product_code=product.code, window=window, digest=digest)
    await accounts.promise(session, now, promised=promised)
    await idempotency.bind(session, actor, key=key, result={"id": product_id})
    return product_id


async def check_consent(session: AsyncSession, actor: Actor) -> None:
    """Raises: ConsentRequired unless the person has agreed to links to accounts."""
    if ConsentPurpose.ACCOUNT.value not in await consent.standing(session, actor):
        raise ConsentRequired(_NO_CONSENT)


def joined(actor: Actor) -> tuple[int, int]:
    """Citizen and programme. Raises: NotAllowed before joining."""
    if actor.citizen_id is None or actor.programme_id is None:
        raise NotAllowed(
            words("您尚未加入本项目。请先加入。", "You have not joined this programme. Please join first.")
        )
    return actor.citizen_id, actor.programme_id


async def _add(
    session: AsyncSession, actor: Actor, now: datetime, *, account: tuple[ServiceAccountKind, str, bytes]
) -> int:
    kind, number, digest = account
    vault: Vault = session.info["vault"]
    wrapped = await accounts.wrapped_key(session, person_id=actor.person_id or 0)
    if wrapped is None:
        raise NotAllowed(words("您的数据已删除。请重新登录。", "Your data has been erased. Please sign in again."))
    citizen_id, _ = joined(actor)
    linked = NewAccount(
        citizen_id=citizen_id, kind=kind.value, sealed_number=vault.seal(wrapped, SEALED_AS, number), digest=digest
    )
    account_id = await accounts.add_account(session, now, account=linked)
    await audit.record(session, actor, now, action="link_account", about={"account": account_id})
    return account_id


_NO_CONSENT = words(
    "关联账户需要单独同意。请先阅读并同意“账户”用途。",
    "Linking an account needs a consent of its own. Read the text for accounts and agree to it first.",
)
_TOO_MANY = words(
    f"最多关联 {MAX_LIVE} 个账户。请先解除不用的账户。", f"At most {MAX_LIVE} accounts. Unlink one that you do not use."
)
_NO_PAPERS = words("这项惠民不需要后补材料。", "No papers follow later for this benefit; there is nothing to sign.")
_OTHER_TEXT = words(
    "承诺书内容已更新。请重新阅读后再签署。",
    "The text of the promise is another one. Read the present one and sign it.",
)
