"""What one request carries: who asks, in which language, and the ways to the database."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import strawberry

from api.database import Database, Unit
from api.feed import Feed
from api.graphql import ids
from api.graphql.reference import KnownProgramme, Reference, Shelf, load
from domain.actor import OFFICE_ROLES, Caller, Role
from domain.errors import NotAllowed
from domain.values import Language, Words, words
from domain.vault import Vault
from domain.volunteering.actions.looks import note_looks

if TYPE_CHECKING:
    from api.graphql.view import View

_NO_PROGRAMME = words("请重新登录并选择一个项目。", "Please sign in to a programme first.")


@dataclass(slots=True, kw_only=True)
class Context:
    """One request. `reference` and `now` are those of the transaction opened last."""

    caller: Caller
    language: Language
    database: Database
    shelf: Shelf
    feed: Feed
    view: "View"
    # Where phones and strangers reach this service; what is printed leads there.
    public_url: str = ""
    # Where the request comes from; kept nowhere.
    address: str = ""
    request_id: str = field(default_factory=lambda: secrets.token_hex(8))
    # What was refused or has failed in this request, for logs and counts.
    codes: list[str] = field(default_factory=list)
    # What the root fields have loaded, by response path without list positions; see view.py.
    loaded: dict[tuple[str, ...], Any] = field(default_factory=dict)
    # Volunteers whom a list has shown to somebody else: each of them will know.
    shown: set[int] = field(default_factory=set)
    _reference: Reference | None = None
    _now: datetime | None = None

    @property
    def vault(self) -> Vault:
        """What seals ids and opens names."""
        return self.database.vault

    @property
    def reference(self) -> Reference:
        """Everything published, as of this request's transaction."""
        if self._reference is None:
            raise RuntimeError("no transaction has been opened in this request")
        return self._reference

    @property
    def now(self) -> datetime:
        """The business time of this request's transaction."""
        if self._now is None:
            raise RuntimeError("no transaction has been opened in this request")
        return self._now

    async def note_looks(self, unit: Unit) -> None:
        """Writes down, for the volunteers who were shown, who has read about them."""
        if self.shown:
            known = self.programme(unit)
            midnight = known.begins(known.today(unit.now))
            await note_looks(unit.session, unit.now, midnight=midnight, shown=self.shown)

    @asynccontextmanager
    async def reading(self, programme: str | None = None) -> AsyncIterator[Unit]:
        """A short read as the caller, in the named programme or the one signed in for."""
        caller = self.caller if programme is None else replace(self.caller, programme=programme)
        async with self.database.reading(caller) as unit:
            await self._note(unit)
            yield unit

    @asynccontextmanager
    async def transaction(self, programme: str | None = None) -> AsyncIterator[Unit]:
        """One mutation field: commits when the block ends well, undoes everything when it raises."""
        caller = self.caller if programme is None else replace(self.caller, programme=programme)
        async with self.database.transaction(caller) as unit:
            await self._note(unit)
            yield unit

    @asynccontextmanager
    async def applying(self, programme: str) -> AsyncIterator[Unit]:
        """One mutation field of somebody who wants something new, whatever post they hold elsewhere."""
        applicant = Caller(role=Role.CITIZEN, person_id=self.caller.person_id, programme=programme)
        async with self.database.transaction(applicant) as unit:
            await self._note(unit)
            yield unit

    async def _note(self, unit: Unit) -> None:
        self._reference = await self.shelf.current(unit)
        self._now = unit.now

    async def renew(self, unit: Unit) -> None:
        """Reads again what is published, in a transaction that has just changed it; nobody else sees that yet."""
        self._reference = await load(unit.session, unit.catalogue_version)

    def programme(self, unit: Unit) -> KnownProgramme:
        """The programme of this transaction. Raises: NotAllowed when the caller has none."""
        known = self.reference.programmes.get(unit.actor.programme_id or 0)
        if known is None:
            raise NotAllowed(_NO_PROGRAMME)
        return known

    def runs(self, programme_id: int) -> bool:
        """Whether the caller works in the office of this programme, and so knows of its drafts."""
        own = self.reference.codes.get(self.caller.programme or "")
        return self.caller.role in OFFICE_ROLES and own == programme_id

    def speak(self, text: Words) -> str:
        """The text in the language of this request."""
        return text.speak(self.language)

    def seal(self, kind: str, *parts: int) -> strawberry.ID:
        """The opaque id of one object."""
        return strawberry.ID(ids.seal(self.vault, kind, *parts))

    def unseal(self, kind: str, text: str) -> tuple[int, ...]:
        """The parts of an id of this kind. Raises: NotFound for anything else."""
        return ids.unseal(self.vault, kind, text)


Info: TypeAlias = strawberry.Info[Context, None]
