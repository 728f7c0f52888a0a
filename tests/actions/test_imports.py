"""Importing a department's file: what is taken, what is refused with its line, what leaves no trace."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from department import BASE, CIVIL, CULTURE, DOCUMENT, ISSUER, Departments, city, refusals, write_lines
from sqlalchemy import text

from api.errors import CannotStart
from api.importing import FileImport
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import NotAllowed
from domain.incentives.actions.accounts import link_account
from domain.people.actions import joining
from domain.people.settlement import caller_of
from domain.programmes.rules.terms import ServiceAccountKind
from domain.scoring.rules.delivered_lines import MAX_LINE_BYTES

__all__ = ["city"]


async def test_a_file_is_taken_and_the_score_follows(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    path = write_lines(tmp_path / "a.ndjson", city.record(person), city.record(person, item="overdue-book-returned"))
    run = await city.take(path)
    assert (run.accepted, run.duplicates, run.refused) == (2, 0, 0)
    assert (run.taken_lines, run.taken_bytes) == (2, path.stat().st_size)
    assert await city.points(person) == BASE + 3
    assert not path.with_name("a.ndjson.refused").exists()


async def test_the_same_file_again_is_all_duplicates(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    path = write_lines(tmp_path / "a.ndjson", city.record(person))
    await city.take(path)
    run = await city.take(path)
    assert (run.accepted, run.duplicates, run.refused) == (0, 1, 0)
    assert await city.records(person) == 1


async def test_a_reference_with_another_content_is_refused_and_points_to_the_correction(
    city: Departments, tmp_path: Path
) -> None:
    person = await city.person()
    record = city.record(person)
    path = write_lines(tmp_path / "a.ndjson", record, record | {"evidence": "别的"}, record)
    run = await city.take(path)
    assert (run.accepted, run.duplicates, run.refused) == (1, 1, 1)
    [refused] = refusals(path)
    assert (refused["line"], refused["code"], refused["field"]) == (2, "INVALID_INPUT", "sourceRef")
    assert "correctRecord" in refused["en"]
    assert "correctRecord" in refused["zh"]


async def test_a_person_hears_of_a_file_once_however_long_it_is(
    city: Departments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.importing.CHUNK_LINES", 2)
    person, other = await city.person(), await city.person()
    kinds = ["library-on-time", "overdue-book-returned"]
    lines = [city.record(one, item=kind) for kind in kinds for one in (person, person, other)]
    await city.take(write_lines(tmp_path / "a.ndjson", *lines))
    assert [await city.points(one) for one in (person, other)] == [BASE + 3, BASE + 3]
    changes = """
        SELECT json_agg(json_build_array(h.before, h.after, h.cause ->> 'en'))
        FROM score_change AS h WHERE h.citizen_id = :citizen
    """
    assert await city.value(changes, person) == [
        [BASE, BASE + 3, "New records: Books returned on time; An overdue book brought back"]
    ]


async def test_two_departments_may_use_the_same_reference(city: Departments, tmp_path: Path) -> None:
    person, reference = await city.person(), str(uuid4())
    book = city.record(person, sourceRef=reference)
    course = city.record(person, sourceRef=reference, item="first-aid-course")
    await city.take(write_lines(tmp_path / "a.ndjson", book), department=CULTURE)
    await city.take(write_lines(tmp_path / "b.ndjson", course), department=CIVIL)
    assert await city.records(person) == 2


FAULTY: dict[str, tuple[bytes | dict[str, Any], str | None, str]] = {
    "bad UTF-8": (b'{"citizenRef": "\xff"}', None, "Byte 17 is no UTF-8. Save the file as UTF-8."),
    "cut off": (b'{"citizenRef": "x", "item": "libr', None, "it may be cut off"),
    "ten million bytes": (b"x" * 10_000_000, None, f"longer than {MAX_LINE_BYTES} bytes"),
    "too deep": (b"[" * 60_000, None, "no whole JSON object"),
    "no object": (b"[1, 2]", None, "one JSON object"),
    "not a number": (b'{"quantity": NaN}', None, "no whole JSON object"),
    "a key twice": (b'{"item": "a", "item": "b"}', None, "A key stands twice"),
    "unknown key": ({"name": "王"}, None, "The key 'name' is not known. Leave it out."),
    "missing": ({"evidence": None}, "evidence", "missing, or no text"),
    "no text": ({"citizenRef": 7}, "citizenRef", "missing, or no text"),
    "blank": ({"evidence": "  "}, "evidence", "1 to 200 visible characters"),
    "too long a text": ({"evidence": "证" * 201}, "evidence", "1 to 200 visible characters"),
    "half a character": ({"evidence": "\ud800"}, "evidence", "1 to 200 visible characters"),
    "another way of writing a date": ({"occurredOn": "20260101"}, "occurredOn", "written like 2026-01-31"),
    "no such day": ({"occurredOn": "2025-02-29"}, "occurredOn", "written like 2026-01-31"),
    "the future": ({"occurredOn": "2999-01-01", "endedOn": "2999-01-01"}, "occurredOn", "lies in the future"),
    "another department's item": ({"item": "first-aid-course"}, "item", "no catalogue entry of your department"),
    "no item": ({"item": "loyalty"}, "item", "no catalogue entry of your department"),
    "no date to count from": ({"endedOn": None}, "endedOn", "counts from this date"),
    "ended before it began": ({"endedOn": "2024-03-01"}, "endedOn", "before the fact occurred"),
    "a truth for a number": ({"quantity": True}, "quantity", "a number from 0 to 1000000"),
    "less than nothing": ({"quantity": -1}, "quantity", "a number from 0 to 1000000"),
    "three decimals": ({"quantity": 1.005}, "quantity", "two decimals"),
}


@pytest.mark.parametrize("fault", FAULTY)
async def test_a_faulty_line_is_refused_with_its_reason_and_the_rest_goes_on(
    city: Departments, tmp_path: Path, fault: str
) -> None:
    person = await city.person()
    bad, field, reason = FAULTY[fault]
    line = bad if isinstance(bad, bytes) else json.dumps(city.record(person) | bad).encode()
    path = write_lines(tmp_path / "a.ndjson", city.record(person), line, city.record(person))
    run = await city.take(path)
    assert (run.accepted, run.duplicates, run.refused) == (2, 0, 1)
    [refused] = refusals(path)
    assert (refused["line"], refused.get("field")) == (2, field)
    assert reason in refused["en"]
    assert await city.records(person) == 2


async def test_a_file_without_a_last_end_of_line_is_whole_or_cut_off(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    whole = write_lines(tmp_path / "whole.ndjson", city.record(person))
    whole.write_bytes(whole.read_bytes().removesuffix(b"\n"))
    assert (await city.take(whole)).accepted == 1
    cut = write_lines(tmp_path / "cut.ndjson", city.record(person), city.record(person))
    cut.write_bytes(cut.read_bytes()[:-20])
    run = await city.take(cut)
    assert (run.accepted, run.refused) == (1, 1)
    assert [refused["line"] for refused in refusals(cut)] == [2]


async def test_marks_of_other_systems_do_not_matter_and_blank_lines_are_counted_but_taken_for_nothing(
    city: Departments, tmp_path: Path
) -> None:
    person = await city.person()
    first, second = (json.dumps(city.record(person)).encode() for _ in range(2))
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\xef\xbb\xbf" + first + b"\r\n\r\n  \n" + second + b"\r\nfaulty\n\n")
    run = await city.take(path)
    assert (run.accepted, run.refused) == (2, 1)
    assert [refused["line"] for refused in refusals(path)] == [5]


async def test_an_empty_file_is_no_delivery_of_anything(city: Departments, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson")
    run = await city.take(path)
    assert (run.accepted, run.duplicates, run.refused) == (0, 0, 0)


async def test_people_who_did_not_join_are_accepted_not_kept_and_told_apart_by_nothing(
    city: Departments, tmp_path: Path
) -> None:
    async def deliver(person: str, name: str) -> tuple[Any, ...]:
        record = city.record(person)
        other = record | {"evidence": "别的"}
        path = write_lines(tmp_path / name, record, record, other, city.record(person, item="nothing"))
        runs = [await city.take(path) for _ in range(2)]
        told = [(refused["line"], refused["code"], refused["en"]) for refused in refusals(path)]
        return [(run.accepted, run.duplicates, run.refused) for run in runs], told

    member, stranger, unknown = await city.person(), await city.person(joined=False), str(uuid4())
    answers = [await deliver(one, f"{place}.ndjson") for place, one in enumerate((member, stranger, unknown))]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == [(1, 1, 2), (0, 2, 2)]
    assert [await city.records(one) for one in (member, stranger, unknown)] == [1, 0, 0]


async def test_nothing_that_is_written_down_names_a_person(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    path = write_lines(tmp_path / "a.ndjson", city.record(person, item="nothing"), city.record(person, 身份="x"))
    await city.take(path)
    assert person not in path.with_name("a.ndjson.refused").read_text()
    async with city.worker.reading(ANONYMOUS) as unit:
        rows = (await unit.session.execute(text("SELECT object::text FROM audit_event"))).scalars().all()
    assert not [row for row in rows if person in row]


async def test_one_fact_reported_twice_counts_once(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    day = (city.today - timedelta(days=30)).isoformat()
    twice = [city.record(person, item="overdue-book-returned", occurredOn=day, endedOn=day) for _ in range(2)]
    run = await city.take(write_lines(tmp_path / "a.ndjson", *twice))
    assert run.accepted == 2
    assert await city.points(person) == BASE + 2


async def test_an_import_that_broke_off_goes_on_behind_the_last_line_that_was_taken(
    city: Departments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, early = await city.person(), await city.person()
    lines = [city.record(early if number == 1 else person) if number % 3 else {"line": number} for number in range(10)]
    path = write_lines(tmp_path / "a.ndjson", *lines)
    monkeypatch.setattr("api.importing.CHUNK_LINES", 4)
    delivery = FileImport(city.worker, path=path, source_id=city.sources[CULTURE], kind="records")

    def stop(done: int, _: int) -> None:
        raise InterruptedError(done)

    with pytest.raises(InterruptedError):
        await delivery.run(stop)
    with path.with_name("a.ndjson.refused").open("ab") as refused:
        refused.write(b'{"line": 5, "written by": "a transaction that never ended"}\n')
    run = await city.take(path)
    assert (run.accepted, run.duplicates, run.refused) == (6, 0, 4)
    assert [refused["line"] for refused in refusals(path)] == [1, 4, 7, 10]
    assert [await city.records(one) for one in (person, early)] == [5, 1]
    assert [await city.points(one) for one in (person, early)] == [BASE + 1, BASE + 1]


async def test_without_the_refusals_of_the_first_attempt_the_file_is_read_from_its_start(
    city: Departments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await city.person()
    path = write_lines(tmp_path / "a.ndjson", {"faulty": 1}, city.record(person), city.record(person))
    monkeypatch.setattr("api.importing.CHUNK_LINES", 2)
    delivery = FileImport(city.worker, path=path, source_id=city.sources[CULTURE], kind="records")

    def stop(*_: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await delivery.run(stop)
    delivery.refusals.unlink()
    run = await city.take(path)
    assert (run.accepted, run.duplicates, run.refused) == (1, 1, 1)
    assert [refused["line"] for refused in refusals(path)] == [1]


async def test_one_file_is_imported_by_one_process_at_a_time(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    path = write_lines(tmp_path / "a.ndjson", *(city.record(person) for _ in range(3)))
    first, second = await asyncio.gather(city.take(path), city.take(path), return_exceptions=True)
    assert sorted(type(one).__name__ for one in (first, second)) == ["CannotStart", "Run"]
    assert [str(one) for one in (first, second) if isinstance(one, CannotStart)] == [
        f"{path}.refused is being written by another import: wait until it is done."
    ]
    assert await city.records(person) == 3


async def test_a_suspended_department_delivers_nothing(city: Departments, tmp_path: Path) -> None:
    status = text("UPDATE organisation SET status = :status WHERE id = :id")
    path = write_lines(tmp_path / "a.ndjson", city.record(await city.person()))
    async with city.worker.transaction(ANONYMOUS) as unit:
        await unit.session.execute(status, {"status": "SUSPENDED", "id": city.sources[CULTURE]})
    try:
        with pytest.raises(NotAllowed):
            await city.take(path)
    finally:
        async with city.worker.transaction(ANONYMOUS) as unit:
            await unit.session.execute(status, {"status": "ADMITTED", "id": city.sources[CULTURE]})


# Dwellings


def dwelling(person: str, place: str, since: str, **given: str) -> dict[str, Any]:
    return {"citizenRef": person, "dwellingRef": place, "sourceRef": str(uuid4()), "since": since, **given}


DWELLINGS = """
    SELECT array_agg(ARRAY[CAST(h.since AS text), encode(h.dwelling, 'hex')] ORDER BY h.since)
    FROM household AS h WHERE h.citizen_id = :citizen
"""


async def as_citizen(city: Departments, person: str) -> Caller:
    """The person, signed in."""
    async with city.worker.reading(ANONYMOUS) as unit:
        code, role = DOCUMENT.code, Role.CITIZEN
        caller = await caller_of(unit.session, issuer=ISSUER, subject=person, role=role, programme=code)
    assert caller is not None
    return caller


def digest(city: Departments, place: str) -> str:
    """How a dwelling is kept."""
    return city.worker.vault.digest("dwelling", DOCUMENT.code, place).hex()


async def test_a_dwelling_is_kept_as_a_keyed_digest_of_those_who_agreed_to_it(
    city: Departments, tmp_path: Path
) -> None:
    member, unasked = await city.person(), await city.person(consents=("score",))
    stranger = await city.person(joined=False)
    lines = [dwelling(one, "海滨路1号", "2025-01-01") for one in (member, unasked, stranger)]
    run = await city.take(write_lines(tmp_path / "a.ndjson", *lines), kind="dwellings")
    assert (run.accepted, run.duplicates, run.refused) == (3, 0, 0)
    kept = [await city.value(DWELLINGS, one) for one in (member, unasked, stranger)]
    assert kept == [[["2025-01-01", digest(city, "海滨路1号")]], None, None]


async def test_a_move_is_kept_with_its_day_and_a_day_has_one_dwelling(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    lines = [
        dwelling(person, "旧居", "2024-05-01"),
        dwelling(person, "误报", "2025-12-20"),
        dwelling(person, "新居", "2025-12-20"),
    ]
    await city.take(write_lines(tmp_path / "a.ndjson", *lines), kind="dwellings")
    assert await city.value(DWELLINGS, person) == [
        ["2024-05-01", digest(city, "旧居")],
        ["2025-12-20", digest(city, "新居")],
    ]


@pytest.mark.parametrize("purpose", ["household", None])
async def test_where_somebody_lived_is_forgotten_when_they_take_it_back_or_leave(
    city: Departments, tmp_path: Path, purpose: str | None
) -> None:
    person = await city.person()
    await city.take(write_lines(tmp_path / "a.ndjson", dwelling(person, "海滨路3号", "2025-01-01")), kind="dwellings")
    assert await city.value(DWELLINGS, person) is not None
    async with city.acting(await as_citizen(city, person)) as unit:
        if purpose is None:
            await joining.withdraw(unit.session, unit.actor, unit.now, key=uuid4())
        else:
            await joining.withdraw_consent(unit.session, unit.actor, unit.now, purpose=purpose, key=uuid4())
    assert await city.value(DWELLINGS, person) is None


async def test_a_register_sent_again_links_who_has_joined_since(city: Departments, tmp_path: Path) -> None:
    person = await city.person(consents=("score",))
    path = write_lines(tmp_path / "a.ndjson", dwelling(person, "海滨路2号", "2025-01-01"))
    await city.take(path, kind="dwellings")
    async with city.worker.transaction(ANONYMOUS) as unit:
        agree = text("""
            INSERT INTO consent (person_id, programme_id, purpose, version, given_at)
            SELECT p.id, :programme, 'household', 1, :now FROM person AS p WHERE p.subject = :subject
        """)
        values = {"programme": city.programme_id, "now": unit.now, "subject": person}
        await unit.session.execute(agree, values)
    run = await city.take(path, kind="dwellings")
    assert (run.accepted, run.duplicates, run.refused) == (0, 1, 0)
    assert await city.value(DWELLINGS, person) == [["2025-01-01", digest(city, "海滨路2号")]]


async def test_dwellings_are_read_as_strictly_as_records(city: Departments, tmp_path: Path) -> None:
    person = await city.person()
    path = write_lines(
        tmp_path / "a.ndjson",
        dwelling(person, "甲", "2999-01-01"),
        dwelling(person, " ", "2025-01-01"),
        dwelling(person, "乙", "2025-01-01", rooms="3"),
        city.record(person),
    )
    run = await city.take(path, kind="dwellings")
    assert (run.accepted, run.refused) == (0, 4)
    assert [refused.get("field") for refused in refusals(path)] == ["since", "dwellingRef", None, None]


# Accounts


def account(number: str, place: str, **given: str) -> dict[str, Any]:
    return {
        "kind": "HEATING",
        "number": number,
        "dwellingRef": place,
        "sourceRef": str(uuid4()),
        "since": "2025-01-01",
        **given,
    }


async def link(city: Departments, person: str, number: str) -> None:
    """The citizen's own act."""
    async with city.acting(await as_citizen(city, person)) as unit:
        await link_account(
            unit.session, unit.actor, unit.now, kind=ServiceAccountKind.HEATING, number=number, key=uuid4()
        )


async def test_a_providers_register_tells_where_those_live_who_have_linked_their_account(
    city: Departments, tmp_path: Path
) -> None:
    linked, unlinked = [await city.person(consents=("score", "household", "account")) for _ in range(2)]
    unasked = await city.person(consents=("score", "account"))
    numbers = [uuid4().hex[:12] for _ in range(3)]
    await link(city, linked, numbers[0])
    await link(city, unasked, numbers[1])
    lines = [account(number, "暖气楼1号") for number in numbers]
    path = write_lines(tmp_path / "a.ndjson", *lines)
    run = await city.take(path, department="heating", kind="accounts")
    assert (run.accepted, run.duplicates, run.refused) == (3, 0, 0)
    kept = [await city.value(DWELLINGS, one) for one in (linked, unlinked, unasked)]
    assert kept == [[["2025-01-01", digest(city, "暖气楼1号")]], None, None]
    await link(city, unlinked, f"{numbers[2][:4]}-{numbers[2][4:]}".lower())
    run = await city.take(path, department="heating", kind="accounts")
    assert (run.accepted, run.duplicates, run.refused) == (0, 3, 0)
    assert await city.value(DWELLINGS, unlinked) == [["2025-01-01", digest(city, "暖气楼1号")]]


async def test_a_register_names_accounts_of_dwellings_only(city: Departments, tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.ndjson",
        account("12345678", "甲", kind="PLATE"),
        account("12", "甲"),
        account("12345678", "甲", since="2999-01-01"),
        account("12345678", ""),
        account("12345678", "甲", name="王"),
    )
    run = await city.take(path, department="heating", kind="accounts")
    assert (run.accepted, run.refused) == (0, 5)
    assert [refused.get("field") for refused in refusals(path)] == ["kind", "number", "since", "dwellingRef", None]
