"""What may be written down about a volunteer beside service, and how it stands in a line of the exchange format."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.errors import DomainError
from domain.vault import Vault
from domain.volunteering.rules import exchange, records, registration
from domain.volunteering.rules.records import Content, Kind, RecordDraft, Taker
from tests.actions.serving import TERMS

VAULT = Vault(bytes(range(32)))
TODAY = date(2026, 11, 22)
NUMBER = registration.new_number(VAULT, programme_id=1, person_id=1, attempt=0)
TRAINING = RecordDraft(
    kind=Kind.TRAINING, volunteer_number=NUMBER, title=" 急救 ", on=TODAY, text="心肺复苏", hours=2.25, body="红十字会"
)
AWARD = RecordDraft(kind=Kind.AWARD, volunteer_number=NUMBER, title="年度志愿者", on=TODAY)
EVALUATION = RecordDraft(
    kind=Kind.EVALUATION, volunteer_number=NUMBER, title="海岸清洁", on=TODAY, text="准时到场,耐心带领新人。"
)
TAKER = Taker(id=7, person_id=70, wrapped_key=b"", took_part=True, served_that_day=False)


def refusal(doing: Any) -> tuple[str, str | None]:
    with pytest.raises(DomainError) as caught:
        doing()
    return caught.value.code, caught.value.field


def test_what_the_law_names_is_kept_and_read_again() -> None:
    content = records.check_draft(TRAINING, TODAY)
    assert content == Content(title="急救", text="心肺复苏", minutes=135, body="红十字会")
    assert records.content_of(content.to_json()) == content
    assert records.check_draft(AWARD, TODAY) == Content(title="年度志愿者", text=None, minutes=None, body=None)
    assert records.check_draft(EVALUATION, TODAY).text == "准时到场,耐心带领新人。"


@pytest.mark.parametrize(
    ("draft", "code", "field"),
    [
        (replace(TRAINING, title=" "), "INVALID_INPUT", "title"),
        (replace(TRAINING, title="x" * 101), "INVALID_INPUT", "title"),
        (replace(TRAINING, text=None), "INVALID_INPUT", "text"),
        (replace(TRAINING, text="x\0"), "INVALID_INPUT", "text"),
        (replace(TRAINING, body="x" * 101), "INVALID_INPUT", "body"),
        (replace(TRAINING, hours=None), "INVALID_INPUT", "hours"),
        (replace(TRAINING, hours=0.0), "INVALID_INPUT", "hours"),
        (replace(TRAINING, hours=1.1), "INVALID_INPUT", "hours"),
        (replace(TRAINING, hours=500.25), "INVALID_INPUT", "hours"),
        (replace(AWARD, hours=1.0), "INVALID_INPUT", "hours"),
        (replace(AWARD, on=date(2026, 11, 23)), "INVALID_INPUT", "on"),
        (replace(AWARD, on=date(2021, 11, 22)), "INVALID_INPUT", "on"),
        (replace(EVALUATION, text=None), "INVALID_INPUT", "text"),
    ],
)
def test_a_record_out_of_its_limits_is_refused_by_field(draft: RecordDraft, code: str, field: str) -> None:
    assert refusal(lambda: records.check_draft(draft, TODAY)) == (code, field)


@pytest.mark.parametrize("text", ["5/5", "优秀", "A+", "★★★★★", "非常优秀", "100 %"])
def test_an_evaluation_is_words_and_never_a_grade(text: str) -> None:
    assert refusal(lambda: records.check_draft(replace(EVALUATION, text=text), TODAY)) == ("RULE_REFUSED", "text")


def test_an_evaluation_is_recorded_within_ten_working_days_and_a_training_at_any_time() -> None:
    # Ten working days after Sunday, 22 November, are over with Friday, 4 December.
    records.check_in_time(EVALUATION, date(2026, 12, 4), 10)
    assert refusal(lambda: records.check_in_time(EVALUATION, date(2026, 12, 5), 10)) == ("TOO_LATE", "on")
    records.check_in_time(TRAINING, date(2027, 12, 5), 10)


def test_only_who_took_part_is_written_about_and_nobody_writes_about_themselves() -> None:
    assert records.check_taker(TAKER, AWARD, 1) == TAKER
    served = replace(TAKER, served_that_day=True)
    assert records.check_taker(served, EVALUATION, 1) == served
    nobody = ("NOT_FOUND", "volunteerNumber")
    assert refusal(lambda: records.check_taker(None, AWARD, 1)) == nobody
    assert refusal(lambda: records.check_taker(replace(TAKER, took_part=False), TRAINING, 1)) == nobody
    assert refusal(lambda: records.check_taker(TAKER, EVALUATION, 1)) == nobody
    assert refusal(lambda: records.check_taker(TAKER, AWARD, 70)) == ("SAME_PERSON", None)


def line(**groups: Any) -> str:
    made = {"format": exchange.FORMAT, "platform": "p", "ref": "r", "personal": {"volunteerNumber": NUMBER}}
    return json.dumps({**made, **groups})


def test_a_record_goes_into_a_line_and_comes_out_of_it_again() -> None:
    for draft in (TRAINING, AWARD, EVALUATION):
        content = records.check_draft(draft, TODAY)
        groups = exchange.groups_of(draft.kind, content, draft.on, "海岸队")
        given = exchange.delivered_by(line(service=None, **groups), datetime(2026, 11, 22, tzinfo=UTC), TERMS)
        assert given.claim is None
        assert given.records == (replace(draft, title=content.title, body=content.body or "海岸队"),)


@pytest.mark.parametrize(
    ("groups", "field"),
    [
        ({}, "service"),
        ({"training": {}}, "service"),
        ({"training": "x"}, "training"),
        ({"training": [{}] * 21}, "training"),
        ({"training": [7]}, "training[0]"),
        ({"training": [{"date": "2026-11-22", "name": "x", "hours": True}]}, "training[0].hours"),
        ({"awards": [{"name": "x", "date": "22.11."}]}, "awards[0].date"),
        ({"awards": [{"date": "2026-11-22"}]}, "awards[0].name"),
        ({"evaluation": {"name": "x", "date": "2026-11-22", "content": 5}}, "evaluation[0].content"),
    ],
)
def test_a_group_that_is_not_of_the_format_names_the_field(groups: dict[str, Any], field: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert refusal(lambda: exchange.delivered_by(line(**groups), now, TERMS)) == ("INVALID_INPUT", field)
