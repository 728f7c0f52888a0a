"""Putting programmes into force."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from api.database import WorkerDatabase
from domain.actor import ANONYMOUS
from domain.incentives.actions import publish_products
from domain.programmes import queries
from domain.programmes.actions import publish_programme
from domain.programmes.rules.codec import from_json
from domain.programmes.rules.document import RuleSetDocument
from seeds.loader import PROGRAMMES, read_file

COUNTED = (
    "programme",
    "organisation",
    "consent_text",
    "item",
    "rule_set",
    "rule_field",
    "rule_item",
    "rule_tier",
    "product",
    "product_shop",
)


async def counts(worker: WorkerDatabase) -> Sequence[int]:
    async with worker.reading(ANONYMOUS) as unit:
        return [(await unit.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() for table in COUNTED]


async def load(worker: WorkerDatabase, path: Path) -> int:
    document = read_file(path)
    async with worker.transaction(ANONYMOUS) as unit:
        programme_id = await publish_programme(unit.session, document=document, today=date(2026, 11, 22))
        await publish_products(unit.session, programme_id=programme_id, products=document.products)
    return programme_id


@pytest.mark.parametrize("path", sorted(PROGRAMMES.glob("*.toml")), ids=lambda path: path.stem)
async def test_loading_a_programme_twice_changes_nothing(worker: WorkerDatabase, path: Path) -> None:
    programme_id = await load(worker, path)
    once = await counts(worker)
    assert await load(worker, path) == programme_id
    assert await counts(worker) == once
    assert min(once) > 0


@pytest.mark.parametrize("path", sorted(PROGRAMMES.glob("*.toml")), ids=lambda path: path.stem)
async def test_the_rules_in_force_are_the_rules_of_the_file(worker: WorkerDatabase, path: Path) -> None:
    programme_id = await load(worker, path)
    async with worker.reading(ANONYMOUS) as unit:
        row = await queries.rule_set_on(unit.session, programme_id=programme_id, day=date(2026, 11, 22))
    assert row is not None
    assert from_json(RuleSetDocument, row.content) == read_file(path).rule_set
