"""What no programme may be built on, word by word, with the rule that forbids it and the reason.

R-numbers are those of the README's list of refusals.
"""

from collections.abc import Mapping
from typing import Final

from domain.programmes.rules.terms import ItemCategory, ProductArea

RULES: Final[Mapping[str, str]] = {
    "R1": "points open extras and take nothing away",
    "R2": "essential services, rights and travel never depend on points",
    "R3": "politics, speech, petitions, belief, family planning, health, union and party life are not scored",
    "R4": "nobody is listed, published or ranked",
    "R5": "a record touches only the field of life it comes from",
    "R6": "a demerit rests on a catalogue number, a legal basis and a final document",
    "R7": "nobody is moved ahead in treatment, before the police or in court",
    "R8": "points are fixed and relief is exact; nothing is left to discretion",
    "R9": "joining is the citizen's own free choice, and leaving leaves no trace",
    "R10": "a shop or an employer never learns a score",
    "R11": "no lender and no bulk reader asks us about a person",
    "R12": "every record can be objected to",
    "R13": "no adverse record counts for more than five years",
    "R14": "rules are written by people; nothing is learned or decided by a model",
    "R15": "education, job, income, rank, party or state awards and donated money earn nothing",
    "R16": "service is voluntary: hours have no minimum, are capped, and never buy repair",
    "R17": "hours count only when two parties confirm them",
    "R18": "taking a benefit leaves no trail of places",
    "R19": "no point comes from informing on another person",
    "R20": "nobody under 18 is scored",
    "R21": "nobody answers for a relative, a household or an employer",
    "R22": "rules are published before they count and never work backwards",
    "R23": "points are never given by hand without a second person and a trace",
    "R24": "no colours, ranks or names for a low score",
    "R25": "a benefit is something more than what everybody has, checked on a date",
}


def _by_rule(**lines: str) -> Mapping[str, str]:
    """The rule of each word, from the words of each rule."""
    return {word: rule for rule, line in lines.items() for word in line.split()}


FORBIDDEN_CATEGORIES: Final[Mapping[str, str]] = _by_rule(
    R3="POLITICS SPEECH PETITION COMPLAINT RELIGION ETHNICITY FAMILY_PLANNING SEXUAL_LIFE UNION PARTY HEALTH"
    " GENETICS BIOMETRICS BLOOD",
    R8="OTHER OTHER_CIRCUMSTANCES DISCRETION",
    R15="EDUCATION SCHOOL JOB INCOME TAX WEALTH RANK AWARD PARTY_AWARD DONATION",
    R16="REPAIR_BY_HOURS DUTY_HOURS",
    R19="INFORMING REPORTING_OTHERS TIP_OFF",
    R21="HOUSEHOLD RELATIVE EMPLOYER",
)

FORBIDDEN_AREAS: Final[Mapping[str, str]] = _by_rule(
    R2="TREATMENT EMERGENCY SCHOOLING EDUCATION SOCIAL_ASSISTANCE SOCIAL_INSURANCE HOUSING EMPLOYMENT COURTS"
    " JUSTICE POLICE VOTING OFFICE TRAVEL RAIL FLIGHT BORDER",
)

# Where nobody may be moved ahead even though a fee may be eased.
NO_PRIORITY_AREAS: Final = frozenset({ProductArea.HOSPITAL_FEES})

REFUSED_VALUES: Final[Mapping[type, Mapping[str, str]]] = {
    ItemCategory: FORBIDDEN_CATEGORIES,
    ProductArea: FORBIDDEN_AREAS,
}

REFUSED_KEYS: Final[Mapping[str, str]] = _by_rule(
    R1="sanction sanctions penalty punishment surcharge price_up fine takes_away",
    R4="blacklist redlist public_list published_names leaderboard ranking",
    R8="points_from points_until points_min points_max points_range discretionary",
    R10="score_to_shop shows_score",
    R16="repair_hours buys_repair minimum_hours",
    R19="informer reported_by tip_off",
    R22="retroactive applies_before",
    R24="colour color rank percentile",
)

# A key that is missing is a form problem, unless a rule asks for it.
MISSING_KEYS: Final[Mapping[tuple[str, str], str]] = {
    ("Product", "baseline"): "R25",
    ("Product", "baseline_checked_on"): "R25",
    ("Item", "legal_basis"): "R6",
}

# Words that an item, a group or an activity may not be about, whatever category it claims.
FORBIDDEN_WORDS: Final[tuple[tuple[str, str], ...]] = (
    *(
        (word, "R3")
        for word in ("信访", "上访", "宗教", "民族", "计划生育", "生育", "入党", "党员", "工会", "网络言论")
    ),
    *((word, "R3") for word in ("petition", "religio", "ethnic", "family planning", "party member", "trade union")),
    *((word, "R15") for word in ("学历", "学位", "职称", "职务", "收入", "纳税", "捐款", "捐资", "劳动模范")),
    *((word, "R15") for word in ("degree", "salary", "income", "donation", "donated", "model worker")),
    *((word, "R16") for word in ("信用修复", "credit repair")),
    *((word, "R19") for word in ("举报", "线索", "检举", "tip-off", "informing on", "report on others")),
)

# What a product may not say of itself, whatever shape it claims.
PRODUCT_WORDS: Final[tuple[tuple[str, str], ...]] = (
    *((word, "R1") for word in ("加价", "加收", "罚款", "surcharge", "penalty", "fined")),
    *((word, "R4") for word in ("红名单", "黑名单", "红黑榜", "red list", "blacklist")),
    *(
        (word, "R7")
        for word in ("优先就诊", "优先救治", "插队", "priority treatment", "priority medical", "jump the queue")
    ),
)

# A label must not shame, colour or rank.
SHAMING_WORDS: Final = (
    *("不良", "失信", "较差", "很差", "警示", "黑", "红", "黄", "绿", "第", "名次", "排名"),
    *("poor", "bad", "dishonest", "untrust", "warning", "red", "green", "yellow", "black", "rank", "top "),
)


def why(rule: str) -> str:
    """The rule in words, to end a message with."""
    return RULES[rule]
