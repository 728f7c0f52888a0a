"""Which products a citizen qualifies for today, by what was known at an instant: to tell what an error has cost."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Date, DateTime, Integer, SmallInteger, Text, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from domain.incentives.queries import standing_fragment, standing_of
from domain.incentives.rules.decision import decide
from domain.incentives.rules.standing import Catalogue

_TYPES: Final[Mapping[str, TypeEngine[Any]]] = {
    "citizen": Integer(),
    "programme": SmallInteger(),
    "rule_set": Integer(),
    "today": Date(),
    "now": DateTime(timezone=True),
    "volunteer_item": Text(),
}
_GIVEN: Final = text("SELECT id FROM product WHERE programme_id = :programme AND status = 'PUBLISHED'")


async def given_products(session: AsyncSession, *, programme_id: int) -> list[int]:
    """The products that are given at present."""
    return list((await session.execute(_GIVEN, params={"programme": programme_id})).scalars())


async def qualified_products(
    session: AsyncSession, *, citizen_id: int, catalogue: Catalogue, known_at: datetime, given: list[int]
) -> set[int]:
    """Those of the products given that the citizen qualifies for today, with the records as known then."""
    fragment = standing_fragment(catalogue.rules.volunteer_item)
    ctes = ", ".join(f"{name} AS ({sql})" for name, sql in fragment.ctes.items())
    values = {
        "citizen": citizen_id,
        "rule_set": catalogue.rule_set_id,
        "today": catalogue.today,
        "now": known_at,
        **fragment.binds,
    }
    statement = text(f"WITH {ctes} SELECT ({fragment.sql}) AS standing")
    used = [name for name in values if name in statement._bindparams]
    statement = statement.bindparams(*(bindparam(name, type_=_TYPES[name]) for name in used))
    row = (await session.execute(statement, params={name: values[name] for name in used})).one()
    if row.standing is None:
        return set()
    standing = standing_of(row.standing, catalogue, session.info["vault"])
    products = {number: catalogue.products[number] for number in given if number in catalogue.products}
    return {number for number, one in products.items() if decide(one, catalogue.rules, standing).qualified}
