"""Running one operation for one caller, whatever it came over: HTTP, server-sent events or a WebSocket."""

import time
from collections.abc import AsyncGenerator
from inspect import isawaitable
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    subscribe,
)
from structlog.contextvars import bind_contextvars

from api.database import Database
from api.feed import Feed, TooSlow
from api.graphql.context import Context
from api.graphql.errors import formatted
from api.graphql.limits import Documents
from api.graphql.reference import Shelf
from api.graphql.requests import BadRequest, Operation
from api.graphql.schema import Api
from api.metrics import Metrics
from api.tokens import LEEWAY_S, AccessToken, Keyring, TokenRefused, read_access_token
from domain.actor import ANONYMOUS
from domain.errors import DomainError
from domain.values import Language

UNAUTHENTICATED: Final = "UNAUTHENTICATED"
TOO_SLOW: Final = "TOO_SLOW"
_BEARER: Final = "Send the access token as: Authorization: Bearer …"


class Operations:
    """Everything that one process needs to run operations."""

    def __init__(self, api: Api, database: Database, keyring: Keyring, feed: Feed, metrics: Metrics) -> None:
        self.feed = feed
        self._metrics = metrics
        self._api = api
        self._database = database
        self._keyring = keyring
        self._shelf = Shelf()
        self._documents = Documents(api.schema)

    def token(self, authorization: str | None) -> AccessToken | None:
        """The token that a caller shows; None for nobody. Raises: BadRequest for one that is not believed."""
        if authorization is None:
            return None
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise BadRequest(401, _BEARER, code=UNAUTHENTICATED, www_authenticate="Bearer")
        try:
            return read_access_token(self._keyring, text.strip(), time.time())
        except TokenRefused as refused:
            challenge = 'Bearer error="invalid_token"'
            raise BadRequest(401, refused.reason, code=UNAUTHENTICATED, www_authenticate=challenge) from refused

    def context(self, token: AccessToken | None, language: Language, request_id: str, address: str) -> Context:
        """What one operation carries."""
        return Context(
            caller=ANONYMOUS if token is None else token.caller,
            language=language,
            database=self._database,
            shelf=self._shelf,
            feed=self.feed,
            view=self._api.view,
            public_url=self._keyring.issuer,
            request_id=request_id,
            address=address,
        )

    def document(self, operation: Operation) -> DocumentNode | ExecutionResult:
        """The document to execute, or a result that says why it is not. Raises: BadRequest for a syntax error."""
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

    async def answer(
        self, document: DocumentNode, operation: Operation, context: Context
    ) -> tuple[ExecutionResult, dict[str, Any]]:
        """The answer to a query or a mutation, and as the client reads it; counted, and noted for the log."""
        begun = time.perf_counter()
        executed = execute(self._api.schema, document, **_asked(operation, context))
        result = await executed if isawaitable(executed) else executed
        content = payload(result, context)
        kind, field = _named(document, operation, self._api.schema)
        self._metrics.answered(kind, field, time.perf_counter() - begun, context.codes)
        bind_contextvars(operation=kind, field=field, role=context.caller.role.value, codes=context.codes)
        return result, content

    async def results(
        self, document: DocumentNode, operation: Operation, context: Context
    ) -> AsyncGenerator[tuple[ExecutionResult, dict[str, Any]], None]:
        """All answers as the client reads them: one to a query or a mutation, as many as come to a subscription."""
        if not is_subscription(document, operation):
            yield await self.answer(document, operation, context)
            return
        kind, field = _named(document, operation, self._api.schema)
        bind_contextvars(operation=kind, field=field, role=context.caller.role.value)
        begun = subscribe(self._api.schema, document, **_asked(operation, context))
        stream = await begun if isawaitable(begun) else begun
        if isinstance(stream, ExecutionResult):
            yield stream, payload(stream, context)
            return
        try:
            async for result in stream:
                self._metrics.sent(field)
                context.codes.clear()
                yield result, payload(result, context)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # always a generator, which its type does not say


def _asked(operation: Operation, context: Context) -> dict[str, Any]:
    return {
        "context_value": context,
        "variable_values": operation.variables,
        "operation_name": operation.name,
        "hide_suggestions": True,
    }


def is_subscription(document: DocumentNode, operation: Operation) -> bool:
    """Whether the operation that is asked for is one that goes on."""
    node = get_operation_ast(document, operation.name)
    return node is not None and node.operation is OperationType.SUBSCRIPTION


def _named(document: DocumentNode, operation: Operation, schema: GraphQLSchema) -> tuple[str, str]:
    """Kind and root field of an operation. Only what the schema knows is named, so that nobody can fill the labels."""
    node = get_operation_ast(document, operation.name)
    if node is None:
        return "none", "none"
    root = schema.get_root_type(node.operation)
    names = {one.name.value for one in node.selection_set.selections if isinstance(one, FieldNode)}
    known = names & root.fields.keys() if root is not None else names
    return node.operation.value, known.pop() if len(known) == 1 and known == names else "several"


def ran(result: ExecutionResult) -> bool:
    """Whether anything was executed."""
    return result.data is not None or any(error.path is not None for error in result.errors or ())


def payload(result: ExecutionResult, context: Context) -> dict[str, Any]:
    """The answer as the client reads it."""
    errors = [formatted(error, context.language, context.request_id) for error in result.errors or ()]
    context.codes += [error["extensions"]["code"] for error in errors]
    content: dict[str, Any] = {"errors": errors} if errors else {}
    if ran(result):
        content["data"] = result.data
    return content


def broken_off(cause: Exception, context: Context) -> dict[str, Any]:
    """Why a stream ends before its time, as an entry of `errors`."""
    if isinstance(cause, TooSlow):
        return {"message": SLOW, "extensions": {"code": TOO_SLOW}}
    original = cause if isinstance(cause, DomainError) else getattr(cause, "original_error", None) or cause
    return formatted(GraphQLError(str(cause), original_error=original), context.language, context.request_id)


def has_expired(token: AccessToken | None) -> bool:
    """Whether the caller's token has run out since it was shown."""
    return token is not None and time.time() >= token.expires_at + LEEWAY_S


SLOW: Final = "Too much has changed since you last listened. Subscribe again, and read what you missed."
EXPIRED: Final = "The access token has expired. Refresh it and subscribe again."
