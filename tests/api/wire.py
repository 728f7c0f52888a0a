"""Live updates at the other end of the wire: a WebSocket and a stream of events, as a phone's library speaks them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

PROTOCOL = "graphql-transport-ws"
PATIENCE_S = 5.0


class Socket:
    """One WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def hear(self, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(patience_s):
            return dict(json.loads(await self.connection.recv()))

    async def silence(self, seconds: float = 0.3) -> None:
        """Nothing is said for so long."""
        try:
            message = await self.hear(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"heard {message}")

    async def greet(self, token: str | None = None) -> None:
        payload = {"Accept-Language": "en"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        await self.say(type="connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, number: str, query: str, **variables: Any) -> None:
        await self.say(type="subscribe", id=number, payload={"query": query, "variables": variables})

    async def closed(self) -> tuple[int, str]:
        """With which code and reason the server closes."""
        await asyncio.wait_for(self.connection.wait_closed(), PATIENCE_S)
        return self.connection.close_code or 0, self.connection.close_reason or ""


@asynccontextmanager
async def socket(address: str, protocol: str | None = PROTOCOL) -> AsyncIterator[Socket]:
    """A socket to the server at this http address."""
    protocols = None if protocol is None else [Subprotocol(protocol)]
    async with connect(f"{address.replace('http', 'ws', 1)}/graphql", subprotocols=protocols) as connection:
        yield Socket(connection)


class Events:
    """One stream of events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def hear(self) -> tuple[str, Any]:
        """The next event: its name, and what it carries."""
        async with asyncio.timeout(PATIENCE_S):
            fields: dict[str, str] = {}
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif fields.get("event"):
                    break
            return fields["event"], json.loads(fields["data"]) if fields["data"] else None


@asynccontextmanager
async def events(address: str, token: str | None, query: str, **variables: Any) -> AsyncIterator[Events]:
    """An operation whose answers come as events."""
    headers = {"accept": "text/event-stream", "accept-language": "en"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(timeout=PATIENCE_S) as client,
        client.stream("POST", f"{address}/graphql", json=body, headers=headers) as response,
    ):
        yield Events(response)
