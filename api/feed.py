"""What this process hears of the city's changes, and who in it is waiting for them.

One connection listens for all subscriptions. When it is lost, it is made again, what was sent meanwhile is read from
the outbox, and every subscription looks at its own object again: no change is missed, whatever breaks.
"""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import structlog

from domain.clock import TOPIC as CLOCK
from domain.errors import RateLimited
from domain.outbox import CHANNEL, Event, events_of
from domain.values import words

MAX_WAITING: Final = 100
MAX_PER_PERSON: Final = 20
_CHECK_EVERY_S: Final = 5.0
_ANSWER_LIMIT_S: Final = 5.0
_RETRY_S: Final = (0.05, 1.0)
_REMEMBERED: Final = 20_000
# The last is what the driver says when it is cut off between question and answer.
_LOST: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# Longer than any transaction of the relay: what was claimed before a loss may have been committed after it.
_OVERLAP: Final = timedelta(seconds=30)
_DATABASE_TIME: Final = """
    SELECT a.now - c.ahead FROM assume('anonymous', NULL, NULL, NULL, NULL) AS a CROSS JOIN clock AS c
"""
_SINCE: Final = "SELECT s.id, s.topic, s.person_id, s.subject FROM outbox_since($1) AS s"

log = structlog.get_logger(__name__)


class Closing(Exception):
    """The server is going away: the subscription ends in good order."""


class TooSlow(Exception):
    """More has changed than a client has taken: it has to come back and read what it missed."""


class Signal:
    """What one subscription has to read again. Equal things are one; there is an end to how much may wait."""

    def __init__(self, topic: str, subject: str | None) -> None:
        self.topic = topic
        self._only = subject
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._poked = False
        self._ended: Exception | None = None
        self._changed = asyncio.Event()

    def put(self, subject: str) -> None:
        """This object has changed."""
        if self._only not in (None, subject):
            return
        self._waiting[subject] = None
        if len(self._waiting) > MAX_WAITING:
            self._ended = self._ended or TooSlow()
        self._changed.set()

    def poke(self) -> None:
        """Time has moved, or something may have been missed: look again."""
        self._poked = True
        self._changed.set()

    def end(self) -> None:
        """The server is going away."""
        self._ended = self._ended or Closing()
        self._changed.set()

    async def next(self, timeout_s: float | None = None) -> str | None:
        """The next object to read; None when it is time to look again. Raises: Closing, TooSlow."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        if self._ended is not None:
            raise self._ended
        subject = self._waiting.popitem(last=False)[0] if self._waiting else None
        if subject is None:
            self._poked = False
        if not self._waiting and not self._poked:
            self._changed.clear()
        return subject


class Feed:
    """Listens, and passes on to each person's subscriptions in this process."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url.replace("+asyncpg", "", 1)
        self._signals: defaultdict[int, set[Signal]] = defaultdict(set)
        self._remembered: OrderedDict[int, None] = OrderedDict()
        self._heard_until: datetime | None = None
        self._closing = asyncio.Event()
        self._begun = time.monotonic()
        self.is_listening = False

    @contextmanager
    def subscription(self, person_id: int, topic: str, subject: str | None = None) -> Iterator[Signal]:
        """Hears of one person's changes of one kind, or of one object. Raises: RateLimited."""
        if len(self._signals[person_id]) >= MAX_PER_PERSON:
            raise RateLimited(_TOO_MANY)
        signal = Signal(topic, subject)
        self._signals[person_id].add(signal)
        if self._closing.is_set():
            signal.end()
        try:
            yield signal
        finally:
            self._signals[person_id].discard(signal)
            if not self._signals[person_id]:
                del self._signals[person_id]

    @property
    def open_subscriptions(self) -> int:
        """How many there are in this process."""
        return sum(len(signals) for signals in self._signals.values())

    def close(self) -> None:
        """Ends all subscriptions, and the listening."""
        self._closing.set()
        for signal in self._everybody():
            signal.end()

    async def listen(self) -> None:
        """Listens until closed; a lost connection is made again, sooner at first and then more patiently."""
        shortest, longest = _RETRY_S
        pause = shortest
        while not self._closing.is_set():
            try:
                await self._listen_once()
                pause = shortest
            except _LOST as error:
                pause = min(pause * 2, longest)
                log.warning("feed_out_of_reach", cause=type(error).__name__)
            except Exception:
                # Whatever it is, every subscription of this process depends on the next attempt.
                pause = longest
                log.exception("feed_failed")
            await self._wait(self._closing, pause)

    async def _listen_once(self) -> None:
        lost = asyncio.Event()
        connection = await asyncpg.connect(
            self._url,
            timeout=_ANSWER_LIMIT_S,
            command_timeout=_ANSWER_LIMIT_S,
            server_settings={"application_name": "benefits feed"},
        )
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._hear)
            await self._catch_up(connection)
            self.is_listening = True
            while not lost.is_set() and not self._closing.is_set():
                self._heard_until = await connection.fetchval(_DATABASE_TIME)
                await self._wait(lost, _CHECK_EVERY_S)
        finally:
            self.is_listening = False
            connection.terminate()
        if lost.is_set():
            log.warning("feed_lost")

    async def _catch_up(self, connection: "asyncpg.Connection[Any]") -> None:
        """Passes on what was sent while nobody listened here, and has everybody look again."""
        if self._heard_until is None:
            # Before this process began, nobody here was waiting for anything.
            since = await connection.fetchval(_DATABASE_TIME) - timedelta(seconds=time.monotonic() - self._begun)
        else:
            since = self._heard_until - _OVERLAP
        missed = await connection.fetch(_SINCE, since)
        self._pass_on(Event(**row) for row in missed)
        for signal in self._everybody():
            signal.poke()

    def _hear(self, _connection: object, _process: int, _channel: str, payload: object) -> None:
        self._pass_on(events_of(str(payload)))

    def _pass_on(self, events: Iterable[Event]) -> None:
        """Each event once, though it may have been heard and read again."""
        for event in events:
            if event.id in self._remembered:
                continue
            self._remembered[event.id] = None
            if event.topic == CLOCK:
                for signal in self._everybody():
                    signal.poke()
            for signal in self._signals.get(event.person_id or 0, ()):
                if signal.topic == event.topic:
                    signal.put(event.subject)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)

    def _everybody(self) -> list[Signal]:
        return [signal for signals in self._signals.values() for signal in signals]

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        """Until the event, or the end of the server, or so long."""
        waiting = {asyncio.ensure_future(one.wait()) for one in (event, self._closing)}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()


_TOO_MANY = words(
    "同时打开的订阅太多。请先关闭一些。",
    "Too many subscriptions are open at once. Please close some of them first.",
)
