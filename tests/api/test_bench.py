"""A dry run over generated people: it counts everybody in every table, and touches nothing."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from api.cli.bench_dry_run import Outcome, try_draft
from api.cli.bench_population import Population, populate
from api.embedded import Urls, superuser_url
from domain.actor import ANONYMOUS

PEOPLE = 120


@pytest.fixture(scope="module")
async def population(urls: Urls) -> AsyncIterator[Population]:
    population = await populate(urls, people=PEOPLE, advance=lambda *_: None)
    yield population
    await population.dispose()


@pytest.fixture(scope="module")
async def outcome(population: Population, cluster_folder: Path) -> Outcome:
    return await try_draft(population, superuser_url(cluster_folder))


async def test_everybody_gains_loses_or_stays_as_they_are(outcome: Outcome) -> None:
    changes = [outcome.sums[(one,)] for one in ("gaining", "losing", "unchanged")]
    assert outcome.sums[("people",)] == sum(changes) == PEOPLE
    assert min(changes) > 0


@pytest.mark.parametrize(("kind", "column"), [("cohort", "birth_cohort"), ("registration", "registration_kind")])
async def test_fairness_is_counted_by_cohort_and_registration(
    outcome: Outcome, population: Population, kind: str, column: str
) -> None:
    async with population.worker.reading(ANONYMOUS) as unit:
        rows = await unit.session.execute(text(f"SELECT CAST({column} AS text), count(*) FROM citizen GROUP BY 1"))
        groups = {str(value): int(number) for value, number in rows}
    assert {key[1]: number for key, number in outcome.sums.items() if key[0] == kind and key[2] == "people"} == groups
    assert len(groups) >= 2
    for change in ("gaining", "losing", "unchanged"):
        parts = [number for key, number in outcome.sums.items() if key[0] == kind and key[2] == change]
        assert sum(parts) == outcome.sums[(change,)]


async def test_a_dry_run_leaves_every_row_as_it_was(outcome: Outcome) -> None:
    assert outcome.touched == []
    assert outcome.before["citizen"][0] == PEOPLE
    assert min(outcome.before[name][0] for name in ("score", "credit_record", "person_key", "consent")) > 0
    spoilt = Counter[str]()
    for name, (count, digest) in outcome.before.items():
        other = {**outcome.after, name: (count, digest + 1)}
        spoilt.update(Outcome(sums={}, seconds=0, before=outcome.before, after=other).touched)
    assert spoilt == Counter(outcome.before.keys())
