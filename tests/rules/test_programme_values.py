"""The values of a programme: windows of days, reading and writing, and the words of a condition."""

from dataclasses import replace
from datetime import date

import pytest

from domain.programmes.rules.codec import decode, encode, from_json, to_json
from domain.programmes.rules.document import CommitmentText, ConsentText, MonthDay, Product, Season, digest_of
from domain.programmes.rules.problems import Place
from domain.programmes.rules.sentences import Titles, implied_kinds, required_words, sentence_of, titles_of
from domain.programmes.rules.shapes import (
    Age,
    Condition,
    GroupMember,
    MinFieldPoints,
    MinGrade,
    MinPoints,
    MinStars,
    MinVolunteerHours,
    Residence,
)
from domain.programmes.rules.terms import ConditionKind, ConsentPurpose, RegistrationKind, Window
from domain.programmes.rules.windows import day_in, next_opening, open_on, season_of, window_of
from domain.values import words
from seeds.loader import PROGRAMMES, read_file

WINTER = Season(opens=MonthDay(month=11, day=15), closes=MonthDay(month=3, day=31))
AUGUST = Season(opens=MonthDay(month=8, day=8), closes=MonthDay(month=8, day=14))
RONGCHENG = read_file(PROGRAMMES / "rongcheng.toml")


def product_of(code: str) -> Product:
    return next(one for one in RONGCHENG.products if one.code == code)


@pytest.mark.parametrize(
    ("window", "day", "start", "end"),
    [
        (Window.USE, date(2026, 5, 4), date(2026, 5, 4), date(2026, 5, 5)),
        (Window.DAY, date(2026, 12, 31), date(2026, 12, 31), date(2027, 1, 1)),
        (Window.MONTH, date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
        (Window.MONTH, date(2028, 2, 29), date(2028, 2, 1), date(2028, 3, 1)),
        (Window.CALENDAR_YEAR, date(2026, 1, 1), date(2026, 1, 1), date(2027, 1, 1)),
        (Window.ROLLING_YEAR, date(2026, 5, 4), date(2025, 5, 5), date(2026, 5, 5)),
        (Window.PROGRAMME, date(2026, 5, 4), date.min, None),
        (Window.SEASON, date(2026, 11, 14), date(2026, 11, 15), date(2027, 4, 1)),
        (Window.SEASON, date(2026, 11, 15), date(2026, 11, 15), date(2027, 4, 1)),
        (Window.SEASON, date(2027, 1, 1), date(2026, 11, 15), date(2027, 4, 1)),
        (Window.SEASON, date(2027, 3, 31), date(2026, 11, 15), date(2027, 4, 1)),
        (Window.SEASON, date(2027, 4, 1), date(2027, 11, 15), date(2028, 4, 1)),
    ],
)
def test_a_day_falls_into_one_half_open_window(window: Window, day: date, start: date, end: date | None) -> None:
    assert window_of(window, day, WINTER) == (start, end)


def test_a_season_window_needs_a_season() -> None:
    with pytest.raises(ValueError, match="needs a season"):
        window_of(Window.SEASON, date(2026, 5, 4))


def test_a_season_within_one_year_is_this_one_or_the_next() -> None:
    assert season_of(AUGUST, date(2026, 8, 14)) == (date(2026, 8, 8), date(2026, 8, 15))
    assert season_of(AUGUST, date(2026, 8, 15)) == (date(2027, 8, 8), date(2027, 8, 15))


def test_the_last_of_february_is_the_28th_in_a_common_year() -> None:
    assert day_in(2026, MonthDay(month=2, day=29)) == date(2026, 2, 28)
    assert day_in(2028, MonthDay(month=2, day=29)) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("day", "is_open", "opens"),
    [
        (date(2026, 11, 24), False, date(2026, 11, 25)),
        (date(2026, 11, 25), True, date(2026, 11, 25)),
        (date(2026, 12, 31), True, date(2026, 12, 31)),
        (date(2027, 1, 1), False, date(2027, 11, 25)),
    ],
)
def test_heating_is_claimed_from_25_november_to_31_december(day: date, is_open: bool, opens: date) -> None:
    assert open_on(product_of("heating-300"), day) is is_open
    assert next_opening(product_of("heating-300"), day) == opens


def test_a_product_is_open_from_its_first_day_until_before_its_last_date() -> None:
    product = replace(product_of("bus-40"), available_from=date(2026, 5, 1), available_until=date(2026, 6, 1))
    assert [open_on(product, day) for day in (date(2026, 4, 30), date(2026, 5, 1))] == [False, True]
    assert [open_on(product, day) for day in (date(2026, 5, 31), date(2026, 6, 1))] == [True, False]
    assert next_opening(product, date(2026, 4, 1)) == date(2026, 5, 1)
    assert next_opening(product, date(2026, 6, 1)) is None


def test_writing_and_reading_are_inverse_for_products_of_every_city() -> None:
    for path in PROGRAMMES.glob("*.toml"):
        for product in read_file(path).products:
            assert from_json(Product, to_json(product)) == product
            assert to_json(product.shape)["kind"] == product.shape.kind


def test_what_was_never_written_is_not_read() -> None:
    stored = to_json(product_of("bus-40"))
    with pytest.raises(ValueError, match=r"Product: provider: FORM: text is needed here, not 5\. Correct the value\."):
        from_json(Product, {**stored, "provider": 5})
    with pytest.raises(ValueError, match="budget"):
        from_json(Product, {**stored, "budget": 5})
    assert from_json(Product, {**stored, "budget": None}).budget is None


def test_only_values_of_a_document_are_written_and_only_its_types_read() -> None:
    with pytest.raises(TypeError, match="object is no part of a document"):
        encode(object())
    with pytest.raises(TypeError, match="is no type of a document"):
        decode("text", "text", Place(file="here"))


def test_a_text_has_one_fingerprint_whatever_its_line_ends() -> None:
    assert digest_of("one\r\ntwo ") == digest_of("one\ntwo")
    first = CommitmentText(version=1, text=words("承诺", "We promise."))
    assert first.digest != replace(first, version=2).digest
    consent = ConsentText(purpose=ConsentPurpose.SCORE, version=1, title=words("题", "Title"), text=words("文", "Text"))
    assert consent.digest != replace(consent, text=words("文", "Other text")).digest
    assert consent.digest != replace(consent, purpose=ConsentPurpose.BENEFITS).digest


TITLES = Titles(
    bands={"AA": words("AA级", "Grade AA")},
    fields={"culture": words("文化", "Culture")},
    groups={"assisted": words("便利通道", "Assisted way")},
)


@pytest.mark.parametrize(
    ("condition", "required", "zh", "en"),
    [
        (
            MinPoints(points=1010),
            "1010 points",
            "可用于本优惠的积分不少于1010分。",
            "At least 1010 points for this benefit.",
        ),
        (
            MinGrade(band="AA"),
            "Grade AA",
            "可用于本优惠的积分达到「AA级」。",
            "Points for this benefit in Grade AA or above.",
        ),
        (
            MinFieldPoints(field="culture", points=5),
            "5 points",
            "「文化」得分不少于5分。",
            "At least 5 points from culture.",
        ),
        (
            MinVolunteerHours(hours=60),
            "60 hours",
            "本年度经确认的志愿服务不少于60小时。",
            "At least 60 hours of confirmed service this year.",
        ),
        (
            MinVolunteerHours(hours=60, within=Window.PROGRAMME),
            "60 hours",
            "累计经确认的志愿服务不少于60小时。",
            "At least 60 hours of confirmed service in all.",
        ),
        (MinStars(stars=1), "1 star", "志愿者星级不低于1星。", "A volunteer with at least 1 star."),
        (MinStars(stars=3), "3 stars", "志愿者星级不低于3星。", "A volunteer with at least 3 stars."),
        (GroupMember(group="assisted"), "Assisted way", "已登记为「便利通道」。", "Registered under: Assisted way."),
        (Age(minimum=65), "65 or older", "年龄65岁以上。", "Aged 65 or older."),
        (Age(maximum=35), "35 or younger", "年龄35岁以下。", "Aged 35 or younger."),
        (Age(minimum=18, maximum=35), "18 to 35", "年龄18至35岁。", "Aged 18 to 35."),
        (
            Residence(registrations=(RegistrationKind.REGISTERED, RegistrationKind.PERMIT)),
            "registered household or residence permit",
            "居住登记为本市户籍或居住证。",
            "Registered by registered household or residence permit.",
        ),
    ],
)
def test_a_condition_is_one_sentence(condition: Condition, required: str, zh: str, en: str) -> None:
    assert required_words(condition, TITLES).en == required
    assert sentence_of(condition, TITLES) == words(zh, en)


def test_every_condition_of_every_city_has_its_words() -> None:
    for path in PROGRAMMES.glob("*.toml"):
        document = read_file(path)
        conditions = [one for product in document.products for way in product.ways for one in way]
        assert all(sentence_of(one, titles_of(document)).zh.endswith("。") for one in conditions)


def test_what_a_product_implies_stands_in_no_file() -> None:
    everything = (
        ConditionKind.CONSENT,
        ConditionKind.WINDOW_OPEN,
        ConditionKind.ALLOWANCE_LEFT,
        ConditionKind.BUDGET_LEFT,
    )
    assert implied_kinds(product_of("heating-300")) == everything
    assert implied_kinds(product_of("hospital-papers")) == (ConditionKind.CONSENT,)
