"""Live updates for whoever is signed in: each value is read again, as the caller, at the moment it is sent."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import strawberry

from api.feed import Closing
from api.graphql.context import Context, Info
from api.graphql.notices import Notice
from api.graphql.redemption import Presentation, Redemption
from api.graphql.scoring import Score
from domain.errors import NotFound
from domain.redemption.rules.states import PresentationStatus

_PRESENTATION: Final = "presentation"
_REDEMPTION: Final = "redemption"
_SCORE: Final = "scoreChanged"
_NOTICE: Final = "noticeAdded"
_ENDED: Final = frozenset({PresentationStatus.REDEEMED, PresentationStatus.EXPIRED, PresentationStatus.CANCELLED})
# A held code ends a while after its own minute: from then on it is looked at so often.
_LOOK_EVERY_S: Final = 2.0
_SOON_S: Final = 0.05


@strawberry.type
class Subscription:
    @strawberry.subscription(description="The sale on the holder's phone: held, redeemed, refused, expired.")
    async def presentation_changed(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002
    ) -> AsyncGenerator[Presentation, None]:
        context = info.context
        parts = context.unseal("presentation", id)
        with suppress(Closing), _listening(context, _PRESENTATION, str(parts[0])) as signal:
            shown, status = await _presentation(info, parts), PresentationStatus.OPEN
            while True:
                if shown.status is not status:
                    status = shown.status
                    yield shown
                if status in _ENDED or (status is PresentationStatus.REFUSED and shown.expires_at <= context.now):
                    return
                changed = await signal.next(_until(shown.expires_at, context.now))
                shown = await _presentation(info, parts)
                if changed is not None and shown.status is status:
                    yield shown

    @strawberry.subscription(
        description="A benefit of the caller's was taken, or something became of one taken before."
    )
    async def redemption_changed(self, info: Info) -> AsyncGenerator[Redemption, None]:
        with suppress(Closing), _listening(info.context, _REDEMPTION) as signal:
            while True:
                changed = await signal.next()
                if changed is not None:
                    redemption: Redemption | None = await _read(info, "Redemption", int(changed))
                    if redemption is not None:
                        yield redemption

    @strawberry.subscription(description="The points of the caller's score have changed.")
    async def score_changed(self, info: Info) -> AsyncGenerator[Score, None]:
        with suppress(Closing), _listening(info.context, _SCORE) as signal:
            while True:
                changed = await signal.next()
                if changed is not None:
                    score: Score | None = await _read(info, "Score", int(changed))
                    if score is not None:
                        yield score

    @strawberry.subscription(description="Something that the caller has to know.")
    async def notice_added(self, info: Info) -> AsyncGenerator[Notice, None]:
        with suppress(Closing), _listening(info.context, _NOTICE) as signal:
            while True:
                changed = await signal.next()
                if changed is not None:
                    notice: Notice | None = await _read(info, "Notice", int(changed))
                    if notice is not None:
                        yield notice


def _listening(context: Context, topic: str, subject: str | None = None) -> Any:
    return context.feed.subscription(context.caller.person_id or 0, topic, subject)


async def _presentation(info: Info, parts: tuple[int, ...]) -> Presentation:
    """Raises: NotFound for a code that is not the caller's."""
    found: Presentation | None = await _read(info, "Presentation", *parts)
    if found is None:
        raise NotFound
    return found


async def _read(info: Info, type_name: str, *key: int) -> Any:
    """The object as it is now; None when it is none of the caller's in this programme."""
    context = info.context
    async with context.reading() as unit:
        context.loaded.clear()
        with suppress(NotFound):
            return await context.view.load(info, unit, type_name, key=key)


def _until(expires_at: datetime, now: datetime) -> float:
    """How long nothing can become of a code by itself."""
    left = (expires_at - now).total_seconds()
    return left + _SOON_S if left > 0 else _LOOK_EVERY_S
