"""What a client learns of a refusal and of a fault of ours, and what our log keeps."""

import pytest
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from api.graphql.errors import INTERNAL, INVALID_REQUEST, UNAVAILABLE, formatted, lost_database, user_error
from domain import errors
from domain.errors import DomainError, RateLimited
from domain.values import words

REFUSALS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, DomainError)]
SAID = words("太多了。", "Too many.")


class DriverProblem(Exception):
    """As the driver raises it: with a state of five letters."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("张三")
        self.sqlstate = sqlstate


def raised(cause: Exception) -> GraphQLError:
    """The error of a field whose resolver raised this."""
    try:
        raise cause
    except Exception as problem:
        return GraphQLError(str(problem), path=["me"], original_error=problem)


@pytest.mark.parametrize("refusal", [one for one in REFUSALS if one is not DomainError], ids=lambda one: one.code)
def test_every_refusal_of_the_domain_has_its_code_in_the_contract(refusal: type[DomainError]) -> None:
    error = refusal() if refusal in (errors.NotFound, errors.IdempotencyConflict) else refusal(SAID)
    assert user_error(error, "en").error_code.value == refusal.code


def test_a_refusal_speaks_the_language_of_the_request_and_says_when_to_come_back() -> None:
    error = RateLimited(SAID, field="code", rule_source="R17", retry_after_ms=500)
    answer = user_error(error, "zh")
    assert (answer.message, answer.input_field, answer.rule_source, answer.retry_after_ms) == (
        "太多了。",
        "code",
        "R17",
        500,
    )
    assert formatted(raised(error), "en", "r1") == {
        "message": "Too many.",
        "path": ["me"],
        "extensions": {"code": "RATE_LIMITED", "inputField": "code", "retryAfterMs": 500},
    }


def test_a_fault_is_masked_and_the_log_holds_where_it_was_and_nothing_of_anybody() -> None:
    with capture_logs() as logged:
        entry = formatted(raised(KeyError("张三")), "en", "r2")
    assert "张三" not in str(entry)
    assert entry["extensions"] == {"code": INTERNAL, "requestId": "r2"}
    (line,) = logged
    assert "张三" not in str(line)
    assert (line["event"], line["fault"], line["request_id"]) == ("unexpected fault", "KeyError", "r2")
    assert line["steps"][-1].endswith(" raised")


@pytest.mark.parametrize("state", ["08006", "53300", "57P01", "55P03", "40P01", "40001"])
def test_a_database_that_is_away_or_busy_invites_another_try(state: str) -> None:
    cause = DBAPIError("SELECT", {}, DriverProblem(state))
    with capture_logs() as logged:
        entry = formatted(raised(cause), "zh", "r3")
    assert entry["extensions"]["code"] == UNAVAILABLE
    assert entry["extensions"]["retryable"] is True
    assert "张三" not in str(entry) + str(logged)


@pytest.mark.parametrize("state", ["23505", "42601", ""])
def test_a_statement_that_is_wrong_is_a_fault_of_ours(state: str) -> None:
    assert not lost_database(DBAPIError("SELECT", {}, DriverProblem(state)))


def test_a_mistake_in_the_request_is_told_without_guessing_names() -> None:
    entry = formatted(GraphQLError("Cannot query field 'cod'. Did you mean 'code'?"), "en", "r4")
    assert entry == {"message": "Cannot query field 'cod'.", "extensions": {"code": INVALID_REQUEST}}
