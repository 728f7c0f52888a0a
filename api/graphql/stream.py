"""GraphQL over server-sent events (graphql-sse, distinct connections): one POST, and its answers as they come."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

from graphql import ExecutionResult
from starlette.types import Receive, Scope, Send

from api.graphql.context import Context
from api.graphql.operations import (
    EXPIRED,
    UNAUTHENTICATED,
    Operations,
    broken_off,
    has_expired,
    payload,
)
from api.graphql.requests import BadRequest, Operation, address_of
from api.request_ids import request_id_of
from api.tokens import AccessToken
from domain.values import Language

_QUIET_S: Final = 12.0
_SEND_LIMIT_S: Final = 10.0
_QUIET: Final = b":\n\n"
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """An answer that goes on until the operation, the client or the server ends it."""

    def __init__(
        self, operations: Operations, token: AccessToken | None, operation: Operation, language: Language
    ) -> None:
        self._operations = operations
        self._token = token
        self._operation = operation
        self._language = language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = request_id_of(scope)
        context = self._operations.context(self._token, self._language, request_id, address_of(scope))
        headers = [*_HEADERS, (b"x-request-id", request_id.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        telling = asyncio.create_task(self._tell(context, send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            telling.cancel()
            with suppress(asyncio.CancelledError, TimeoutError):
                await telling

    async def _tell(self, context: Context, send: Send) -> None:
        entries = self._entries(context)
        upcoming = asyncio.ensure_future(anext(entries, None))
        try:
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=_QUIET_S)
                entry = upcoming.result() if done else _QUIET
                await _send(send, entry or _COMPLETE, more=entry is not None)
                if entry is None:
                    return
                if done:
                    upcoming = asyncio.ensure_future(anext(entries, None))
        finally:
            upcoming.cancel()
            with suppress(asyncio.CancelledError):
                await upcoming
            await entries.aclose()

    async def _entries(self, context: Context) -> AsyncGenerator[bytes, None]:
        """Everything that is told before the end."""
        try:
            document = self._operations.document(self._operation)
        except BadRequest as problem:
            yield _next({"errors": [{"message": str(problem), "extensions": {"code": problem.code}}]})
            return
        if isinstance(document, ExecutionResult):
            yield _next(payload(document, context))
            return
        results = self._operations.results(document, self._operation, context)
        try:
            async for _, content in results:
                if has_expired(self._token):
                    yield _next({"errors": [{"message": EXPIRED, "extensions": {"code": UNAUTHENTICATED}}]})
                    return
                yield _next(content)
        except Exception as cause:
            yield _next({"errors": [broken_off(cause, context)]})
        finally:
            await results.aclose()


def _next(content: dict[str, Any]) -> bytes:
    return b"event: next\ndata: " + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def _send(send: Send, entry: bytes, *, more: bool) -> None:
    async with asyncio.timeout(_SEND_LIMIT_S):
        await send({"type": "http.response.body", "body": entry, "more_body": more})


async def _left(receive: Receive) -> None:
    """Ends when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        """What else a client may send after its body means nothing."""
