"""What happens to codes without anybody asking."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.redemption.queries import presentations


async def expire_presentations(session: AsyncSession, now: datetime) -> None:
    """Ends every code whose minute is over. Runs as the worker, and bears being run at any time."""
    await presentations.sweep(session, now)
