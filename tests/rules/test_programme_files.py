"""The eight programme files: they load, say what the sources say, and refuse what the sources punish.

`model-cities-2018.txt` holds eight city reports of 2018, public government reports published under the title
社会信用体系建设示范城市典型经验介绍, as they were collected; nothing in it is this project's text.
"""

import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from domain.programmes.rules.codec import from_json, to_json
from domain.programmes.rules.document import (
    MonthDay,
    Product,
    ProgrammeDocument,
    RuleSetDocument,
    Season,
    SourceMark,
    Tier,
)
from domain.programmes.rules.forbidden import RULES
from domain.programmes.rules.shapes import (
    SCORE_CONDITIONS,
    AmountOff,
    DepositWaiver,
    FastReview,
    GroupMember,
    HelpInKind,
    MinGrade,
    MinPoints,
    PayLater,
    PayRatio,
    QuantityFree,
    QuotaUplift,
    TermsUplift,
    TimeFree,
    VoucherPack,
)
from domain.programmes.rules.terms import (
    BudgetUnit,
    ConsentPurpose,
    EvidenceMark,
    OrganisationKind,
    RedeemPath,
    ServiceAccountKind,
    Window,
)
from domain.programmes.rules.windows import window_of
from domain.values import words
from seeds.loader import PROGRAMMES, check_file, read_file

CITIES = {
    "rongcheng": "荣成市",
    "yiwu": "义乌市",
    "weifang": "潍坊市",
    "weihai": "威海市",
    "wenzhou": "温州市",
    "huizhou": "惠州市",
    "suqian": "宿迁市",
    "xiamen": "厦门市",
}
REPORT = "report"
SOURCE = (Path(__file__).parent / "model-cities-2018.txt").read_text(encoding="utf-8").splitlines()

# Words by which a clause of the source may speak of taking away, listing, watching or informing.
PUNITIVE = re.compile(
    "黑名单|红名单|红黑|黑榜|惩|限制|限贷|取消|一票否决|列入|扣分|降级|举报|线索|曝光|处罚|禁止|拒绝|拦截|撤销|暂停|暂缓|清退|清除"
    "|警告|警示|拘留|公布|震慑|威慑|处分|处理|退出|停业|失信|违章|不予|提拔|干部|党|控制|规制|打击"
)

# Clauses with such a word that describe offices or aims, and ask for nothing that could be built.
ONLY_DESCRIBES = {
    "设立党政机关": "names a database of public bodies",
    "控制和防范信用风险": "says what lenders hope for",
    "带动引导社会各界和广大干部群众主动参与信用建设示范城市创建工作": "speaks of taking part in a campaign",
    "建立起“党委统筹部署": "names who leads the work",
}


def report_of(code: str) -> str:
    """The city's part of the source: the line below its heading."""
    heading = re.compile(rf"社会信用体系建设示范城市典型经验介绍之.+{CITIES[code]}")
    return next(SOURCE[at + 1] for at, line in enumerate(SOURCE) if heading.fullmatch(line))


@pytest.fixture(params=CITIES)
def programme(request: pytest.FixtureRequest) -> ProgrammeDocument:
    return load(request.param)


@cache
def load(code: str) -> ProgrammeDocument:
    return read_file(PROGRAMMES / f"{code}.toml")


def product_of(code: str, product: str) -> Product:
    return next(one for one in load(code).products if one.code == product)


def mark_of(marks: tuple[SourceMark, ...], key: str) -> EvidenceMark:
    return next(mark.evidence for mark in marks if mark.key == key)


def test_the_folder_holds_the_eight_cities_and_each_file_is_free_of_problems() -> None:
    assert {path.stem for path in PROGRAMMES.glob("*.toml")} == set(CITIES)
    assert {path.stem: check_file(path) for path in PROGRAMMES.glob("*.toml")} == {code: [] for code in CITIES}


def test_each_programme_says_that_it_is_an_illustration(programme: ProgrammeDocument) -> None:
    assert "an illustration after public reports of 2018, not the city's service" in programme.notice.en
    assert "2018年公开报道" in programme.notice.zh
    assert "不是该市的服务" in programme.notice.zh
    assert all(one.name.zh.endswith("(示例)") for one in programme.organisations)
    assert all(one.name.en.endswith("(example)") for one in programme.organisations)


def test_what_is_stored_reads_back_as_the_same_values(programme: ProgrammeDocument) -> None:
    assert from_json(RuleSetDocument, to_json(programme.rule_set)) == programme.rule_set
    assert tuple(from_json(Product, to_json(one)) for one in programme.products) == programme.products
    assert from_json(ProgrammeDocument, to_json(programme)) == programme


def test_every_consent_purpose_has_one_text_with_a_fingerprint(programme: ProgrammeDocument) -> None:
    assert [text.purpose for text in programme.consent_texts] == list(ConsentPurpose)
    digests = {text.digest for text in programme.consent_texts} | {programme.commitment_text.digest}
    assert len(digests) == 6
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


def test_the_counter_has_a_ratio_an_amount_and_a_deposit_at_any_date(programme: ProgrammeDocument) -> None:
    always = [
        product.shape
        for product in programme.products
        if product.redeemed_by == RedeemPath.COUNTER
        and (product.season, product.claim_window, product.available_from, product.available_until) == (None,) * 4
    ]
    for shapes in (PayRatio, (AmountOff, QuantityFree), DepositWaiver):
        assert any(isinstance(shape, shapes) for shape in always)


def test_ratios_are_paid_from_a_budget_in_fen_and_some_products_have_none(programme: ProgrammeDocument) -> None:
    ratios = [one.budget for one in programme.products if isinstance(one.shape, PayRatio)]
    assert all(budget is not None and budget.unit == BudgetUnit.FEN for budget in ratios)
    assert any(one.budget is None for one in programme.products)


def test_one_lawful_demerit_touches_only_products_of_its_own_field(programme: ProgrammeDocument) -> None:
    [demerit] = [item for item in programme.rule_set.items if not item.merit]
    entry = next(one for one in programme.catalogue if one.code == demerit.catalogue)
    assert demerit.document_required
    assert demerit.valid_months <= 60
    assert entry.retention_months <= 60
    assert {one.field for one in programme.products} > {demerit.field, "general"}


def test_a_gate_of_points_lies_within_the_hours_of_a_volunteer(programme: ProgrammeDocument) -> None:
    rules = programme.rule_set
    first = rules.volunteer_item().tiers[0]
    assert (first.above, first.per) == (0, 1)
    reach = rules.base_points + (first.until or 0)
    gates = [
        way[0].points
        for product in programme.products
        if product.field == "general"
        for way in product.ways
        if isinstance(way[0], MinPoints)
    ]
    assert any(rules.base_points < gate <= reach for gate in gates)


def test_r15_some_way_of_each_general_product_asks_for_no_score_and_no_strength(programme: ProgrammeDocument) -> None:
    for product in programme.products:
        if product.field == "general":
            assert any(all(one.kind not in SCORE_CONDITIONS for one in way) for way in product.ways)
            assert (GroupMember(group="assisted"),) in product.ways


def test_departments_volunteers_and_places_are_there(programme: ProgrammeDocument) -> None:
    kinds = {one.kind for one in programme.organisations}
    assert {OrganisationKind.DEPARTMENT, OrganisationKind.VOLUNTEER_BODY, OrganisationKind.UTILITY} <= kinds
    assert {one.kind for one in programme.places()} <= {OrganisationKind.MERCHANT, OrganisationKind.UTILITY}
    assert len(programme.places()) >= 5


def test_the_twelve_shapes_all_occur() -> None:
    shapes = {product.shape.kind for code in CITIES for product in load(code).products}
    assert len(shapes) == 12


def test_a_value_is_stated_or_published_only_with_a_source_that_is_named() -> None:
    for code in CITIES:
        document = load(code)
        marks = [*document.sources, *document.rule_set.sources]
        marks += [mark for item in document.rule_set.items for mark in item.sources]
        marks += [mark for entry in document.catalogue for mark in entry.sources]
        marks += [mark for product in document.products for mark in product.sources]
        for mark in marks:
            own = mark.evidence == EvidenceMark.ILLUSTRATIVE
            assert own == (mark.source == words("本示例自行设定,未见公开出处。", mark.source.en)), mark
            if mark.evidence == EvidenceMark.STATED_IN_SOURCE:
                assert CITIES[code] in mark.source.zh


# ---------------------------------------------------------------- what each city's sources say


def test_rongcheng_gives_300_yuan_of_heating_once_per_dwelling_and_season() -> None:
    heating = product_of("rongcheng", "heating-300")
    assert heating.shape == AmountOff(amount_fen=30000)
    assert (heating.redeemed_by, heating.account_kind) == (RedeemPath.ACCOUNT, ServiceAccountKind.HEATING)
    assert heating.claim_window == Season(opens=MonthDay(month=11, day=25), closes=MonthDay(month=12, day=31))
    assert (heating.allowance.quantity, heating.allowance.window, heating.allowance.per_household) == (
        1,
        Window.SEASON,
        True,
    )
    assert heating.ways[0] == (MinGrade(band="AAA"),)
    assert window_of(Window.SEASON, date(2026, 12, 1), heating.season) == (date(2026, 11, 15), date(2027, 4, 1))
    assert mark_of(heating.sources, "shape.amount_fen") == EvidenceMark.STATED_IN_SOURCE
    assert mark_of(heating.sources, "claim_window") == EvidenceMark.PUBLISHED
    assert mark_of(heating.sources, "budget") == EvidenceMark.ILLUSTRATIVE


def test_rongcheng_gives_water_bus_deposits_and_the_loan_voucher() -> None:
    water = product_of("rongcheng", "water-30")
    assert isinstance(water.shape, QuantityFree)
    assert (water.shape.quantity, water.shape.unit) == (30, words("方", "m³"))
    assert product_of("rongcheng", "bus-40").shape == PayRatio(pay_percent=40, max_relief_fen=600)
    assert product_of("rongcheng", "library-deposit").shape == DepositWaiver(max_deposit_fen=20000, max_days=60)
    assert product_of("rongcheng", "hospital-deposit").shape == DepositWaiver(max_deposit_fen=500000, max_days=30)
    loan = product_of("rongcheng", "loan-terms")
    assert loan.shape == TermsUplift(rate_percent=70, extra_limit_percent=20, extra_months=12)
    assert mark_of(loan.sources, "shape.rate_percent") == EvidenceMark.STATED_IN_SOURCE
    assert mark_of(loan.sources, "shape.extra_months") == EvidenceMark.ILLUSTRATIVE


def test_rongcheng_starts_at_1000_and_shows_no_grade_below_960() -> None:
    rules = load("rongcheng").rule_set
    assert [(band.code, band.min_points, band.max_points, band.label is None) for band in rules.bands] == [
        ("ENTRY", 0, 960, True),
        ("A", 960, 1030, False),
        ("AA", 1030, 1050, False),
        ("AAA", 1050, None, False),
    ]
    assert rules.band_at(1049).code == "AA"
    assert rules.band_at(1050).code == "AAA"
    assert mark_of(rules.sources, "base_points") == EvidenceMark.BACKGROUND
    with pytest.raises(ValueError, match="no band holds -1 points"):
        rules.band_at(-1)


def test_yiwu_scores_0_to_200_from_100_and_opens_parking_and_bus_at_120() -> None:
    rules = load("yiwu").rule_set
    assert (rules.floor_points, rules.base_points, rules.ceiling_points) == (0, 100, 200)
    assert len(rules.bands) == 6
    for code in ("parking", "bus"):
        product = product_of("yiwu", code)
        assert product.ways[0] == (MinPoints(points=120),)
        assert mark_of(product.sources, "ways.1") == EvidenceMark.STATED_IN_SOURCE
        assert mark_of(product.sources, "shape.pay_percent") == EvidenceMark.ILLUSTRATIVE
    assert product_of("yiwu", "parking").account_kind == ServiceAccountKind.PLATE
    [debt] = [item for item in rules.items if not item.merit]
    assert (debt.points, mark_of(debt.sources, "points")) == (-3, EvidenceMark.PUBLISHED)
    assert product_of("yiwu", "vehicle-check").shape == FastReview(working_days=1)


def test_weihai_pays_falling_points_for_hours_without_a_cap() -> None:
    hours = load("weihai").rule_set.volunteer_item()
    assert hours.tiers == (
        Tier(above=0, until=20, per=1),
        Tier(above=20, until=80, per=2),
        Tier(above=80, until=200, per=3),
        Tier(above=200, until=None, per=4),
    )
    assert hours.cap_points is None
    assert mark_of(hours.sources, "tiers") == EvidenceMark.PUBLISHED
    assert mark_of(hours.sources, "tier_window") == EvidenceMark.ILLUSTRATIVE
    assert product_of("weihai", "pay-later").shape == PayLater(max_fen=100000, days=10)


def test_xiamen_opens_at_530_650_and_680_with_five_bands_of_which_two_show_no_name() -> None:
    rules = load("xiamen").rule_set
    assert [band.min_points for band in rules.bands] == [0, 350, 530, 650, 680]
    assert [band.label and band.label.zh for band in rules.bands] == [None, None, "良好", "优秀", "极好"]
    gates = {
        code: product_of("xiamen", code).ways[0] for code in ("parking-time", "parking-later-lots", "parking-ratio")
    }
    assert gates == {
        "parking-time": (MinPoints(points=530),),
        "parking-later-lots": (MinPoints(points=650),),
        "parking-ratio": (MinPoints(points=680),),
    }
    assert product_of("xiamen", "parking-time").shape == TimeFree(minutes=30)
    assert product_of("xiamen", "parking-ratio").shape == PayRatio(pay_percent=90, max_relief_fen=1000)
    assert mark_of(rules.sources, "bands.FINE.label") == EvidenceMark.PUBLISHED
    assert mark_of(rules.sources, "base_points") == EvidenceMark.ILLUSTRATIVE


def test_suqian_has_its_four_fields_and_every_named_indicator_is_loaded_or_refused() -> None:
    suqian = load("suqian")
    assert [field.title.zh for field in suqian.rule_set.fields] == ["商务", "社会管理", "司法判决", "表彰荣誉"]
    assert mark_of(suqian.rule_set.sources, "fields.commerce.title") == EvidenceMark.STATED_IN_SOURCE
    assert len(suqian.rule_set.bands) == 8
    loaded = {item.title.zh for item in suqian.rule_set.items}
    refused = {one.phrase for one in suqian.refused if one.named_by != REPORT}
    assert "经确认的志愿服务时长" in loaded
    assert "生效判决确认的水电欠费" in loaded
    assert refused == {
        "献血",
        "捐献骨髓",
        "劳动模范",
        "逾期还贷",
        "交通违法",
        "刑事判决",
        "水电欠费“20分或以上”",
    }
    [debt] = [item for item in suqian.rule_set.items if not item.merit]
    assert (debt.points, mark_of(debt.sources, "points")) == (-20, EvidenceMark.PUBLISHED)


def test_weifang_lends_eight_books_for_ninety_days() -> None:
    books = product_of("weifang", "books-8")
    assert books.shape == QuotaUplift(quantity=8, unit=words("本", "books"), loan_days=90)
    assert mark_of(books.sources, "shape") == EvidenceMark.PUBLISHED


def test_wenzhou_lends_to_young_volunteers_on_the_citizen_card_and_its_shops_commit_themselves() -> None:
    books = product_of("wenzhou", "young-volunteers-books")
    assert (books.redeemed_by, books.account_kind) == (RedeemPath.ACCOUNT, ServiceAccountKind.CITIZEN_CARD)
    assert books.ways[0][0] == GroupMember(group="young-volunteers")
    street = product_of("wenzhou", "honest-street")
    assert (street.provider, *street.also_at) == ("five-horses-tea", "five-horses-shoes", "renmin-bakery")
    pack = product_of("wenzhou", "honesty-day-pack")
    assert isinstance(pack.shape, VoucherPack)
    assert pack.season == Season(opens=MonthDay(month=8, day=8), closes=MonthDay(month=8, day=14))


def test_huizhou_helps_farmers_with_supplies_and_advice() -> None:
    assert product_of("huizhou", "farm-supplies").title.zh.startswith("惠农助农")
    advice = product_of("huizhou", "farm-advice")
    assert advice.title.zh.startswith("科技指导")
    assert isinstance(advice.shape, HelpInKind)


# ---------------------------------------------------------------- what is refused from the source


def test_each_refused_phrase_of_the_report_stands_in_the_city_s_part(programme: ProgrammeDocument) -> None:
    text = report_of(programme.code)
    phrases = [one.phrase for one in programme.refused if one.named_by == REPORT]
    assert [phrase for phrase in phrases if phrase not in text] == []
    assert len(set(phrases)) == len(phrases)
    assert all(one.rule in RULES for one in programme.refused)


def test_every_punitive_clause_of_the_report_is_refused(programme: ProgrammeDocument) -> None:
    text = report_of(programme.code)
    refused = [one.phrase for one in programme.refused if one.named_by == REPORT]
    spans = [(text.index(phrase), text.index(phrase) + len(phrase)) for phrase in refused]
    clauses = list(re.finditer(r"[^,\uff0c。;\uff1b、:\uff1a!\uff01.]+", text))
    open_clauses = {
        clause.group().strip()
        for clause in clauses
        if PUNITIVE.search(clause.group())
        and not any(start < clause.end() and clause.start() < end for start, end in spans)
    }
    assert open_clauses - ONLY_DESCRIBES.keys() == set()


def test_the_refusals_are_counted_by_city() -> None:
    counted = {code: len(load(code).refused) for code in CITIES}
    assert counted == {
        "rongcheng": 19,
        "yiwu": 18,
        "weifang": 22,
        "weihai": 21,
        "wenzhou": 14,
        "huizhou": 19,
        "suqian": 27,
        "xiamen": 19,
    }


def test_a_title_of_the_school_commitments_is_all_the_source_has_and_no_pupil_is_scored() -> None:
    assert SOURCE[-2:] == ["丹东新区鹰桥(国际)学校信用承诺书", "丹东市银杏电力职业培训学校信用承诺书"]
    organisations = [one for code in CITIES for one in load(code).organisations]
    assert OrganisationKind.SCHOOL not in {one.kind for one in organisations}
