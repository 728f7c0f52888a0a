"""Receipts: keyed digests over what a score or a decision rests on. Only the holder can have one checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import strawberry

from api.graphql.reference import KnownProduct, KnownRuleSet
from api.graphql.view import Asked, Section
from domain.incentives.rules.decision import Answer
from domain.scoring.queries import last_change, score_lines
from domain.scoring.rules import Line, canonical, gate_points, line_of, total
from domain.vault import Vault


@strawberry.type(
    description="A keyed digest that only its holder can have checked. "
    "`computedAt` is the instant of the last change contained: equal inputs give equal receipts."
)
class Receipt:
    digest: str
    rule_set_version: int
    as_of: date
    computed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a receipt stands on: whose lines, by which rules, on which day, and when the last of them was known."""

    citizen: int
    lines: Sequence[Line]
    rule_set: KnownRuleSet
    as_of: date
    computed_at: datetime

    def of_score(self, vault: Vault) -> Receipt:
        """The receipt of the score: points, and what each record gave."""
        return self._receipt(vault.digest("score receipt", *self._holder(), self._inputs()))

    def of_decision(self, vault: Vault, product: KnownProduct, answer: Answer) -> Receipt:
        """The receipt of a decision: its answer, and the points it compares with everything they are made of."""
        document = product.document
        gate = gate_points(self.lines, self.rule_set.document, document.field)
        about = (document.code, str(product.version), str(gate), str(answer))
        return self._receipt(vault.digest("decision receipt", *self._holder(), *about, self._inputs()))

    def _holder(self) -> tuple[str, ...]:
        return str(self.citizen), str(self.rule_set.version), self.as_of.isoformat()

    def _inputs(self) -> str:
        return canonical(self.lines, total(self.lines, self.rule_set.document))

    def _receipt(self, digest: bytes) -> Receipt:
        return Receipt(
            digest=digest.hex(),
            rule_set_version=self.rule_set.version,
            as_of=self.as_of,
            computed_at=self.computed_at,
        )


def read_ground(columns: Any, asked: Asked) -> Ground:
    """What the receipts of today stand on. Without a score there are no lines, and a receipt says so."""
    rows, last = columns
    return Ground(
        citizen=asked.subject.citizen or 0,
        lines=[line_of(row) for row in rows or []],
        rule_set=asked.context.reference.rule_sets[asked.subject.rule_set or 0],
        as_of=asked.subject.today,
        computed_at=asked.subject.now if last is None else datetime.fromisoformat(last),
    )


RECEIPT: Section[Ground] = Section(
    "Score", "receipt", build=lambda asked: (score_lines(), last_change()), read=read_ground
)
DECISION_RECEIPT: Section[Ground] = Section(
    "Decision", "receipt", build=lambda asked: (score_lines(), last_change()), read=read_ground
)
