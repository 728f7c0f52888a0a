"""No request's body is larger than a limit, whether it says its length or not."""

from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 100_000


def usual(_: Scope) -> int | None:
    """The same limit for every request."""
    return MAX_BODY_BYTES


class BodyLimit:
    """Reads each body whole before the application sees it, or refuses it with 413.

    `limit` may give a request another limit, or None when its route reads and counts the body by itself.
    """

    def __init__(self, app: ASGIApp, *, limit: Callable[[Scope], int | None] = usual) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        max_bytes = self._limit(scope) if scope["type"] == "http" else None
        if max_bytes is None:
            await self._app(scope, receive, send)
            return
        body = None if _declared_bytes(scope) > max_bytes else await self._read(receive, max_bytes)
        if body is None:
            await _too_large(max_bytes)(scope, receive, send)
            return
        await self._app(scope, _Replay(body, receive), send)

    @staticmethod
    async def _read(receive: Receive, max_bytes: int) -> list[Message] | None:
        """The messages up to the end of the body; nothing when there is too much of it."""
        messages: list[Message] = []
        total = 0
        while True:
            message = await receive()
            messages.append(message)
            total += len(message.get("body", b""))
            if total > max_bytes:
                return None
            if message["type"] != "http.request" or not message.get("more_body", False):
                return messages


class _Replay:
    """Gives out what was read, and then what comes after it."""

    def __init__(self, messages: list[Message], receive: Receive) -> None:
        self._messages = iter(messages)
        self._receive = receive

    async def __call__(self) -> Message:
        for message in self._messages:
            return message
        return await self._receive()


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            # A number of a thousand digits is a length too, and must not cost time to read.
            return int(value[:20])
    return 0


def _too_large(max_bytes: int) -> JSONResponse:
    message = f"The request is larger than {max_bytes} bytes. Send a smaller one."
    error = {"message": message, "extensions": {"code": "BODY_TOO_LARGE"}}
    return JSONResponse({"errors": [error]}, status_code=413, headers={"connection": "close"})
