"""Working out everybody's score again: only what differs is written, and a broken recalculation goes on."""

from pathlib import Path

import pytest
from department import BASE, DOCUMENT, Departments, city, write_lines
from sqlalchemy import text

from domain.actor import ANONYMOUS
from domain.scoring import rescoring
from domain.scoring.queries.rescoring import PARTS
from domain.scoring.rescoring import Recalculation

__all__ = ["city"]

VERSION = "SELECT CAST(CAST(s.xmin AS text) AS bigint) FROM score AS s WHERE s.citizen_id = :citizen"
CAUSES = "SELECT string_agg(h.cause ->> 'en', ' | ' ORDER BY h.id) FROM score_change AS h WHERE h.citizen_id = :citizen"


async def begun(city: Departments) -> Recalculation:
    async with city.worker.transaction(ANONYMOUS) as unit:
        [work] = await rescoring.begin(unit.session, unit.now, programme=DOCUMENT.code)
        return work


async def finish(city: Departments, work: Recalculation, *, parts: int = PARTS) -> int:
    """Finishes so many of the open parts; gives how many scores that were."""
    count = 0
    for part, after in list(work.parts.items())[:parts]:
        finished, reached_by = False, after
        while not finished:
            async with city.worker.transaction(ANONYMOUS) as unit:
                reached = await rescoring.rescore_batch(unit.session, unit.now, work=work, part=part, after=reached_by)
            count, finished, reached_by = count + reached.count, reached.finished, reached.citizen_id
    return count


async def spoil(city: Departments, person: str, points: int) -> None:
    """A stored score as an earlier mistake may have left it."""
    digest = city.worker.vault.digest("citizen", DOCUMENT.code, person)
    wrong = text(
        "UPDATE score SET points = :points FROM citizen AS c WHERE c.id = citizen_id AND identity_digest = :digest"
    )
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(wrong, {"points": points, "digest": digest})


async def test_a_wrong_score_is_put_right_and_a_right_one_is_not_touched(city: Departments, tmp_path: Path) -> None:
    wrong, right = await city.person(), await city.person()
    await city.take(write_lines(tmp_path / "a.ndjson", city.record(wrong), city.record(right)))
    await spoil(city, wrong, 7)
    version = await city.value(VERSION, right)
    await finish(city, await begun(city))
    assert [await city.points(one) for one in (wrong, right)] == [BASE + 1, BASE + 1]
    assert await city.value(VERSION, right) == version
    assert await city.value(CAUSES, wrong) == "New records: Books returned on time | Worked out again"
    assert await city.value(CAUSES, right) == "New records: Books returned on time"


async def test_who_has_no_records_gets_the_base(city: Departments) -> None:
    person = await city.person()
    await finish(city, await begun(city))
    assert await city.points(person) == BASE


async def test_everybody_is_in_exactly_one_part(city: Departments) -> None:
    people = [await city.person() for _ in range(40)]
    work = await begun(city)
    assert list(work.parts.items()) == [(part, 0) for part in range(PARTS)]
    assert await finish(city, work) == work.citizens
    assert [await city.points(one) for one in people] == [BASE] * 40


async def test_a_broken_recalculation_goes_on_where_it_was(city: Departments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.scoring.rescoring.BATCH", 2)
    await finish(city, await begun(city))
    people = [await city.person() for _ in range(40)]
    work = await begun(city)
    done = await finish(city, work, parts=5)
    async with city.worker.transaction(ANONYMOUS) as unit:
        half = await rescoring.rescore_batch(unit.session, unit.now, work=work, part=5, after=0)
    again = await begun(city)
    assert sorted(again.parts) == list(range(5, PARTS))
    assert again.parts[5] == half.citizen_id
    assert done + half.count + await finish(city, again) == work.citizens
    assert [await city.points(one) for one in people] == [BASE] * 40
    assert list((await begun(city)).parts.values()) == [0] * PARTS
    await finish(city, await begun(city))


async def test_another_day_starts_over(city: Departments) -> None:
    await begun(city)
    async with city.worker.transaction(ANONYMOUS) as unit:
        yesterday = text("UPDATE rescore_part SET day = day - 1, reached = 5, finished = part < 3")
        await unit.session.execute(yesterday)
    work = await begun(city)
    assert work.parts == dict.fromkeys(range(PARTS), 0)
    await finish(city, work)


async def test_a_programme_that_is_not_there_has_nothing_to_work_out(city: Departments) -> None:
    async with city.worker.transaction(ANONYMOUS) as unit:
        assert await rescoring.begin(unit.session, unit.now, programme="nowhere") == []
