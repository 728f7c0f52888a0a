"""What a request asks for, read strictly: one operation with its variables, or the reason why it is none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from api.graphql.errors import INVALID_REQUEST


class BadRequest(Exception):
    """A request that is not GraphQL over HTTP: the status, and what to send instead."""

    def __init__(self, status: int, message: str, *, code: str = INVALID_REQUEST, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a body asks for."""

    query: str
    name: str | None
    variables: dict[str, Any] | None


def address_of(scope: Scope) -> str:
    """Where a request comes from; behind a proxy that the server trusts, what the proxy says."""
    client = scope.get("client")
    return "" if client is None else str(client[0])


def parse_body(body: bytes) -> Operation:
    """What the body asks for. Raises: BadRequest for anything but one well-formed request."""
    try:
        parsed = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise BadRequest(400, "The body is not JSON in UTF-8.") from problem
    if not isinstance(parsed, dict):
        raise BadRequest(400, "The body must be one JSON object with a query; batches are not served.")
    return operation_of(parsed)


def operation_of(parsed: Mapping[str, Any]) -> Operation:
    """What a JSON object asks for. Raises: BadRequest."""
    require_sound_text(parsed)
    query, name, variables = parsed.get("query"), parsed.get("operationName"), parsed.get("variables")
    if query is None and isinstance(parsed.get("extensions"), dict) and "persistedQuery" in parsed["extensions"]:
        raise BadRequest(400, "PersistedQueryNotSupported", code="PERSISTED_QUERY_NOT_SUPPORTED")
    if not isinstance(query, str) or not query:
        raise BadRequest(400, "`query` must be the text of a document.")
    if not isinstance(name, str | None):
        raise BadRequest(400, "`operationName` must be text.")
    if not isinstance(variables, dict | None) or not isinstance(parsed.get("extensions"), dict | None):
        raise BadRequest(400, "`variables` and `extensions` must be objects.")
    return Operation(query=query, name=name or None, variables=variables)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def require_sound_text(parsed: object) -> None:
    """Raises: BadRequest when any text holds what cannot be stored: half a surrogate pair, or NUL."""
    waiting = [parsed]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as problem:
                raise BadRequest(400, "The body holds half a character.") from problem
        if isinstance(value, str) and "\0" in value:
            raise BadRequest(400, "The body holds a NUL character.")
