"""What everybody may read of a programme, signed in or not, in all eight cities."""

import pytest

from api.database import Database, WorkerDatabase
from seeds.demo import document_of, programme_codes
from tests.api.city import City, statements

EVERYTHING = """query ($code: String!) { programme(code: $code) {
  id code name notice currency timezone
  ruleSet { ...Rules } ruleSets { version }
  consentTexts { purpose version title text digest } commitmentText { version text digest }
  catalogue { code title department legalBasis retentionMonths items { code } }
  products {
    id code version title terms baseline baselineCheckedOn field redeemedBy accountKind offline
    availableFrom availableUntil budgetLeftPercent current { id }
    shape { __typename ... on PayRatio { payPercent } ... on VoucherPack { vouchers { code title count } } }
    provider { name address products { code } }
    conditions { way kind required sentence } allowance { quantity unit window perHousehold }
    sources { key source evidence }
  }
} }
fragment Rules on RuleSet {
  version status effectiveFrom effectiveUntil basePoints floorPoints ceilingPoints
  bands { code label minPoints maxPoints } fields { code title capPoints capWindow }
  items { code title field merit points tiers { from until per } tierWindow capPoints capWindow validMonths countsFrom
    factKey legalBasis evidence }
  sources { key evidence }
}"""


@pytest.mark.parametrize("code", programme_codes())
async def test_a_programme_is_read_by_everybody_as_it_was_published(
    database: Database, worker: WorkerDatabase, code: str
) -> None:
    city = await City(database, worker, code).seeded()
    document = document_of(code)
    async with city.client() as nobody:
        shown = await nobody.ask(EVERYTHING, code=code)
    rules = document.rule_set
    assert (shown["name"], shown["notice"]) == (document.name.en, document.notice.en)
    assert [band["minPoints"] for band in shown["ruleSet"]["bands"]] == [band.min_points for band in rules.bands]
    assert {item["code"]: item["points"] for item in shown["ruleSet"]["items"]} == {
        item.code: item.points for item in rules.items
    }
    assert {product["code"]: product["shape"]["__typename"] for product in shown["products"]} == {
        product.code: product.shape.kind for product in document.products
    }
    assert {text["digest"] for text in shown["consentTexts"]} == {text.digest for text in document.consent_texts}
    for product in shown["products"]:
        known = next(one for one in document.products if one.code == product["code"])
        assert len(product["conditions"]) == sum(len(way) for way in known.ways)
        assert product["current"]["id"] == product["id"]
        assert product["code"] in [one["code"] for one in product["provider"]["products"]]
        assert (product["budgetLeftPercent"] is None) == (known.budget is None)


async def test_the_published_part_takes_no_statement_once_it_is_at_hand(
    database: Database, worker: WorkerDatabase
) -> None:
    city = await City(database, worker).seeded()
    async with city.client() as nobody:
        first = await nobody.ask(EVERYTHING, code="rongcheng")
        with statements(database) as seen:
            assert await nobody.ask(EVERYTHING, code="rongcheng") == first
    assert seen == []


async def test_what_does_not_exist_is_null(database: Database, worker: WorkerDatabase) -> None:
    city = await City(database, worker).seeded()
    async with city.client() as nobody:
        assert await nobody.ask('{ programme(code: "nowhere") { code } }') is None
        assert await nobody.ask('{ product(id: "x") { code } }') is None
        assert await nobody.ask('{ node(id: "x") { id } }') is None
