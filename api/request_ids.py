"""Each request has an id, which its answer and its logs carry: the caller's own where it is harmless, else a new one.

One line of log tells of each request: never who asked, what with, or from where.
"""

import re
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "x-request-id"
# Nothing that a log or a terminal could take for something else.
_HARMLESS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# Asked every few seconds by machines.
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_NOTED_WITHIN: Final = ("operation", "field", "role", "codes")
_NOT_FOUND: Final = 404

log = structlog.get_logger(__name__)


def new_request_id() -> str:
    """Sixteen hexadecimal digits."""
    return secrets.token_hex(8)


def request_id_of(scope: Scope) -> str:
    """The id of this request; a new one where nothing has given it one."""
    given: str | None = scope.get("state", {}).get("request_id")
    return given or new_request_id()


class RequestIds:
    """Gives every request its id, and writes its line into the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _HARMLESS.fullmatch(given) else new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        begun, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.accept"):
                MutableHeaders(scope=message)[HEADER] = request_id
                status = message.get("status", 101)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                _write(scope, status, time.perf_counter() - begun)
                structlog.contextvars.unbind_contextvars(*_NOTED_WITHIN)


def _write(scope: Scope, status: int, seconds: float) -> None:
    """A path that leads nowhere may hold anything, so it is not repeated."""
    if scope["path"] not in _QUIET:
        path = "unknown" if status in (0, _NOT_FOUND) else scope["path"]
        method = scope.get("method", "WEBSOCKET")
        log.info("request", method=method, path=path, status=status, duration_ms=round(seconds * 1000, 1))
