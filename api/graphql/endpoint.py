"""GraphQL over HTTP: reads the request strictly, executes it, and answers in the form that the client accepts."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationDefinitionNode, execute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.database import Database
from api.graphql.context import Context
from api.graphql.errors import INVALID_REQUEST, UNAVAILABLE, formatted
from api.graphql.limits import Documents
from api.graphql.reference import Shelf
from api.graphql.schema import Api
from api.tokens import Keyring, TokenRefused, verify_access_token
from domain.actor import ANONYMOUS, Caller
from domain.values import Language

JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"
_UNAUTHENTICATED: Final = "UNAUTHENTICATED"


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


class GraphQLEndpoint:
    """Serves POST /graphql over one database, for tokens of one keyring."""

    def __init__(self, api: Api, database: Database, keyring: Keyring) -> None:
        self._api = api
        self._database = database
        self._keyring = keyring
        self._shelf = Shelf()
        self._documents = Documents(api.schema)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, media_type = Request(scope, receive), JSON
        try:
            media_type = accepted(request.headers.get("accept"))
            response = await self._answer(request, media_type)
        except BadRequest as problem:
            content = {"errors": [{"message": str(problem), "extensions": {"code": problem.code}}]}
            response = _respond(content, problem.status, media_type, problem.headers)
        await response(scope, receive, send)

    async def _answer(self, request: Request, media_type: str) -> Response:
        if request.method != "POST":
            raise BadRequest(405, "GraphQL is served by POST.", allow="POST")
        require_json(request.headers.get("content-type"))
        context = Context(
            caller=self._caller(request.headers.get("authorization")),
            language=language(request.headers.get("accept-language")),
            database=self._database,
            shelf=self._shelf,
            view=self._api.view,
        )
        operation = parse_body(await request.body())
        document = self._document(operation)
        result = (
            document if isinstance(document, ExecutionResult) else await self._execute(document, operation, context)
        )
        content, status = _content(result, context, media_type)
        headers = {"retry-after": "1"} if status == 503 else {}
        return _respond(content, status, media_type, {"x-request-id": context.request_id, **headers})

    def _caller(self, authorization: str | None) -> Caller:
        if authorization is None:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise BadRequest(401, _BEARER, code=_UNAUTHENTICATED, www_authenticate="Bearer")
            return verify_access_token(self._keyring, token.strip(), time.time())
        except TokenRefused as refused:
            challenge = 'Bearer error="invalid_token"'
            raise BadRequest(401, refused.reason, code=_UNAUTHENTICATED, www_authenticate=challenge) from refused

    def _document(self, operation: Operation) -> DocumentNode | ExecutionResult:
        """The document to execute, or a result that says why it is not executed."""
        try:
            document = self._documents.ready(operation.query)
        except GraphQLError as syntax:
            raise BadRequest(400, syntax.message) from syntax
        if isinstance(document, list):
            return ExecutionResult(data=None, errors=document)
        operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        if operation.name is None and len(operations) != 1:
            return ExecutionResult(data=None, errors=[GraphQLError("Several operations: name one in operationName.")])
        return document

    async def _execute(self, document: DocumentNode, operation: Operation, context: Context) -> ExecutionResult:
        result = execute(
            self._api.schema,
            document,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.name,
            hide_suggestions=True,
        )
        return await result if isawaitable(result) else result


def accepted(header: str | None) -> str:
    """The media type to answer in. Raises: BadRequest when the client takes neither of ours."""
    if header is None or not header.strip():
        return GRAPHQL
    weights = {name: _weight(header, name) for name in (GRAPHQL, JSON)}
    best = max(weights, key=lambda name: weights[name])
    if weights[best] <= 0:
        raise BadRequest(406, f"Answers come as {GRAPHQL} or {JSON}. Accept one of them.")
    return best


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


def parse_body(body: bytes) -> Operation:
    """What the body asks for. Raises: BadRequest for anything but one well-formed request."""
    try:
        parsed = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise BadRequest(400, "The body is not JSON in UTF-8.") from problem
    if not isinstance(parsed, dict):
        raise BadRequest(400, "The body must be one JSON object with a query; batches are not served.")
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


def _content(result: ExecutionResult, context: Context, media_type: str) -> tuple[dict[str, Any], int]:
    """The answer and its status: 200 once anything was executed, and always for clients of plain JSON."""
    errors = [formatted(error, context.language, context.request_id) for error in result.errors or ()]
    nothing_ran = result.data is None and all(error.path is None for error in result.errors or ())
    content: dict[str, Any] = {"errors": errors} if errors else {}
    if not nothing_ran:
        content["data"] = result.data
    if result.data is None and any(error["extensions"]["code"] == UNAVAILABLE for error in errors):
        return content, 503
    return content, 422 if nothing_ran and media_type == GRAPHQL else 200


def _respond(content: Mapping[str, Any], status: int, media_type: str, headers: Mapping[str, str]) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    never_kept = {"cache-control": "no-store", "vary": "accept, accept-language, authorization"}
    return Response(body, status, {**never_kept, **headers}, f"{media_type}; charset=utf-8")


_BEARER = "Send the access token as: Authorization: Bearer …"
