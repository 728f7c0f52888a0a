"""Which drafts of an office are refused: the text of a rule set or a product, against the programme it is meant for."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from domain.programmes.rules.checks_products import Surroundings, check_product
from domain.programmes.rules.checks_rule_set import check_rule_set
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import Group, Product, RuleSetDocument
from domain.programmes.rules.parse import parse_product, parse_rule_set
from domain.programmes.rules.problems import Place
from domain.programmes.rules.releases import refusal_of
from domain.programmes.rules.terms import OrganisationKind

_FILE = "document"


def surroundings(
    content: Mapping[str, Any], rules: RuleSetDocument, kinds: Mapping[str, OrganisationKind]
) -> Surroundings:
    """What a product is checked against: a programme as it is stored, a rule set, and what each organisation is."""
    groups = [from_json(Group, one) for one in content["groups"]]
    return Surroundings(
        rules=rules,
        organisations=kinds,
        physical_groups={group.code: group.physical for group in groups},
        stars=len(content["stars_hours"]),
        yearly_hours=content["volunteer_yearly_hours"],
    )


def read_rule_set(
    text: str, around: Surroundings, *, catalogue: Sequence[str], products: Sequence[Product]
) -> RuleSetDocument:
    """The rule set in a draft; `around` holds the rules in force, and `products` are those that go on under the new.

    Raises: RuleRefused or InvalidInput with everything that is wrong.
    """
    rules = parse_rule_set(text, _FILE)
    if isinstance(rules, list):
        raise refusal_of(rules)
    place = Place(file=_FILE)
    check_rule_set(rules, catalogue, place, around.rules)
    if not place.problems:
        for product in products:
            check_product(product, replace(around, rules=rules), place.at("products").item(product.code))
    if place.problems:
        raise refusal_of(place.problems)
    return rules


def check_facts(
    rules: RuleSetDocument, previous: RuleSetDocument, *, catalogue: Sequence[str], effective_from: date
) -> None:
    """Whether these rules may begin on this day. Raises: RuleRefused when a demerit would look back behind it."""
    place = Place(file=_FILE)
    check_rule_set(replace(rules, effective_from=effective_from), catalogue, place, previous)
    if place.problems:
        raise refusal_of(place.problems)


def read_product(text: str, around: Surroundings) -> Product:
    """The product in a draft. Raises: RuleRefused or InvalidInput with everything that is wrong."""
    product = parse_product(text, _FILE)
    if isinstance(product, list):
        raise refusal_of(product)
    place = Place(file=_FILE)
    check_product(product, around, place)
    if place.problems:
        raise refusal_of(place.problems)
    return product
