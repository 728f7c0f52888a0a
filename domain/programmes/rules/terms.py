"""The closed lists of a programme document: every word that a file may use, and no other."""

from enum import StrEnum


class EvidenceMark(StrEnum):
    """Where a value comes from; what nobody states is ILLUSTRATIVE."""

    STATED_IN_SOURCE = "STATED_IN_SOURCE"
    PUBLISHED = "PUBLISHED"
    BACKGROUND = "BACKGROUND"
    ILLUSTRATIVE = "ILLUSTRATIVE"


class RepairClass(StrEnum):
    """How grave an adverse record is, by which its repair waits longer (国办发〔2025〕22号)."""

    MINOR = "MINOR"
    GENERAL = "GENERAL"
    SERIOUS = "SERIOUS"


class StartDate(StrEnum):
    """The date of a record from which it counts."""

    OCCURRED = "OCCURRED"
    ENDED = "ENDED"
    DETERMINED = "DETERMINED"


class Window(StrEnum):
    """The stretch of time over which a cap, a tier, an allowance or a budget is counted."""

    USE = "USE"
    DAY = "DAY"
    MONTH = "MONTH"
    SEASON = "SEASON"
    CALENDAR_YEAR = "CALENDAR_YEAR"
    ROLLING_YEAR = "ROLLING_YEAR"
    PROGRAMME = "PROGRAMME"


class FactPart(StrEnum):
    """What two reports must share to be one fact."""

    ITEM = "item"
    OCCURRED_ON = "occurredOn"
    ENDED_ON = "endedOn"
    DETERMINED_ON = "determinedOn"
    QUANTITY = "quantity"
    DOCUMENT_ID = "documentId"
    SOURCE = "source"


class ItemCategory(StrEnum):
    """What an item may be about; the forbidden subjects are in `forbidden.py` with their rule."""

    VOLUNTEERING = "VOLUNTEERING"
    LIBRARY = "LIBRARY"
    TRAINING = "TRAINING"
    COMMUNITY = "COMMUNITY"
    CULTURE = "CULTURE"
    ENVIRONMENT = "ENVIRONMENT"
    ROAD_SAFETY = "ROAD_SAFETY"
    KEPT_PROMISE = "KEPT_PROMISE"
    PUBLIC_UTILITY = "PUBLIC_UTILITY"
    PARKING = "PARKING"
    TRANSIT = "TRANSIT"
    CONTRACT = "CONTRACT"
    COURT_JUDGMENT = "COURT_JUDGMENT"
    BRAVERY = "BRAVERY"
    FARMING = "FARMING"


class ProductArea(StrEnum):
    """The part of life that a product eases; what must never depend on points is in `forbidden.py`."""

    HEATING = "HEATING"
    WATER = "WATER"
    TRANSIT = "TRANSIT"
    PARKING = "PARKING"
    VEHICLE = "VEHICLE"
    LIBRARY = "LIBRARY"
    HOSPITAL_FEES = "HOSPITAL_FEES"
    CULTURE = "CULTURE"
    SPORT = "SPORT"
    TOURISM = "TOURISM"
    RETAIL = "RETAIL"
    RENTAL = "RENTAL"
    LOAN_TERMS = "LOAN_TERMS"
    BUSINESS_LICENCE = "BUSINESS_LICENCE"
    FARMING = "FARMING"
    ADVICE = "ADVICE"


class OrganisationKind(StrEnum):
    """Who an organisation is; products are given by a MERCHANT or a UTILITY."""

    MERCHANT = "MERCHANT"
    VOLUNTEER_BODY = "VOLUNTEER_BODY"
    SCHOOL = "SCHOOL"
    DEPARTMENT = "DEPARTMENT"
    UTILITY = "UTILITY"


class RedeemPath(StrEnum):
    """COUNTER: a code is scanned. ACCOUNT: claimed to a service account, confirmed by the provider."""

    COUNTER = "COUNTER"
    ACCOUNT = "ACCOUNT"


class ServiceAccountKind(StrEnum):
    """Which account a claim goes to."""

    HEATING = "HEATING"
    WATER = "WATER"
    PLATE = "PLATE"
    TRANSIT_CARD = "TRANSIT_CARD"
    LIBRARY_CARD = "LIBRARY_CARD"
    CITIZEN_CARD = "CITIZEN_CARD"


class ConditionKind(StrEnum):
    """What a condition asks; the last four are implied by the product and never written in a file."""

    MIN_POINTS = "MIN_POINTS"
    MIN_GRADE = "MIN_GRADE"
    MIN_FIELD_POINTS = "MIN_FIELD_POINTS"
    MIN_VOLUNTEER_HOURS = "MIN_VOLUNTEER_HOURS"
    MIN_STARS = "MIN_STARS"
    GROUP_MEMBER = "GROUP_MEMBER"
    AGE = "AGE"
    RESIDENCE = "RESIDENCE"
    WINDOW_OPEN = "WINDOW_OPEN"
    ALLOWANCE_LEFT = "ALLOWANCE_LEFT"
    BUDGET_LEFT = "BUDGET_LEFT"
    CONSENT = "CONSENT"


class RegistrationKind(StrEnum):
    """How a citizen is registered in the city: household register or residence permit."""

    REGISTERED = "REGISTERED"
    PERMIT = "PERMIT"


class ConsentPurpose(StrEnum):
    """What the programme asks consent for, each by itself."""

    SCORE = "score"
    BENEFITS = "benefits"
    VOLUNTEERING = "volunteering"
    ACCOUNT = "account"
    HOUSEHOLD = "household"


class AllowanceMeasure(StrEnum):
    """What uses up an allowance: each use by one, or the relief in the unit of the shape."""

    USES = "USES"
    RELIEF = "RELIEF"


class BudgetUnit(StrEnum):
    """What a budget is kept in: fen, or pieces of the product."""

    FEN = "FEN"
    PIECES = "PIECES"
