"""Bad programme documents, one per refusal: each names the rule, the file and the key."""

import tomllib
from pathlib import Path

import pytest

from domain.programmes.rules.checks_rule_set import check_rule_set
from domain.programmes.rules.document import Item, Product, RuleSetDocument
from domain.programmes.rules.forbidden import FORBIDDEN_AREAS, FORBIDDEN_CATEGORIES, RULES
from domain.programmes.rules.parse import parse_product, parse_programme, parse_rule_set
from domain.programmes.rules.problems import Place, Problem
from seeds.loader import PROGRAMMES, ProgrammeFileError, check_file, read_file

RONGCHENG = (PROGRAMMES / "rongcheng.toml").read_text(encoding="utf-8")

CASES = tomllib.loads((Path(__file__).parent / "bad_documents.toml").read_text(encoding="utf-8"))
BUS = 'code = "bus-40"'
PAY_MORE = ("pay_percent = 40, max_relief_fen = 600", "pay_percent = 140, max_relief_fen = 600")


def edited(anchor: str, old: str, new: str) -> str:
    """Rongcheng's file with the first such text after the anchor replaced."""
    at = RONGCHENG.index(old, RONGCHENG.index(anchor))
    return RONGCHENG[:at] + new + RONGCHENG[at + len(old) :]


def problems_of(path: Path, text: str) -> list[Problem]:
    path.write_text(text, encoding="utf-8")
    return check_file(path)


def found(problems: list[Problem]) -> set[tuple[str, str]]:
    return {(problem.rule, problem.key) for problem in problems}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{group}: {case['refused'][0]}") for group, cases in CASES.items() for case in cases],
)
def test_a_bad_document_is_refused_with_rule_file_and_key(tmp_path: Path, case: dict[str, str]) -> None:
    problems = problems_of(tmp_path / "town.toml", edited(case["anchor"], case["old"], case["new"]))
    assert found(problems) == {tuple(one.split(" ", 1)) for one in case["refused"]}
    assert {problem.file for problem in problems} == {"town.toml"}
    assert all(problem.message.endswith(".") for problem in problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('kind = "AGE", minimum = 65', 'kind = "RESIDENCE", registrations = ["PERMIT"]'),
        ("lat = 37.1652", "lat = 37"),
    ],
)
def test_a_good_document_stays_good_with_a_residence_or_a_round_place(tmp_path: Path, old: str, new: str) -> None:
    assert problems_of(tmp_path / "town.toml", edited("code =", old, new)) == []


def test_no_volunteer_body_means_that_nobody_confirms(tmp_path: Path) -> None:
    text = RONGCHENG.replace('kind = "VOLUNTEER_BODY"', 'kind = "DEPARTMENT"')
    assert ("R17", "organisations") in found(problems_of(tmp_path / "town.toml", text))


def test_a_rule_set_without_bands_is_refused(tmp_path: Path) -> None:
    start, end = RONGCHENG.index("[[rule_set.bands]]"), RONGCHENG.index("[[rule_set.fields]]")
    text = RONGCHENG[:start] + RONGCHENG[end:]
    text = text.replace("[rule_set]\n", "[rule_set]\nbands = []\n")
    assert ("BANDS", "rule_set.bands") in found(problems_of(tmp_path / "town.toml", text))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('code = "town', "(file)"),
        ("rule_set = 5\nproducts = 3\ncatalogue = [4]", "rule_set"),
        ('references = [5]\nsources = ["name"]', "references[1]"),
        ("[rule_set]\nbands = [1]\nsources.own = 'rest'", "rule_set.bands[1]"),
    ],
)
def test_what_is_no_programme_is_refused_without_a_traceback(tmp_path: Path, text: str, key: str) -> None:
    assert ("FORM", key) in found(problems_of(tmp_path / "town.toml", text))


def test_a_missing_or_unreadable_file_is_one_problem(tmp_path: Path) -> None:
    [missing] = check_file(tmp_path / "nowhere.toml")
    assert (missing.file, missing.key, missing.rule) == ("nowhere.toml", "(file)", "FORM")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xff'")
    [unreadable] = check_file(tmp_path / "latin.toml")
    assert unreadable.message.startswith("the file cannot be read")


def test_reading_a_refused_file_raises_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "town.toml"
    path.write_text(edited(BUS, *PAY_MORE), encoding="utf-8")
    with pytest.raises(ProgrammeFileError) as refused:
        read_file(path)
    [problem] = refused.value.problems
    assert str(problem) == (
        "town.toml: products[bus-40].shape.pay_percent: R1:"
        " 140 % makes somebody pay more: points open extras and take nothing away. Give 0 to 99."
    )
    assert str(refused.value) == str(problem)


def test_every_forbidden_category_and_area_names_a_known_rule() -> None:
    assert set(FORBIDDEN_CATEGORIES.values()) | set(FORBIDDEN_AREAS.values()) <= RULES.keys()
    assert list(RULES) == [f"R{number}" for number in range(1, 26)]


# ---------------------------------------------------------------- drafts of one rule set or product


def rongcheng_rules() -> RuleSetDocument:
    document = parse_programme(RONGCHENG, "rongcheng.toml")
    assert not isinstance(document, list)
    return document.rule_set


def refusals_after(rules: RuleSetDocument, previous: RuleSetDocument | None) -> set[tuple[str, str]]:
    place = Place(file="draft")
    check_rule_set(rules, {"RC-01", "RC-02", "RC-03", "RC-07"}, place, previous)
    return found(place.problems)


def test_a_later_version_keeps_the_facts_of_a_demerit_and_adds_none_backwards(later: RuleSetDocument) -> None:
    assert refusals_after(later, rongcheng_rules()) == set()
    assert refusals_after(later, None) == {("R22", "items[utility-debt-judgment].facts_since")}


@pytest.fixture
def later() -> RuleSetDocument:
    text = edited("[rule_set]", "effective_from = 2024-01-01", "effective_from = 2026-06-01")
    document = parse_programme(text, "later.toml")
    assert not isinstance(document, list)
    return document.rule_set


REFERENCE = '[[references]]\ncode = "own"\nevidence = "ILLUSTRATIVE"\nsource = { zh = "自定", en = "Own" }\n'


def test_a_product_is_drafted_by_itself() -> None:
    start = RONGCHENG.index('code = "cinema-15"')
    end = RONGCHENG.index("[[products]]", start)
    product = parse_product(RONGCHENG[start:end] + REFERENCE, "draft")
    assert isinstance(product, Product)
    assert product.code == "cinema-15"
    assert {mark.source.en for mark in product.sources} == {"Own"}


def test_a_rule_set_is_drafted_by_itself() -> None:
    start, end = RONGCHENG.index("[rule_set]\n") + len("[rule_set]\n"), RONGCHENG.index("# What departments")
    references = RONGCHENG[RONGCHENG.index("[[references]]") : RONGCHENG.index("[[consent_texts]]")]
    draft = RONGCHENG[start:end].replace("[[rule_set.", "[[") + references.replace("# Consent and commitment", "")
    assert parse_rule_set(draft, "draft") == rongcheng_rules()
    assert isinstance(rongcheng_rules().volunteer_item(), Item)


def test_a_bad_draft_is_a_list_of_problems() -> None:
    problems = parse_product("code = 5", "draft")
    assert isinstance(problems, list)
    assert ("FORM", "code") in found(problems)
