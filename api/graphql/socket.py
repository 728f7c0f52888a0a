"""GraphQL over a WebSocket, as graphql-transport-ws and in no older way.

The token comes with `connection_init`; when it has run out, the socket is closed before another event is sent.
"""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from graphql import ExecutionResult
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.feed import TooSlow
from api.graphql.context import Context
from api.graphql.endpoint import language
from api.graphql.operations import EXPIRED, SLOW, Operations, broken_off, has_expired, payload, ran
from api.graphql.requests import BadRequest, address_of, operation_of
from api.request_ids import new_request_id
from api.tokens import LEEWAY_S, AccessToken
from domain.values import Language

PROTOCOL: Final = "graphql-transport-ws"
MAX_OPERATIONS: Final = 20
MAX_ID_CHARS: Final = 100
LEAVE_LIMIT_S: Final = 2.0

GOING_AWAY: Final = 1001
TRY_AGAIN_LATER: Final = 1013
BAD_REQUEST: Final = 4400
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
BAD_PROTOCOL: Final = 4406
INIT_TIMEOUT: Final = 4408
ID_IN_USE: Final = 4409
ALREADY_INITIALISED: Final = 4429


class Closed(Exception):
    """The socket is to be closed, with a code and the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client may take to say who it is, and to take what it has asked for."""

    init_s: float = 5.0
    send_s: float = 10.0


class SocketEndpoint:
    """Serves the sockets of one process."""

    def __init__(self, operations: Operations, patience: Patience | None = None) -> None:
        self._operations = operations
        self._patience = patience or Patience()
        self._open: set[_Connection] = set()
        self._is_closing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = _Connection(self._operations, WebSocket(scope, receive, send), self._patience)
        self._open.add(connection)
        try:
            await connection.serve(self._is_closing)
        finally:
            connection.is_over.set()
            self._open.discard(connection)

    @property
    def open_sockets(self) -> int:
        """How many there are."""
        return len(self._open)

    async def close(self) -> None:
        """Ends every operation in good order, and then every socket."""
        self._is_closing = True
        leaving = [connection.leave() for connection in self._open]
        if leaving:
            await asyncio.wait([asyncio.ensure_future(one) for one in leaving], timeout=LEAVE_LIMIT_S)


class _Connection:
    """One client: who it is, and what it has asked for."""

    def __init__(self, operations: Operations, socket: WebSocket, patience: Patience) -> None:
        self.is_over = asyncio.Event()
        self._operations = operations
        self._socket = socket
        self._patience = patience
        self._token: AccessToken | None = None
        self._language: Language = "zh"
        self._is_known = False
        self._running: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()
        self._ending: asyncio.Future[Closed] = asyncio.get_running_loop().create_future()

    async def serve(self, is_closing: bool) -> None:
        """From the handshake to the end."""
        chosen = PROTOCOL if PROTOCOL in self._socket.scope.get("subprotocols", ()) else None
        await self._socket.accept(chosen)
        if chosen is None:
            await self._close(Closed(BAD_PROTOCOL, f"Only {PROTOCOL} is spoken here"))
            return
        if is_closing:
            self._end(_LEAVING)
        listening = asyncio.create_task(self._listen())
        either: set[asyncio.Future[Any]] = {listening, self._ending}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, *self._running.values()):
                task.cancel()
            await asyncio.gather(listening, *self._running.values(), return_exceptions=True)
        if self._ending.done():
            await self._close(self._ending.result())

    async def leave(self) -> None:
        """The server is going away: what runs is completed first."""
        running = list(self._running.values())
        if running:
            await asyncio.wait(running, timeout=LEAVE_LIMIT_S / 2)
        self._end(_LEAVING)
        await self.is_over.wait()

    def _end(self, how: Closed) -> None:
        if not self._ending.done():
            self._ending.set_result(how)

    async def _close(self, how: Closed) -> None:
        with suppress(RuntimeError, OSError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(self._patience.send_s):
                await self._socket.close(how.code, how.reason)

    async def _listen(self) -> None:
        """Takes messages until the client leaves or says something that cannot be understood."""
        try:
            while True:
                try:
                    async with asyncio.timeout(self._patience_s()):
                        message = await self._socket.receive()
                except TimeoutError:
                    raise Closed(*_OUT_OF_TIME[self._is_known]) from None
                if message["type"] == "websocket.disconnect":
                    return
                await self._take(_parsed(message.get("text")))
        except Closed as how:
            self._end(how)
        except WebSocketDisconnect:
            return

    def _patience_s(self) -> float | None:
        """How long the client may be silent: until it has said who it is, and then for as long as its token lives."""
        if not self._is_known:
            return self._patience.init_s
        return None if self._token is None else max(self._token.expires_at + LEEWAY_S - time.time(), 0.0)

    async def _take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._greet(message.get("payload"))
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                return
            case "subscribe":
                self._begin(message)
            case "complete":
                running = self._running.pop(_id_of(message), None)
                if running is not None:
                    running.cancel()
            case _:
                raise Closed(BAD_REQUEST, "Unknown message type")

    async def _greet(self, given: object) -> None:
        if self._is_known:
            raise Closed(ALREADY_INITIALISED, "Too many initialisation requests")
        if not isinstance(given, dict | None):
            raise Closed(BAD_REQUEST, "The payload of connection_init must be an object")
        said = {str(name).lower(): value for name, value in (given or {}).items()}
        authorization, spoken = said.get("authorization"), said.get("accept-language")
        if not isinstance(authorization, str | None) or not isinstance(spoken, str | None):
            raise Closed(BAD_REQUEST, "What connection_init says must be text")
        try:
            self._token = self._operations.token(authorization)
        except BadRequest as refused:
            raise Closed(FORBIDDEN, str(refused)) from refused
        self._language = language(spoken)
        self._is_known = True
        await self._send({"type": "connection_ack"})

    def _begin(self, message: dict[str, Any]) -> None:
        number = _id_of(message)
        if not self._is_known:
            raise Closed(UNAUTHORIZED, "Unauthorized")
        if number in self._running:
            raise Closed(ID_IN_USE, f"Subscriber for {number} already exists")
        if len(self._running) >= MAX_OPERATIONS:
            raise Closed(TRY_AGAIN_LATER, f"At most {MAX_OPERATIONS} operations run at once")
        asked = message.get("payload")
        if not isinstance(asked, dict):
            raise Closed(BAD_REQUEST, "The payload of subscribe must be an object")
        self._running[number] = asyncio.create_task(self._run(number, asked))

    async def _run(self, number: str, asked: dict[str, Any]) -> None:
        try:
            await self._answer_or_refuse(number, asked)
        except TooSlow:
            self._end(Closed(TRY_AGAIN_LATER, SLOW))
        except Closed as how:
            self._end(how)
        except WebSocketDisconnect:
            # Nobody is there any more to be told.
            return
        finally:
            if self._running.get(number) is asyncio.current_task():
                del self._running[number]

    async def _answer_or_refuse(self, number: str, asked: dict[str, Any]) -> None:
        address = address_of(self._socket.scope)
        context = self._operations.context(self._token, self._language, new_request_id(), address)
        try:
            await self._answer(number, asked, context)
        except BadRequest as problem:
            error = {"message": str(problem), "extensions": {"code": problem.code}}
            await self._send({"type": "error", "id": number, "payload": [error]})
        except (TooSlow, Closed, WebSocketDisconnect):
            raise
        except Exception as cause:
            await self._send({"type": "error", "id": number, "payload": [broken_off(cause, context)]})

    async def _answer(self, number: str, asked: dict[str, Any], context: Context) -> None:
        operation = operation_of(asked)
        document = self._operations.document(operation)
        if isinstance(document, ExecutionResult):
            await self._send({"type": "error", "id": number, "payload": payload(document, context)["errors"]})
            return
        results = self._operations.results(document, operation, context)
        try:
            async for result, content in results:
                if has_expired(self._token):
                    raise Closed(FORBIDDEN, EXPIRED)
                if not ran(result):
                    await self._send({"type": "error", "id": number, "payload": content["errors"]})
                    return
                await self._send({"type": "next", "id": number, "payload": content})
        finally:
            await results.aclose()
        await self._send({"type": "complete", "id": number})

    async def _send(self, message: dict[str, Any]) -> None:
        """Raises: Closed for a client that does not take what it asked for."""
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        try:
            async with asyncio.timeout(self._patience.send_s), self._sending:
                await self._socket.send_text(text)
        except TimeoutError:
            raise Closed(TRY_AGAIN_LATER, SLOW) from None
        except RuntimeError as closed:
            raise WebSocketDisconnect from closed


def _parsed(text: str | None) -> dict[str, Any]:
    """One message. Raises: Closed for anything but a JSON object; a number or null is none."""
    try:
        message = json.loads(text or "", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise Closed(BAD_REQUEST, "Messages are JSON text") from problem
    if not isinstance(message, dict):
        raise Closed(BAD_REQUEST, "A message is a JSON object")
    return message


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _id_of(message: dict[str, Any]) -> str:
    number = message.get("id")
    if not isinstance(number, str) or not 0 < len(number) <= MAX_ID_CHARS:
        raise Closed(BAD_REQUEST, "The id of an operation is a short text")
    return number


_LEAVING: Final = Closed(GOING_AWAY, "The server is going away. Connect again.")
_OUT_OF_TIME: Final = {
    False: (INIT_TIMEOUT, "Connection initialisation timeout"),
    True: (FORBIDDEN, EXPIRED),
}
