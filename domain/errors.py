"""Every refusal the domain can utter.

DomainError
├── NotFound              NOT_FOUND             absent, or not the caller's: the two answer alike
├── NotAllowed            NOT_ALLOWED
├── InvalidInput          INVALID_INPUT         names the field
├── IdempotencyConflict   IDEMPOTENCY_CONFLICT
├── RateLimited           RATE_LIMITED          says when to come back
├── ConsentRequired       CONSENT_REQUIRED
├── NotQualified          NOT_QUALIFIED
├── AllowanceUsedUp       ALLOWANCE_USED_UP
├── BudgetUsedUp          BUDGET_USED_UP
├── ProductUnavailable    PRODUCT_UNAVAILABLE
├── BasisNeeded           BASIS_NEEDED
├── AlreadyDecided        ALREADY_DECIDED
├── TooLate               TOO_LATE
├── TooEarly              TOO_EARLY
├── Overlap               OVERLAP
├── SamePerson            SAME_PERSON
├── CapacityFull          CAPACITY_FULL
├── RuleRefused           RULE_REFUSED          names the rule
└── TerminalBlocked       TERMINAL_BLOCKED

The domain raises; one place at the edge turns them into `UserError`.
"""

from typing import ClassVar

from domain.values import Words, words


class DomainError(Exception):
    """A refusal in plain words: what happened, why, and what to do next."""

    code: ClassVar[str]

    def __init__(
        self,
        message: Words,
        *,
        field: str | None = None,
        rule_source: str | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message.en)
        self.message = message
        self.field = field
        self.rule_source = rule_source
        self.retry_after_ms = retry_after_ms


class NotFound(DomainError):
    code = "NOT_FOUND"

    def __init__(self, message: Words | None = None, *, field: str | None = None) -> None:
        super().__init__(
            message or words("没有找到,或不属于您。请检查编号。", "Nothing of yours has this id. Check the id."),
            field=field,
        )


class NotAllowed(DomainError):
    code = "NOT_ALLOWED"


class InvalidInput(DomainError):
    code = "INVALID_INPUT"


class IdempotencyConflict(DomainError):
    code = "IDEMPOTENCY_CONFLICT"

    def __init__(self) -> None:
        super().__init__(
            words(
                "这个请求编号已用于另一项内容。请为新的操作生成新的编号。",
                "This key already stands for another request. Make a new key for a new action.",
            ),
            field="idempotencyKey",
        )


class RateLimited(DomainError):
    code = "RATE_LIMITED"


class ConsentRequired(DomainError):
    code = "CONSENT_REQUIRED"


class NotQualified(DomainError):
    code = "NOT_QUALIFIED"


class AllowanceUsedUp(DomainError):
    code = "ALLOWANCE_USED_UP"


class BudgetUsedUp(DomainError):
    code = "BUDGET_USED_UP"


class ProductUnavailable(DomainError):
    code = "PRODUCT_UNAVAILABLE"


class BasisNeeded(DomainError):
    code = "BASIS_NEEDED"


class AlreadyDecided(DomainError):
    code = "ALREADY_DECIDED"


class TooLate(DomainError):
    code = "TOO_LATE"


class TooEarly(DomainError):
    code = "TOO_EARLY"


class Overlap(DomainError):
    code = "OVERLAP"


class SamePerson(DomainError):
    code = "SAME_PERSON"


class CapacityFull(DomainError):
    code = "CAPACITY_FULL"


class RuleRefused(DomainError):
    code = "RULE_REFUSED"


class TerminalBlocked(DomainError):
    code = "TERMINAL_BLOCKED"
