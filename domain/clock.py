"""Business time: the database's clock plus an offset, which is zero everywhere but in a demo.

Every transaction reads it once, when its identity is set; so every process has taken a change over at once.
"""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain import outbox
from domain.errors import InvalidInput
from domain.values import words

# Whose midnight turns the day for all programmes together; each city's own day follows its own time zone.
ZONE: Final = ZoneInfo("Asia/Shanghai")

TOPIC: Final = "clock"
_MOVE = text("UPDATE clock SET ahead = ahead + :by")


async def move(session: AsyncSession, now: datetime, *, by: timedelta) -> datetime:
    """Moves business time forward; gives the new time. Never backwards: what has happened has happened.

    Whoever waits for something to end, such as a code on a phone, is told to look again.
    """
    if by <= timedelta():
        raise InvalidInput(
            words("时钟只能向前拨。", "The clock moves forward only. Give a time that lies ahead, such as +3h."),
            field="by",
        )
    await session.execute(_MOVE, {"by": by})
    await outbox.publish(session, now, topic=TOPIC, person_id=None, subject="")
    return now + by
