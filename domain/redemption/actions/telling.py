"""Telling the citizen what has become of a sale."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from domain.notices import actions as notices
from domain.notices.rules import Kind, NewNotice
from domain.redemption.rules.ends import Sale

SALE = "sale"
RESERVATION = "reservation"


async def tell(session: AsyncSession, now: datetime, *, sale: Sale, kind: Kind, params: Mapping[str, object]) -> None:
    """One notice about one sale; nobody is told of a sale that is cut from its person."""
    if sale.person_id is None:
        return
    due = "" if sale.due_on is None else sale.due_on.isoformat()
    told = NewNotice(
        person_id=sale.person_id,
        programme_id=sale.programme_id,
        kind=kind,
        subject=f"{SALE}:{sale.id}:{due}",
        params={"product": {"zh": sale.title.zh, "en": sale.title.en}, "number": sale.receipt_number, **params},
    )
    await notices.tell(session, now, notices=[told])
