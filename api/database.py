"""The engine, and the two ways to use it. The only place that commits, and that sets the identity of the caller."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from domain.actor import Actor, Caller, Role
from domain.errors import DomainError, NotAllowed, TerminalBlocked
from domain.programmes.queries.admissions import why_suspended
from domain.values import words
from domain.vault import Vault

_ASSUME = text("SELECT * FROM assume(:role, :person, :programme, :organisation, :terminal)")

# PostgreSQL counts days from here.
_EPOCH = date(2000, 1, 1).toordinal()

_REFUSALS = {
    "PROGRAMME": words("没有这个项目。请重新登录。", "There is no such programme. Please sign in again."),
    "STAFF": words(
        "您在此项目中没有这个岗位,或已被停用。请联系管理员。",
        "You do not hold this role here, or it was blocked. Please ask your manager.",
    ),
    "ORGANISATION": words(
        "您的机构目前没有参与。请联系项目办公室。",
        "Your organisation does not take part at present. Please ask the programme office.",
    ),
    "TERMINAL": words(
        "此终端已停用。请使用其他终端,或联系店长。", "This terminal is blocked. Use another one, or ask your manager."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One piece of work in one transaction: the session, who acts, and the business time it happens at."""

    session: AsyncSession
    actor: Actor
    now: datetime
    catalogue_version: int


class Database:
    """A pool of connections of one role, and the vault that its sessions carry."""

    def __init__(self, url: str | URL, vault: Vault, *, pool_size: int = 10) -> None:
        self.engine = create_engine(url, pool_size=pool_size)
        self.vault = vault

    @asynccontextmanager
    async def transaction(self, caller: Caller) -> AsyncIterator[Unit]:
        """Commit when the block ends well, roll back when anything is raised."""
        async with self._session() as session:
            unit = await self._open(session, caller)
            yield unit
            await session.commit()

    @asynccontextmanager
    async def reading(self, caller: Caller) -> AsyncIterator[Unit]:
        """For reads; ends in a rollback, so that nothing written here can last."""
        async with self._session() as session:
            unit = await self._open(session, caller)
            yield unit
            await session.rollback()

    async def dispose(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    def _session(self) -> AsyncSession:
        return AsyncSession(self.engine, expire_on_commit=False, autoflush=False, info={"vault": self.vault})

    @staticmethod
    async def _open(session: AsyncSession, caller: Caller) -> Unit:
        row = (
            await session.execute(
                _ASSUME,
                {
                    "role": caller.role.value,
                    "person": caller.person_id,
                    "programme": caller.programme,
                    "organisation": caller.organisation_id,
                    "terminal": caller.terminal_id,
                },
            )
        ).one()
        if row.refusal is not None:
            raise await _refusal(session, row.refusal, caller)
        actor = Actor(
            role=caller.role,
            person_id=caller.person_id,
            programme_id=row.programme_id,
            citizen_id=row.citizen_id,
            volunteer_id=row.volunteer_id,
            staff_id=row.staff_id,
            organisation_id=caller.organisation_id,
            terminal_id=caller.terminal_id,
        )
        return Unit(session=session, actor=actor, now=row.now, catalogue_version=row.catalogue)


async def _refusal(session: AsyncSession, refusal: str, caller: Caller) -> DomainError:
    """Why this caller may not act; the staff of a suspended organisation read the office's reason."""
    if refusal == "TERMINAL":
        return TerminalBlocked(_REFUSALS[refusal], field="terminalId")
    reason = None
    if refusal == "ORGANISATION" and caller.organisation_id is not None:
        reason = await why_suspended(session, organisation_id=caller.organisation_id)
    if reason is None:
        return NotAllowed(_REFUSALS[refusal])
    return NotAllowed(
        words(
            f"您的机构目前暂停参与,原因:{reason}。请联系项目办公室。",
            f"Your organisation is suspended at present: {reason} Please ask the programme office.",
        )
    )


class WorkerDatabase(Database):
    """Jobs and imports: the worker's role has row policies of its own and needs no identity."""

    @staticmethod
    async def _open(session: AsyncSession, caller: Caller) -> Unit:
        row = (await session.execute(_ASSUME, _NOBODY)).one()
        return Unit(session=session, actor=Actor(role=Role.WORKER), now=row.now, catalogue_version=row.catalogue)


_NOBODY = {"role": "anonymous", "person": None, "programme": None, "organisation": None, "terminal": None}


def create_engine(url: str | URL, *, pool_size: int = 10) -> AsyncEngine:
    """An engine with limits everywhere: a database that hangs must never hang the city."""
    engine = create_async_engine(
        make_url(url),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_compact_json,
        connect_args={
            "command_timeout": 30,
            "server_settings": {
                "application_name": "benefits",
                "jit": "off",
                # The statements that phones wait for are long and their plans do not depend on the values.
                "plan_cache_mode": "force_generic_plan",
                "statement_timeout": "10s",
                "lock_timeout": "5s",
                "idle_in_transaction_session_timeout": "15s",
            },
        },
    )
    event.listen(engine.sync_engine, "connect", _spell_dates)
    return engine


def _spell_dates(connection: Any, _record: object) -> None:
    """Windows without a beginning start on the first of all days, which the driver would write as minus infinity."""
    connection.run_async(
        lambda driver: driver.set_type_codec(
            "date", schema="pg_catalog", encoder=_days_of, decoder=_date_of, format="tuple"
        )
    )


def _days_of(day: date) -> tuple[int]:
    return (day.toordinal() - _EPOCH,)


def _date_of(days: tuple[int]) -> date:
    return date.fromordinal(min(max(days[0] + _EPOCH, 1), date.max.toordinal()))


def _compact_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
