"""What is counted for those who look after the service. Kinds, fields and codes: never a person, an id or a place."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool
from starlette.requests import Request
from starlette.responses import Response

from api.database import Database
from api.feed import Feed
from domain import upkeep
from domain.actor import ANONYMOUS
from domain.redemption.queries.partner_codes import Stock, stock
from domain.upkeep import State

_ANSWER_LIMIT_S: Final = 2.0
_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The counts of one server process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "benefits_requests",
            "GraphQL operations answered, by kind, root field and whether anything in them was refused or failed.",
            ["operation", "field", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "benefits_request_seconds",
            "How long GraphQL operations took, by kind and root field.",
            ["operation", "field"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._errors = Counter("benefits_errors", "Refusals and faults, by code.", ["code"], registry=self.registry)
        self._events = Counter(
            "benefits_events", "Live updates sent, by root field.", ["field"], registry=self.registry
        )

    def answered(self, operation: str, field: str, seconds: float, codes: Sequence[str]) -> None:
        """One operation was answered; with these codes, if anything was wrong."""
        self._requests.labels(operation, field, "error" if codes else "ok").inc()
        self._seconds.labels(operation, field).observe(seconds)
        for code in codes:
            self._errors.labels(code).inc()

    def sent(self, field: str) -> None:
        """One live update was sent."""
        self._events.labels(field).inc()


class MetricsEndpoint:
    """Serves GET /metrics as Prometheus reads it."""

    def __init__(self, metrics: Metrics, database: Database, feed: Feed) -> None:
        self._metrics = metrics
        self._database = database
        self._feed = feed

    async def answer(self, _: Request) -> Response:
        """All counts, and what is so at this moment."""
        moment = CollectorRegistry()
        moment.register(_Moment(self._database, self._feed, await self._known()))
        body = generate_latest(self._metrics.registry) + generate_latest(moment)
        return Response(body, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"})

    async def _known(self) -> tuple[State, list[Stock]] | None:
        """What the database knows of relay and jobs, and of partners' codes; None when it does not answer."""
        try:
            async with asyncio.timeout(_ANSWER_LIMIT_S), self._database.reading(ANONYMOUS) as unit:
                return await upkeep.state(unit.session, unit.now), await stock(unit.session)
        except (SQLAlchemyError, OSError, TimeoutError):
            return None


class _Moment(Collector):
    """What is so at this moment."""

    def __init__(self, database: Database, feed: Feed, known: tuple[State, list[Stock]] | None) -> None:
        self._pool = database.engine.pool
        self._feed = feed
        self._known = known

    def collect(self) -> Iterator[Metric]:
        yield from self._connections()
        yield _gauge("benefits_subscriptions", "Open subscriptions.", self._feed.open_subscriptions)
        yield _gauge("benefits_feed_listening", "1 while changes are heard of.", self._feed.is_listening)
        yield _gauge("benefits_database_up", "1 while the database answers.", self._known is not None)
        if self._known is not None:
            state, pools = self._known
            yield from _outbox(state)
            yield from _jobs(state)
            yield _stock(pools)

    def _connections(self) -> Iterator[Metric]:
        pool = self._pool
        if isinstance(pool, QueuePool):
            yield _gauge("benefits_pool_used", "Connections to the database in use by this process.", pool.checkedout())
            yield _gauge("benefits_pool_size", "Connections that this process may have.", pool.size())


def _gauge(name: str, words: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, words)
    family.add_metric([], float(value))
    return family


def _outbox(state: State) -> Iterator[Metric]:
    yield _gauge("benefits_outbox_waiting", "Changes that the relay has not sent yet.", state.waiting)
    yield _gauge("benefits_outbox_lag_seconds", "How long the oldest of them has waited.", state.lag_s)


def _stock(pools: Sequence[Stock]) -> Metric:
    left = GaugeMetricFamily(
        "benefits_partner_codes_left", "Codes of a partner that are left, by product.", labels=["programme", "product"]
    )
    for pool in pools:
        left.add_metric([pool.programme, pool.product], pool.codes_left)
    return left


def _jobs(state: State) -> Iterator[Metric]:
    runs = CounterMetricFamily("benefits_job_runs", "How often a task of the worker ended well.", labels=["job"])
    failures = CounterMetricFamily("benefits_job_failures", "How often it failed.", labels=["job"])
    ended = GaugeMetricFamily(
        "benefits_job_last_success_timestamp_seconds", "When it last ended well, as Unix time.", labels=["job"]
    )
    for beat in state.beats:
        runs.add_metric([beat.name], beat.runs)
        failures.add_metric([beat.name], beat.failures)
        ended.add_metric([beat.name], beat.at.timestamp())
    yield from (runs, failures, ended)
