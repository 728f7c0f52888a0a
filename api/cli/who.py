"""`benefits token`: an access token for one of the demo's invented people, without a browser."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from api.cli.places import joined_settings
from api.cli.terminal import say
from api.database import WorkerDatabase
from api.errors import CannotStart
from api.settings import Settings
from api.tokens import Keyring, mint_access_token
from domain.actor import ANONYMOUS, PERSON_ROLES, STAFF_ROLES, Caller, Role
from domain.people.settlement import caller_of
from domain.vault import Vault
from seeds.demo import people_of, programme_codes
from seeds.people import ISSUER, subject_of

_ROLES = tuple(sorted(role.value for role in PERSON_ROLES | STAFF_ROLES))


def token(
    role: str | None = None,
    *,
    programme: str | None = None,
    index: int = 1,
    data: Path | None = None,
    list_people: Annotated[bool, Parameter(name="--list")] = False,
) -> None:
    """Print an access token for a running demo.

    Parameters
    ----------
    role
        citizen, volunteer, cashier, manager, organiser, officer, approver, source or auditor.
    programme
        The programme's code, such as rongcheng.
    index
        Which of them, from 1.
    data
        The folder of the running demo.
    list_people
        Say who is who instead.
    """
    if programme is not None and programme not in programme_codes():
        raise CannotStart(f"There is no programme {programme!r}: take one of {', '.join(programme_codes())}.")
    if list_people:
        _say_who_is_who(programme, role)
        return
    if role not in _ROLES or programme is None:
        raise CannotStart(
            f"Name a role and a programme: benefits token {'|'.join(_ROLES)} --programme CODE [--index N]."
        )
    settings = joined_settings(data)
    if not settings.demo:
        raise CannotStart("OIDC_ISSUER is set, so people sign in there: tokens without a sign-in are for demos only.")
    caller = asyncio.run(_caller(settings, Role(role), programme, index))
    if caller is None:
        raise CannotStart(f"{programme} has no {role} {index}: see `benefits token --list --programme {programme}`.")
    say(mint_access_token(keyring(settings), caller, now=time.time()))


def keyring(settings: Settings) -> Keyring:
    """The keys that the running server signs and verifies with."""
    return Keyring(issuer=settings.public_url, signing_key=settings.token_signing_key)


async def _caller(settings: Settings, role: Role, programme: str, index: int) -> Caller | None:
    database = WorkerDatabase(settings.database_worker_url, Vault(settings.vault_key), pool_size=1)
    try:
        async with database.reading(ANONYMOUS) as unit:
            subject = subject_of(programme, role.value, index)
            return await caller_of(unit.session, issuer=ISSUER, subject=subject, role=role, programme=programme)
    finally:
        await database.dispose()


def _say_who_is_who(programme: str | None, role: str | None) -> None:
    for code in [programme] if programme else programme_codes():
        for person in people_of(code):
            if role in (None, person.role):
                say(f"{code:10}  {person.role:9}  {person.index:3}  {person.label}")
