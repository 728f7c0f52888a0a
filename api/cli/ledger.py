"""`benefits ledger check`: proves the books from their rows."""

import asyncio
import sys
from pathlib import Path

from api.cli.ground import check as check_ground
from api.cli.places import joined_settings
from api.cli.terminal import complain, say
from api.database import WorkerDatabase
from api.settings import Settings
from domain.actor import ANONYMOUS
from domain.redemption.queries.books import Proof, prove
from domain.vault import Vault


def check(*, data: Path | None = None) -> None:
    """Prove the books from their rows: balances, budgets, allowances and sales; name the first row that does not fit.

    Parameters
    ----------
    data
        The data folder of a running demo; without it the database of DATABASE_WORKER_URL.
    """
    settings = joined_settings(data)
    check_ground(settings.database_worker_url)
    proof = asyncio.run(_prove(settings))
    say(
        f"{proof.accounts} accounts, {proof.transfers} transfers, {proof.sales} sales, {proof.budgets} budgets: "
        f"{_yuan(proof.paid_in_fen)} yuan were paid into budgets, {_yuan(proof.owed_fen)} are owed to shops, "
        f"{_yuan(proof.held_fen)} are held."
    )
    if proof.fault is not None:
        complain(f"The books do not agree. {proof.fault.place}: {proof.fault.fault}.")
        sys.exit(1)
    say("The books agree.")


async def _prove(settings: Settings) -> Proof:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=1)
    try:
        async with database.reading(ANONYMOUS) as unit:
            return await prove(unit.session)
    finally:
        await database.dispose()


def _yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    whole, rest = divmod(abs(fen), 100)
    return f"{sign}{whole}.{rest:02}"
