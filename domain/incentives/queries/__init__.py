"""SQL over products, their budgets and allowances, and over what a decision needs to know of a citizen.

catalogue.py and standing.py hold them.
"""

from domain.incentives.queries.catalogue import (
    CountedWindow,
    Use,
    add_budgets,
    add_products,
    budget_shares,
    lower_allowance,
    products,
    published,
    raise_allowance,
    refill_budget,
    replace_products,
    reserve_budget,
    save_shops,
)
from domain.incentives.queries.standing import (
    ProductState,
    inputs,
    is_offered,
    standing_fragment,
    standing_of,
    standing_then,
    standings,
)

__all__ = [
    "CountedWindow",
    "ProductState",
    "Use",
    "add_budgets",
    "add_products",
    "budget_shares",
    "inputs",
    "is_offered",
    "lower_allowance",
    "products",
    "published",
    "raise_allowance",
    "refill_budget",
    "replace_products",
    "reserve_budget",
    "save_shops",
    "standing_fragment",
    "standing_of",
    "standing_then",
    "standings",
]
