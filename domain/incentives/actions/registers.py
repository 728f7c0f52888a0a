"""A provider's register of accounts: it tells in which dwelling those live who have linked theirs.

Of an account that nobody has linked nothing is kept. A register sent again links whoever has linked one since then.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from domain.actor import Actor
from domain.errors import DomainError, InvalidInput
from domain.incentives.queries.registers import account_holders
from domain.incentives.rules.accounts import digest_of_account, number_of
from domain.people.queries.dwellings import keep_dwellings_of_citizens
from domain.programmes.rules.terms import ServiceAccountKind
from domain.scoring.actions import Delivered
from domain.scoring.imports import Desk, dwelling_digest, sift_register
from domain.scoring.rules.delivered_lines import DwellingAccount, account_refusal
from domain.values import words
from domain.vault import Vault

# The accounts that belong to a dwelling, and not to a person or a car.
OF_DWELLINGS: Final = (ServiceAccountKind.HEATING, ServiceAccountKind.WATER)


async def take_accounts(
    session: AsyncSession, _: Actor, __: datetime, *, desk: Desk, given: Sequence[DwellingAccount | DomainError]
) -> Delivered:
    """Takes lines of a provider's register. Runs as the worker."""
    kept, delivered = await sift_register(session, desk=desk, given=given, refusal=_refusal)
    vault: Vault = session.info["vault"]
    lines: dict[bytes, list[DwellingAccount]] = defaultdict(list)
    for line in kept:
        number = number_of(line.number)
        lines[digest_of_account(vault, desk.programme_id, ServiceAccountKind(line.kind), number)].append(line)
    holders = await account_holders(session, digests=list(lines))
    linked = [(citizen, line) for citizen, digest in holders for line in lines[digest]]
    await keep_dwellings_of_citizens(
        session,
        citizens=[citizen for citizen, _ in linked],
        since=[line.since for _, line in linked],
        dwellings=[dwelling_digest(vault, desk, line.dwelling_ref) for _, line in linked],
    )
    return delivered


def _refusal(line: DwellingAccount, today: date) -> DomainError | None:
    if line.kind not in OF_DWELLINGS:
        return InvalidInput(
            words("账户类别须为 HEATING 或 WATER。", "The kind of account is HEATING or WATER."), field="kind"
        )
    try:
        number_of(line.number)
    except InvalidInput as refusal:
        return refusal
    return account_refusal(line, today)
