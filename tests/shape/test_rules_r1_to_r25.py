"""R1 to R25: what no table, schema, file or rule can express. Rules that need people have their tests beside those.

Every rule has a test that is named after it: `uv run pytest --collect-only -q -k "test_r0 or test_r1 or test_r2"`.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_list_type,
    is_named_type,
)

from api.embedded import Urls
from api.graphql import access
from domain.actor import PERSON_ROLES, Role
from domain.incentives.rules import conditions, decision, population, relief, standing
from domain.programmes.rules.document import Item, Product, ProgrammeDocument
from domain.programmes.rules.forbidden import FORBIDDEN_AREAS, FORBIDDEN_CATEGORIES, REFUSED_KEYS, RULES
from domain.programmes.rules.shapes import TermsUplift
from domain.programmes.rules.terms import ItemCategory, OrganisationKind, ProductArea, RedeemPath
from domain.scoring.queries import lines_cte
from seeds.loader import PROGRAMMES, read_file
from tests.rules.test_rules_check import edited, found, problems_of
from tests.shape.test_access import SCHEMA, root_fields
from tests.shape.test_schema import APPEND_ONLY, rows

ROOT = Path(__file__).parents[2]
CITIES = [read_file(path) for path in sorted(PROGRAMMES.glob("*.toml"))]
SHOP = frozenset({Role.CASHIER, Role.MANAGER})
NO_OFFICE = frozenset({Role.ANONYMOUS, Role.CITIZEN, Role.VOLUNTEER, Role.CASHIER, Role.MANAGER, Role.SOURCE})
# A staff member acts in public office: a shop's list of its own people is no list of citizens.
STAFF = frozenset({"StaffMember"})
LOOK_LIKE_PERSONS = frozenset({"displayName", "callName", "volunteerNumber", "holderMasked", "participant"})
PLACES = frozenset({"lat", "lon", "latitude", "longitude", "geo", "location", "coordinates"})


def split(name: str) -> set[str]:
    """The words of a name, however it is joined: `takes_away`, `takesAway`, `TAKES_AWAY`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return {word.lower() for word in re.split(r"[^A-Za-z]+", spaced) if word}


def saying(names: Iterable[str], forbidden: str) -> set[str]:
    """The names that use one of these words."""
    words = set(forbidden.split())
    return {name for name in names if split(name) & words}


def names_of_schema() -> set[str]:
    """Every type, field, argument and enum value of the API, as `Type.field`."""
    names: set[str] = set()
    for kind in SCHEMA.type_map.values():
        if kind.name.startswith("__"):
            continue
        names.add(kind.name)
        if isinstance(kind, GraphQLEnumType):
            names |= {f"{kind.name}.{value}" for value in kind.values}
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType):
            names |= {f"{kind.name}.{field}" for field in kind.fields}
        if isinstance(kind, GraphQLObjectType):
            names |= {f"{kind.name}.{field}({argument})" for field, one in kind.fields.items() for argument in one.args}
    return names


async def columns(urls: Urls) -> set[str]:
    """Every column of every table, as `table.column`."""
    found = await rows(
        urls, "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    return {str(name) for (name,) in found}


async def values_of_tables(urls: Urls) -> set[str]:
    """Every word that a CHECK allows: where others have enums, our tables list them."""
    found = await rows(urls, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c'")
    return {word for (text,) in found for word in re.findall(r"'([A-Za-z_]+)'", str(text))}


def lists(field: GraphQLField) -> bool:
    kind = field.type
    while not is_named_type(kind):
        if is_list_type(kind):
            return True
        kind = kind.of_type
    return False


def members(kind: GraphQLNamedType) -> set[str]:
    """The object types of a value. A Node of any kind is somebody's own, and is checked when it is looked for."""
    if isinstance(kind, GraphQLUnionType):
        return {one.name for one in kind.types}
    return {kind.name} if isinstance(kind, GraphQLObjectType) else set()


def fields_of(name: str) -> dict[str, GraphQLField]:
    kind = SCHEMA.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    return kind.fields


def open_fields(name: str, role: Role) -> Iterator[GraphQLField]:
    for field, definition in fields_of(name).items():
        if role in access.FIELDS.get(f"{name}.{field}", access.EVERYONE):
            yield definition


def reachable(role: Role, roots: Iterable[GraphQLField]) -> tuple[set[str], list[GraphQLField]]:
    """Every type and every field to which these root fields lead."""
    waiting, types, met = list(roots), set[str](), list[GraphQLField]()
    while waiting:
        field = waiting.pop()
        met.append(field)
        fresh = members(get_named_type(field.type)) - types
        types |= fresh
        waiting += [one for name in fresh for one in open_fields(name, role)]
    return types, met


def held(name: str, role: Role, seen: set[str]) -> set[str]:
    """What one value of a type holds without another list in between."""
    if name not in seen:
        seen.add(name)
        for field in open_fields(name, role):
            if not lists(field):
                for one in members(get_named_type(field.type)):
                    held(one, role, seen)
    return seen


def roots_of(role: Role) -> list[GraphQLField]:
    tables = {"query": access.QUERIES, "mutation": access.MUTATIONS}
    asked = [field for operation, name, field in root_fields() if role in tables[operation].get(name, frozenset())]
    assert SCHEMA.subscription_type is not None
    pushed = SCHEMA.subscription_type.fields.items()
    return asked + [field for name, field in pushed if role in access.SUBSCRIPTIONS[name]]


def refused(folder: Path, anchor: str, old: str, new: str) -> set[str]:
    """The rules by which Rongcheng's file is refused after one change."""
    return {rule for rule, _ in found(problems_of(folder / "town.toml", edited(anchor, old, new)))}


def refused_products(folder: Path, anchor: str, *keys: str) -> dict[str, set[str]]:
    """The rules by which each of these keys is refused beside the code of a product or an item."""
    return {key: refused(folder, anchor, anchor, f"{anchor}\n{key} = 1") for key in keys}


# ---------------------------------------------------------------- R1 to R25


TAKING = "sanction sanctions penalty penalties punish punishment fine fines ban banned barred blacklist redlist \
    blacklisted downgrade downgraded surcharge forfeit debar disqualify restriction restrictions"


async def test_r01_nothing_can_say_that_something_is_taken_away(urls: Urls) -> None:
    assert saying(["Penalty.amountFen", "citizen.banned_until", "BLACKLIST"], TAKING) != set()
    assert saying(names_of_schema(), TAKING) == set()
    assert saying(await columns(urls), TAKING) == set()
    assert saying(await values_of_tables(urls), TAKING) == set()


def test_r01_every_product_names_what_everybody_has_and_no_key_takes_away(tmp_path: Path) -> None:
    assert all(product.baseline.zh and product.baseline.en for city in CITIES for product in city.products)
    assert refused(tmp_path, 'code = "bus-40"', "baseline = {", "was_baseline = {") >= {"R25"}
    taking = [key for key, rule in REFUSED_KEYS.items() if rule == "R1"]
    assert set().union(*refused_products(tmp_path, 'code = "bus-40"', *taking).values()) == {"R1"}


def test_r02_essential_services_are_no_area_of_a_product(tmp_path: Path) -> None:
    assert {area.value for area in ProductArea}.isdisjoint(FORBIDDEN_AREAS)
    for area in FORBIDDEN_AREAS:
        assert refused(tmp_path, 'code = "bus-40"', 'area = "TRANSIT"', f'area = "{area}"') == {"R2"}, area


PRIVATE = "POLITICS SPEECH PETITION COMPLAINT RELIGION ETHNICITY FAMILY_PLANNING SEXUAL_LIFE UNION PARTY HEALTH \
    GENETICS BIOMETRICS"


@pytest.mark.parametrize("category", PRIVATE.split())
def test_r03_no_item_is_about_what_people_believe_say_or_are(tmp_path: Path, category: str) -> None:
    assert category not in set(ItemCategory)
    item = 'code = "library-on-time"'
    assert refused(tmp_path, item, 'category = "LIBRARY"', f'category = "{category}"') == {"R3"}


@pytest.mark.parametrize("role", sorted(NO_OFFICE))
def test_r04_no_list_of_people_is_within_reach_of_citizens_shops_departments_or_strangers(role: Role) -> None:
    persons = {
        name
        for name, kind in SCHEMA.type_map.items()
        if isinstance(kind, GraphQLObjectType) and LOOK_LIKE_PERSONS & kind.fields.keys()
    }
    assert {"Citizen", "CitizenFile", "Participant", "RosterEntry"} <= persons
    _, met = reachable(role, roots_of(role))
    listed = {name for field in met if lists(field) for name in members(get_named_type(field.type))}
    assert len(listed) > 5
    # What is recorded of a volunteer names their number: they list their own, as organisers list their own desk's.
    known = STAFF | ({"VolunteerRecord"} if role in PERSON_ROLES else set())
    assert {name: held(name, role, set()) & persons - known for name in listed} == {name: set() for name in listed}


def test_r04_an_organiser_does_see_a_list_of_participants_so_the_walk_would_find_one() -> None:
    _, met = reachable(Role.ORGANISER, roots_of(Role.ORGANISER))
    listed = {name for field in met if lists(field) for name in members(get_named_type(field.type))}
    assert "RosterEntry" in listed
    assert "Participant" in held("RosterEntry", Role.ORGANISER, set())


def test_r05_every_item_and_every_product_belongs_to_one_field_of_life() -> None:
    for city in CITIES:
        known = {field.code for field in city.rule_set.fields}
        assert {item.field for item in city.rule_set.items} <= known
        assert {product.field for product in city.products} <= known | {"general"}
        demerits = {item.field for item in city.rule_set.items if not item.merit}
        assert len({product.field for product in city.products} & demerits) == len(demerits)


def test_r06_the_cities_ship_one_demerit_each_with_number_law_and_final_document() -> None:
    demerits = [item for city in CITIES for item in city.rule_set.items if not item.merit]
    assert len(demerits) == len(CITIES) == 8
    assert all(item.catalogue and item.legal_basis.zh and item.document_required for item in demerits)


@pytest.mark.parametrize(
    ("old", "new"),
    [("document_required = true", "document_required = false"), ("legal_basis = {", "was_legal_basis = {")],
)
def test_r06_a_demerit_without_one_of_them_is_not_loadable(tmp_path: Path, old: str, new: str) -> None:
    assert "R6" in refused(tmp_path, 'code = "utility-debt-judgment"', old, new)


def test_r07_nobody_is_moved_ahead_unless_a_product_says_so_and_never_in_a_hospital(tmp_path: Path) -> None:
    assert next(one.default for one in fields(Product) if one.name == "priority") is False
    assert [product.code for city in CITIES for product in city.products if product.priority] == []
    ahead = refused(
        tmp_path, 'code = "hospital-escort"', 'provider = "hospital"', 'provider = "hospital"\npriority = true'
    )
    assert ahead == {"R7"}


async def test_r08_points_are_one_fixed_number_or_tiers_never_a_range(tmp_path: Path, urls: Urls) -> None:
    for city in CITIES:
        assert all((item.points is None) == bool(item.tiers) for item in city.rule_set.items)
    assert {name for name in await columns(urls) if "points" in name and name.startswith("rule_item.")} == {
        "rule_item.points",
        "rule_item.cap_points",
    }
    ranges = [key for key, rule in REFUSED_KEYS.items() if rule == "R8"]
    assert set().union(*refused_products(tmp_path, 'code = "library-on-time"', *ranges).values()) >= {"R8"}


def test_r08_every_rule_can_be_read_on_one_screen() -> None:
    for city in CITIES:
        for item in city.rule_set.items:
            assert len(item.title.zh + item.legal_basis.zh + item.evidence.zh) <= 160, item.code
            assert len(item.title.en + item.legal_basis.en + item.evidence.en) <= 320, item.code


@pytest.mark.parametrize("role", [Role.SOURCE, Role.ORGANISER, *sorted(SHOP)])
def test_r09_nothing_that_others_are_told_has_a_word_for_who_joined_declined_or_left(role: Role) -> None:
    types, _ = reachable(role, roots_of(role))
    own = {name for name in types - STAFF if access.TYPES.get(name, access.EVERYONE) != access.EVERYONE}
    named = {f"{name}.{field}" for name in own for field in fields_of(name)}
    assert len(named) > 10
    assert (
        saying(named, "joined joins member members membership consent consents declined opted left withdrew") == set()
    )


PERSONAL = frozenset({
    *("Citizen", "CitizenFile", "Score", "ScoreLine", "ScoreChange", "ScoreForecast", "FieldPoints", "Record"),
    *("Benefit", "Decision", "ConditionResult", "NextStep", "Receipt", "Presentation", "Household", "Consent"),
})  # fmt: skip


@pytest.mark.parametrize("role", sorted(SHOP))
def test_r10_no_score_grade_or_name_is_within_reach_of_a_shop(role: Role) -> None:
    roots = [field for field in roots_of(role) if field not in roots_of(Role.ANONYMOUS)]
    types, _ = reachable(role, roots)
    assert {"ScanAnswer", "DeskRedemption", "Statement"} <= types
    assert types & PERSONAL == set()
    # What everybody may read of rules and products stays out of it: there the thresholds are public.
    own = {name for name in types if access.TYPES.get(name, access.EVERYONE) != access.EVERYONE}
    named = {f"{name}.{field}" for name in own for field in fields_of(name)}
    assert saying(named, "score points grade band rank citizen person volunteer birth age") == set()


async def test_r10_the_rows_of_a_shop_hold_no_person_and_its_reasons_speak_of_the_code(urls: Urls) -> None:
    sale = {name for name in await columns(urls) if name.split(".")[0] in ("redemption", "statement_payment")}
    assert "redemption.receipt_number" in sale
    assert saying(sale, "citizen person pseudonym score points grade band name") == set()
    reasons = SCHEMA.type_map["ScanReason"]
    assert isinstance(reasons, GraphQLEnumType)
    assert set(reasons.values) == {"OK", "CODE_EXPIRED", "CODE_USED", "NOT_VALID", "WRONG_PLACE", "TRY_AGAIN"}


def test_r11_no_lender_has_a_role_and_nobody_asks_about_many_people_at_once() -> None:
    assert (
        saying({role.value for role in Role} | {kind.value for kind in OrganisationKind}, "lender bank bureau") == set()
    )
    bulk = {
        name
        for _, name, field in root_fields()
        for argument, definition in field.args.items()
        if is_list_of(definition.type) and split(argument) & {"citizens", "people", "persons", "refs", "numbers"}
    }
    assert bulk == set()
    # Departments name people when they deliver, and the answer tells nothing about any of them.
    _, met = reachable(Role.SOURCE, [field for _, name, field in root_fields() if name == "importRecords"])
    types = {name for field in met for name in members(get_named_type(field.type))}
    assert types == {"ImportReport", "ImportRun", "RefusedRecord", "UserError"}


def is_list_of(kind: object) -> bool:
    return "[" in str(kind)


def test_r11_better_terms_of_a_loan_are_carried_by_the_citizen(tmp_path: Path) -> None:
    loans = [product for city in CITIES for product in city.products if isinstance(product.shape, TermsUplift)]
    assert len(loans) >= 5
    assert {product.redeemed_by for product in loans} == {RedeemPath.COUNTER}
    account = 'redeemed_by = "ACCOUNT"\naccount_kind = "CITIZEN_CARD"'
    assert refused(tmp_path, 'code = "loan-terms"', 'redeemed_by = "COUNTER"', account) == {"R11"}


def test_r12_whatever_concerns_a_person_can_be_objected_to_within_clocks_that_run(tmp_path: Path) -> None:
    targets = SCHEMA.type_map["ObjectionTarget"]
    assert isinstance(targets, GraphQLEnumType)
    concerns = {"RECORD", "SCORE", "DECISION", "REDEMPTION", "SERVICE", "ACCESS", "HOUSEHOLD"}
    assert concerns <= set(targets.values)
    assert refused(tmp_path, "[clocks]", "objection_days = 3", "objection_days = 0") >= {"R12"}
    assert all("dueOn" in fields_of(name) for name in ("Objection", "Repair"))


def test_r13_no_city_counts_an_adverse_record_longer_than_five_years(tmp_path: Path) -> None:
    demerits = [item for city in CITIES for item in city.rule_set.items if not item.merit]
    assert all(item.valid_months <= 60 and item.repair_class is not None for item in demerits)
    judgment = 'code = "utility-debt-judgment"'
    assert refused(tmp_path, judgment, "valid_months = 24", "valid_months = 61") == {"R13"}


LEARNING = "sklearn torch tensorflow keras xgboost lightgbm catboost transformers onnx onnxruntime joblib numpy scipy"


def test_r14_people_review_and_no_learned_model_or_dice_decide() -> None:
    assert "askForReview" in access.MUTATIONS
    assert access.MUTATIONS["decideObjection"] == access.OFFICE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert saying([re.split(r"[\[>=<;]", one)[0] for one in project["dependencies"]], LEARNING) == set()
    for module in (conditions, decision, population, relief, standing):
        tree = ast.parse(inspect.getsource(module))
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        foreign = {name.split(".")[0] for name in imported} - {"domain"}
        assert foreign <= {"collections", "dataclasses", "datetime", "enum", "typing", "zoneinfo"}, module.__name__


@pytest.mark.parametrize("category", [one for one, rule in FORBIDDEN_CATEGORIES.items() if rule == "R15"])
def test_r15_education_job_income_rank_awards_and_donations_earn_nothing(tmp_path: Path, category: str) -> None:
    item = 'code = "library-on-time"'
    assert refused(tmp_path, item, 'category = "LIBRARY"', f'category = "{category}"') == {"R15"}


def test_r16_hours_are_capped_have_no_minimum_and_are_counted_for_no_employer_or_school(tmp_path: Path) -> None:
    assert all(0 < city.volunteer_yearly_hours <= 1000 and city.volunteer_daily_hours <= 12 for city in CITIES)
    assert refused(tmp_path, "code", "volunteer_yearly_hours = 400", "volunteer_yearly_hours = 0") >= {"R16"}
    assert SCHEMA.mutation_type is not None
    asked = set(SCHEMA.mutation_type.fields["requestRepair"].args)
    assert asked == {"recordId", "statement", "attachments", "idempotencyKey"}
    settings = {one.name for one in fields(ProgrammeDocument)}
    assert saying(settings, "minimum quota") == {"volunteer_minimum_age"}
    named = {f"{name}.{field}" for name in ("Organisation", "Merchant", "OrganiserDesk") for field in fields_of(name)}
    assert saying(named, "hours quota total members employees pupils students") == set()


async def test_r17_no_volunteer_confirms_and_whoever_does_stays_on_record(urls: Urls) -> None:
    for deciding in ("confirmServices", "countersignAttendance", "correctService"):
        assert access.MUTATIONS[deciding].isdisjoint(access.PERSON)
    assert {"service_event.by_person", "service_event.role"} <= await columns(urls)
    assert "service_event" in APPEND_ONLY


async def test_r18_no_table_of_people_or_sales_holds_a_place(urls: Urls) -> None:
    placed = {name.split(".")[0] for name in await columns(urls) if split(name.split(".")[1]) & PLACES}
    assert "event" in placed
    assert placed == {"event", "organisation"}
    scanned = ("presentBenefit", "previewRedemption", "redeem", "checkIn", "checkOut", "claimBenefit")
    taken = {argument for _, name, field in root_fields() if name in scanned for argument in field.args}
    assert saying(taken, " ".join(PLACES)) == set()


async def test_r19_no_record_has_room_for_somebody_who_reported_another(tmp_path: Path, urls: Urls) -> None:
    informing = "reporter reporters informer informant witness whistleblower tipoff accuser patrol"
    assert saying(await columns(urls), informing) == set()
    assert saying(names_of_schema(), informing) == set()
    for category in (one for one, rule in FORBIDDEN_CATEGORIES.items() if rule == "R19"):
        item = 'code = "library-on-time"'
        assert refused(tmp_path, item, 'category = "LIBRARY"', f'category = "{category}"') == {"R19"}


def test_r20_no_product_and_no_programme_reaches_below_18(tmp_path: Path) -> None:
    assert refused(tmp_path, "[[products]]", 'kind = "AGE", minimum = 65', 'kind = "AGE", minimum = 16') >= {"R20"}
    assert refused(tmp_path, "code", "volunteer_minimum_age = 14", "volunteer_minimum_age = 7") >= {"R20"}


async def test_r21_a_record_belongs_to_one_person_and_no_score_knows_a_household(urls: Urls) -> None:
    scoring = ("credit_record", "record_document", "record_event", "score", "score_change")
    mine = {name for name in await columns(urls) if name.split(".")[0] in scoring}
    people = {name for name in mine if split(name.split(".")[1]) & {"citizen", "person"}}
    assert people == {f"{table}.citizen_id" for table in scoring}
    related = "household dwelling relative family spouse parent child employer"
    assert saying(mine, related) == set()
    assert saying(re.findall(r"\w+", lines_cte()), related) == set()
    assert saying({one.name for one in fields(Item)}, related) == set()


def test_r22_a_rule_set_names_its_day_and_no_key_lets_it_look_back(tmp_path: Path) -> None:
    looking_back = [key for key, rule in REFUSED_KEYS.items() if rule == "R22"]
    assert looking_back
    assert set().union(*refused_products(tmp_path, 'code = "library-on-time"', *looking_back).values()) >= {"R22"}
    demerits = [(item, city.rule_set) for city in CITIES for item in city.rule_set.items if not item.merit]
    assert all(item.facts_since and item.facts_since >= rules.effective_from for item, rules in demerits)


def test_r23_nobody_gives_points_by_hand_and_who_drafts_does_not_approve() -> None:
    by_hand = {
        f"{name}({argument})"
        for _, name, field in root_fields()
        for argument in field.args
        if split(argument) & {"points", "score", "grade", "band"}
    }
    assert by_hand == set()
    for drafting, approving in (("draftRuleSet", "approveRuleSet"), ("draftProduct", "approveProduct")):
        assert access.MUTATIONS[drafting].isdisjoint(access.MUTATIONS[approving])


async def test_r24_nothing_has_a_colour_a_rank_or_a_percentile(urls: Urls) -> None:
    stigma = (
        "colour color colours colors rank ranks ranking percentile quantile top leaderboard league badge dial shame"
    )
    assert saying(["Citizen.percentile", "citizen.colour"], stigma) != set()
    assert saying(names_of_schema(), stigma) == set()
    assert saying(await columns(urls), stigma) == set()
    assert saying(await values_of_tables(urls), stigma) == set()
    for city in CITIES:
        low = [band for band in city.rule_set.bands if (band.max_points or 10**9) <= city.rule_set.base_points]
        assert [band.code for band in low if band.label is not None] == []


async def test_r25_a_product_stands_on_a_baseline_with_the_day_it_was_checked(tmp_path: Path, urls: Urls) -> None:
    nullable = await rows(
        urls,
        "SELECT is_nullable FROM information_schema.columns"
        " WHERE table_name = 'product' AND column_name = 'baseline_checked_on'",
    )
    assert nullable == [("NO",)]
    assert refused(tmp_path, 'code = "bus-40"', "baseline_checked_on =", "was_checked_on =") >= {"R25"}


# ---------------------------------------------------------------- no rule without a test


def test_every_rule_has_a_test_that_is_named_after_it_and_no_test_a_rule_that_is_none() -> None:
    named: dict[int, list[str]] = {number: [] for number in range(1, len(RULES) + 1)}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in re.findall(r"^(?:async )?def (test_r\d+_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            number = re.match(r"test_r(\d\d)_", name)
            assert number is not None, f"{path.name}: {name} names its rule with two digits"
            named[int(number[1])].append(f"{path.name}::{name}")
    assert [f"R{number}" for number, tests in named.items() if not tests] == []
