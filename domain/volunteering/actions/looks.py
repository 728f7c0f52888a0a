"""Whoever reads a list of volunteers stands in the access log of each of them, with the list's purpose."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.volunteering.queries import volunteers


async def note_looks(session: AsyncSession, now: datetime, *, midnight: datetime, shown: Collection[int]) -> None:
    """Writes the look down for those who were shown, once for each day; in the transaction that reads."""
    await volunteers.note_looks(session, now, since=midnight, volunteers=sorted(shown))
