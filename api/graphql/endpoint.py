"""GraphQL over HTTP: reads the request strictly, executes it, and answers in the form that the client accepts."""

import json
from collections.abc import Mapping
from typing import Any, Final

from graphql import DocumentNode, ExecutionResult, GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.database import Database
from api.feed import Feed
from api.graphql.errors import UNAVAILABLE
from api.graphql.operations import Operations, is_subscription, payload, ran
from api.graphql.requests import BadRequest, Operation, address_of, parse_body
from api.graphql.schema import Api
from api.graphql.stream import EventStream
from api.metrics import Metrics
from api.request_ids import request_id_of
from api.tokens import AccessToken, Keyring
from domain.values import Language

JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"
EVENTS: Final = "text/event-stream"


class GraphQLEndpoint:
    """Serves POST /graphql over one database, for tokens of one keyring."""

    def __init__(
        self,
        api: Api,
        database: Database,
        keyring: Keyring,
        feed: Feed | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        self.operations = Operations(api, database, keyring, feed or Feed(url), metrics or Metrics())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, media_type = Request(scope, receive), JSON
        response: Response | EventStream
        try:
            media_type = accepted(request.headers.get("accept"))
            response = await self._answer(request, media_type)
        except BadRequest as problem:
            content = {"errors": [{"message": str(problem), "extensions": {"code": problem.code}}]}
            response = _respond(content, problem.status, _readable(media_type), problem.headers)
        await response(scope, receive, send)

    async def _answer(self, request: Request, media_type: str) -> Response | EventStream:
        if request.method != "POST":
            raise BadRequest(405, "GraphQL is served by POST.", allow="POST")
        require_json(request.headers.get("content-type"))
        token = self.operations.token(request.headers.get("authorization"))
        spoken = language(request.headers.get("accept-language"))
        operation = parse_body(await request.body())
        if media_type == EVENTS:
            return EventStream(self.operations, token, operation, spoken)
        return await self._execute(request, token, operation, spoken, media_type)

    async def _execute(
        self, request: Request, token: AccessToken | None, operation: Operation, spoken: Language, media_type: str
    ) -> Response:
        context = self.operations.context(token, spoken, request_id_of(request.scope), address_of(request.scope))
        document = self.operations.document(operation)
        if isinstance(document, DocumentNode) and is_subscription(document, operation):
            document = ExecutionResult(data=None, errors=[GraphQLError(_GOES_ON)])
        if isinstance(document, DocumentNode):
            result, content = await self.operations.answer(document, operation, context)
        else:
            result, content = document, payload(document, context)
        status = _status(result, content, media_type)
        headers = {"retry-after": "1"} if status == 503 else {}
        return _respond(content, status, media_type, {"x-request-id": context.request_id, **headers})


def accepted(header: str | None) -> str:
    """The media type to answer in. Raises: BadRequest when the client takes neither of ours."""
    if header is None or not header.strip():
        return GRAPHQL
    if _names(header, EVENTS):
        return EVENTS
    weights = {name: _weight(header, name) for name in (GRAPHQL, JSON)}
    best = max(weights, key=lambda name: weights[name])
    if weights[best] <= 0:
        raise BadRequest(406, f"Answers come as {GRAPHQL} or {JSON}. Accept one of them.")
    return best


def _names(header: str, media_type: str) -> bool:
    """Whether the client asks for this very type."""
    ranges = [[piece.strip() for piece in part.split(";")] for part in header.split(",")]
    return any(name.lower() == media_type and _quality(parameters) > 0 for name, *parameters in ranges)


def _weight(header: str, media_type: str) -> float:
    """How much the client wants this type; the most specific range that fits it decides."""
    ranges = {media_type: 3, media_type.partition("/")[0] + "/*": 2, "*/*": 1}
    found = (0, 0.0)
    for part in header.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        rank = ranges.get(name.lower(), 0)
        if rank > found[0]:
            found = (rank, _quality(parameters))
    return found[1]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def require_json(header: str | None) -> None:
    """Raises: BadRequest unless the body says that it is JSON in UTF-8, and nothing else."""
    name, *parameters = (piece.strip().lower() for piece in (header or "").split(";"))
    if name != JSON or any(one.replace('"', "") not in ("charset=utf-8", "") for one in parameters):
        raise BadRequest(415, f"The body must be {JSON} in UTF-8.", accept=JSON)


def language(header: str | None) -> Language:
    """zh or en, whichever the client prefers; zh when it prefers neither."""
    best: tuple[float, Language] = (0.0, "zh")
    for part in (header or "").split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        primary = name.partition("-")[0].lower()
        quality = _quality(parameters)
        if primary in ("zh", "en") and quality > best[0]:
            best = (quality, "zh" if primary == "zh" else "en")
    return best[1]


def _status(result: ExecutionResult, content: Mapping[str, Any], media_type: str) -> int:
    """200 once anything was executed, and always for clients of plain JSON."""
    codes = [error["extensions"]["code"] for error in content.get("errors", ())]
    if result.data is None and UNAVAILABLE in codes:
        return 503
    return 422 if not ran(result) and media_type == GRAPHQL else 200


def _readable(media_type: str) -> str:
    """What a refusal is written in: a client that waits for events reads JSON as well."""
    return JSON if media_type == EVENTS else media_type


def _respond(content: Mapping[str, Any], status: int, media_type: str, headers: Mapping[str, str]) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    never_kept = {"cache-control": "no-store", "vary": "accept, accept-language, authorization"}
    return Response(body, status, {**never_kept, **headers}, f"{media_type}; charset=utf-8")


_GOES_ON: Final = f"Subscriptions are served as {EVENTS}, or over a WebSocket as graphql-transport-ws."
