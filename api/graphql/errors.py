"""How a refusal or a fault reaches the client: refusals in their own words, faults masked and logged by request id."""

import asyncio
import re
import traceback
from enum import Enum
from typing import Any, Final

import strawberry
import structlog
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.errors import DomainError
from domain.values import Language, words

log = structlog.get_logger()

UNAVAILABLE: Final = "UNAVAILABLE"
INTERNAL: Final = "INTERNAL"
INVALID_REQUEST: Final = "INVALID_REQUEST"
RETRY_AFTER_MS: Final = 1000
KEPT_STEPS: Final = 12

# The library has no switch for this one; the schema is public, and guessing names for people is no service.
_SUGGESTION: Final = re.compile(r" Did you mean [^?]*\?")
_UNAVAILABLE = words(
    "服务暂时不可用,请稍后用同一请求编号重试。",
    "The service is out of reach for a moment. Please try again with the same key.",
)
_INTERNAL = words(
    "内部错误,已记录。请稍后重试,或将请求编号告知服务台。",
    "Internal error. It has been recorded; please try again later, or tell the desk the request id.",
)
# Connection lost, too many connections, shutting down, waited too long, deadlock: trying again may help.
_PASSING: Final = ("08", "53", "57", "55P03", "40")


@strawberry.enum
class ErrorCode(Enum):
    """Why something was refused."""

    NOT_FOUND = "NOT_FOUND"
    NOT_ALLOWED = "NOT_ALLOWED"
    INVALID_INPUT = "INVALID_INPUT"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    RATE_LIMITED = "RATE_LIMITED"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    NOT_QUALIFIED = "NOT_QUALIFIED"
    ALLOWANCE_USED_UP = "ALLOWANCE_USED_UP"
    BUDGET_USED_UP = "BUDGET_USED_UP"
    PRODUCT_UNAVAILABLE = "PRODUCT_UNAVAILABLE"
    BASIS_NEEDED = "BASIS_NEEDED"
    ALREADY_DECIDED = "ALREADY_DECIDED"
    TOO_LATE = "TOO_LATE"
    TOO_EARLY = "TOO_EARLY"
    OVERLAP = "OVERLAP"
    SAME_PERSON = "SAME_PERSON"
    CAPACITY_FULL = "CAPACITY_FULL"
    RULE_REFUSED = "RULE_REFUSED"
    TERMINAL_BLOCKED = "TERMINAL_BLOCKED"


@strawberry.type
class UserError:
    """Field names of its own, so that a client can select it beside any type of a union without aliases."""

    error_code: ErrorCode
    message: str
    input_field: str | None = None
    rule_source: str | None = None
    retry_after_ms: int | None = None


def user_error(error: DomainError, language: Language) -> UserError:
    """A refusal as a member of a mutation's union, in the language of the request."""
    return UserError(
        error_code=ErrorCode(error.code),
        message=error.message.speak(language),
        input_field=error.field,
        rule_source=error.rule_source,
        retry_after_ms=error.retry_after_ms,
    )


def formatted(error: GraphQLError, language: Language, request_id: str) -> dict[str, Any]:
    """One entry of `errors`: what the client may know, with a code to switch on."""
    cause = error.original_error
    entry: dict[str, Any] = {"message": _SUGGESTION.sub("", error.message), "extensions": {"code": INVALID_REQUEST}}
    if error.locations:
        entry["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        entry["path"] = error.path
    if isinstance(cause, DomainError):
        entry["message"] = cause.message.speak(language)
        entry["extensions"] = {"code": cause.code}
        if cause.field is not None:
            entry["extensions"]["inputField"] = cause.field
        if cause.retry_after_ms is not None:
            entry["extensions"]["retryAfterMs"] = cause.retry_after_ms
    elif cause is not None and not isinstance(cause, GraphQLError):
        entry |= masked(cause, language, request_id)
    return entry


def masked(cause: BaseException, language: Language, request_id: str) -> dict[str, Any]:
    """Message and extensions for a fault of ours, after it has been logged."""
    if lost_database(cause):
        log.warning("database out of reach", request_id=request_id, cause=type(cause).__name__)
        extensions = {"code": UNAVAILABLE, "retryable": True, "retryAfterMs": RETRY_AFTER_MS, "requestId": request_id}
        return {"message": _UNAVAILABLE.speak(language), "extensions": extensions}
    # Neither the message nor local variables: either may hold what somebody typed about a person.
    steps = [f"{one.filename}:{one.lineno} {one.name}" for one in traceback.extract_tb(cause.__traceback__)]
    log.error("unexpected fault", request_id=request_id, fault=type(cause).__qualname__, steps=steps[-KEPT_STEPS:])
    return {"message": _INTERNAL.speak(language), "extensions": {"code": INTERNAL, "requestId": request_id}}


def lost_database(cause: BaseException) -> bool:
    """Whether this fault is the database being away or too busy, and not a mistake of ours."""
    if isinstance(cause, DBAPIError):
        state = str(getattr(cause.orig, "sqlstate", None) or "")
        return bool(cause.connection_invalidated) or state.startswith(_PASSING)
    return isinstance(cause, PoolTimeout | OSError | asyncio.TimeoutError)
