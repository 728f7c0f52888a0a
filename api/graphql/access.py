"""Who may use what: one decision for every root field and every type, enforced in one place.

A field that nobody has decided on is refused to everybody, and a test names it. Absent and forbidden objects answer
alike, because an object is only ever looked for among the caller's own.
"""

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Any, Final, cast

from graphql import (
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    default_field_resolver,
    get_nullable_type,
    is_list_type,
)

from api.graphql.context import Context
from api.graphql.errors import user_error
from domain.actor import PERSON_ROLES, SHOP_ROLES, Role
from domain.errors import DomainError, NotAllowed
from domain.values import words

Roles = frozenset[Role]

EVERYONE: Final[Roles] = frozenset(Role) - {Role.WORKER}
CITIZEN: Final[Roles] = frozenset({Role.CITIZEN})
PERSON: Final[Roles] = PERSON_ROLES
VOLUNTEER: Final[Roles] = frozenset({Role.VOLUNTEER})
SHOP: Final[Roles] = SHOP_ROLES
MANAGER: Final[Roles] = frozenset({Role.MANAGER})
ORGANISER: Final[Roles] = frozenset({Role.ORGANISER})
OFFICER: Final[Roles] = frozenset({Role.OFFICER})
OFFICE: Final[Roles] = frozenset({Role.OFFICER, Role.APPROVER})
APPROVER: Final[Roles] = frozenset({Role.APPROVER})
SOURCE: Final[Roles] = frozenset({Role.SOURCE})
AUDITOR: Final[Roles] = frozenset({Role.AUDITOR})
SIGNED_IN: Final[Roles] = EVERYONE - {Role.ANONYMOUS}

QUERIES: Final[Mapping[str, Roles]] = {
    "programmes": EVERYONE,
    "programme": EVERYONE,
    "product": EVERYONE,
    "merchants": EVERYONE,
    "events": EVERYONE,
    "verifyCertificate": EVERYONE,
    "node": EVERYONE,
    "me": PERSON,
    "volunteer": PERSON,
    "desk": SHOP,
    "organiser": ORGANISER,
    "source": SOURCE,
    "office": OFFICE,
    "audit": AUDITOR,
}

MUTATIONS: Final[Mapping[str, Roles]] = {
    # The citizen: joining and rights.
    "enrol": CITIZEN,
    "giveConsent": PERSON,
    "withdrawConsent": PERSON,
    "withdraw": PERSON,
    "presenceCode": CITIZEN,
    "attach": PERSON,
    "objectTo": PERSON,
    "withdrawObjection": PERSON,
    "askForReview": PERSON,
    "requestRepair": CITIZEN,
    "declineRecord": CITIZEN,
    "exportMyData": PERSON,
    "eraseMyData": PERSON,
    "markNoticesRead": PERSON,
    # The citizen: benefits.
    "presentBenefit": CITIZEN,
    "linkAccount": CITIZEN,
    "unlinkAccount": CITIZEN,
    "claimBenefit": CITIZEN,
    "signMyCommitment": CITIZEN,
    "cancelPresentation": CITIZEN,
    "reserveBenefit": CITIZEN,
    "cancelReservation": CITIZEN,
    # The volunteer.
    "registerVolunteer": PERSON,
    "signUp": PERSON,
    "cancelSignUp": PERSON,
    "checkIn": PERSON,
    "checkOut": PERSON,
    "guardianCode": PERSON,
    "issueCertificate": PERSON,
    "countEarlierHours": PERSON,
    "declineVolunteerRecord": PERSON,
    # The organiser.
    "publishEvent": ORGANISER,
    "changeEvent": ORGANISER,
    "cancelEvent": ORGANISER,
    "attendanceCode": ORGANISER,
    "enterAttendance": ORGANISER,
    "countersignAttendance": ORGANISER,
    "addVolunteerRecord": ORGANISER,
    "correctVolunteerRecord": ORGANISER,
    # The office decides what was held back, escalated or drawn as a sample.
    "confirmServices": ORGANISER | OFFICER,
    "rejectService": ORGANISER | OFFICER,
    "correctService": ORGANISER | OFFICER,
    "revokeCertificate": ORGANISER | OFFICER,
    # The shop, from its application on.
    "applyAsOrganisation": SIGNED_IN,
    "signCommitment": MANAGER,
    "inviteStaff": MANAGER,
    "blockStaff": MANAGER,
    "registerTerminal": MANAGER,
    "blockTerminal": MANAGER,
    "previewRedemption": SHOP,
    "redeem": SHOP,
    "reverseRedemption": SHOP | OFFICER,
    "confirmClaim": SHOP | OFFICER,
    "refuseClaim": SHOP | OFFICER,
    "closeRedemption": SHOP,
    "extendRedemption": SHOP,
    # The department.
    "importRecords": SOURCE,
    "correctRecord": SOURCE,
    "withdrawRecord": SOURCE,
    "answerObjection": SOURCE,
    # The office.
    "admitOrganisation": OFFICER,
    "markPaid": OFFICER,
    "suspendOrganisation": OFFICER,
    "resumeOrganisation": OFFICER,
    "lookUpCitizen": OFFICE,
    "openClaim": OFFICER,
    "handOverObjection": OFFICE,
    "extendObjection": APPROVER,
    "extendRepair": APPROVER,
    "decideObjection": OFFICE,
    "decideRepair": OFFICE,
    # The office: rules and products. Who drafts does not approve, and money is for approvers.
    "draftRuleSet": OFFICER,
    "openConsultation": OFFICER,
    "commentOnRuleSet": SIGNED_IN,
    "startDryRun": OFFICE,
    "approveRuleSet": APPROVER,
    "publishRuleSet": APPROVER,
    "withdrawRuleSet": OFFICE,
    "rollBackRuleSet": APPROVER,
    "draftProduct": OFFICER,
    "approveProduct": APPROVER,
    "publishProduct": APPROVER,
    "suspendProduct": OFFICE,
    "resumeProduct": APPROVER,
    "offerProduct": OFFICER,
    "confirmBaseline": OFFICER,
    "addBudget": OFFICE,
}

SUBSCRIPTIONS: Final[Mapping[str, Roles]] = {
    "presentationChanged": CITIZEN,
    "redemptionChanged": PERSON,
    "scoreChanged": PERSON,
    "noticeAdded": PERSON,
}

# Whose hands an object may reach at all. A type without anybody's data is everyone's.
TYPES: Final[Mapping[str, Roles]] = {
    "Citizen": PERSON,
    "Membership": PERSON,
    "Score": PERSON | OFFICE,
    "ScoreLine": PERSON | OFFICE,
    "FieldPoints": PERSON | OFFICE,
    "ScoreChange": PERSON | OFFICE,
    "ScoreForecast": PERSON,
    "Receipt": PERSON | OFFICE,
    "ReceiptCheck": PERSON,
    "Record": PERSON | OFFICE,
    "Benefit": PERSON | OFFICE,
    "BenefitPreview": PERSON | OFFICE,
    "Decision": PERSON | OFFICE,
    "ConditionResult": PERSON | OFFICE,
    "NextStep": PERSON,
    "Allowance": PERSON | OFFICE,
    "Voucher": PERSON,
    "Reservation": PERSON,
    "Presentation": CITIZEN,
    "ServiceAccount": PERSON,
    "Household": PERSON,
    "Redemption": PERSON | OFFICE,
    "Consent": PERSON,
    "DataExport": PERSON,
    "Withdrawal": PERSON,
    "WithdrawalPreview": PERSON,
    "Declined": CITIZEN,
    "AccessEvent": PERSON | OFFICE,
    "PresenceCode": CITIZEN,
    "CitizenFile": OFFICE,
    "Objection": PERSON | OFFICE,
    "Repair": PERSON | OFFICE,
    "CaseStep": PERSON | OFFICE,
    "Attachment": PERSON | OFFICE,
    "SourceObjection": SOURCE,
    "Notice": PERSON,
    "NoticesRead": PERSON,
    "Volunteering": PERSON,
    "Service": PERSON | OFFICE,
    "ServiceStep": PERSON | OFFICE,
    "NextBenefit": PERSON,
    "Certificate": PERSON | ORGANISER | OFFICER,
    "VolunteerRecord": PERSON | ORGANISER | OFFICE,
    "GuardianCode": PERSON,
    "EarlierHours": PERSON,
    "Participant": ORGANISER | OFFICE,
    "OrganiserDesk": ORGANISER,
    "OrganiserEvent": ORGANISER,
    "RosterEntry": ORGANISER,
    "OrganiserService": ORGANISER | OFFICE,
    "ConfirmedServices": ORGANISER | OFFICER,
    "RefusedService": ORGANISER | OFFICER,
    "AttendanceCode": ORGANISER,
    "MerchantDesk": SHOP,
    "Terminal": SHOP,
    # A cashier sees the own post only.
    "StaffMember": SHOP,
    "Statement": SHOP | OFFICER,
    "StatementLine": SHOP | OFFICER,
    "DeskRedemption": SHOP | OFFICE,
    "DeskClaim": SHOP | OFFICER,
    "LateClaim": OFFICE,
    "PartnerCodeStock": OFFICE,
    "ScanAnswer": SHOP,
    "Office": OFFICE,
    "BudgetLine": OFFICE,
    "BudgetAddition": OFFICE,
    "DryRun": OFFICE,
    "Assessment": EVERYONE,
    "ProductShift": EVERYONE,
    "BandShift": EVERYONE,
    "GroupShift": EVERYONE,
    "PublicComment": OFFICE,
    "RuleComment": SIGNED_IN,
    "AuditDesk": AUDITOR,
    "SourceDesk": SOURCE,
    "ImportRun": SOURCE,
    "ImportReport": SOURCE,
    "RefusedRecord": SOURCE,
    "SourceRecord": SOURCE,
    # Nobody's data.
    "Programme": EVERYONE,
    "ConsentText": EVERYONE,
    "CommitmentText": EVERYONE,
    "CatalogueEntry": EVERYONE,
    "RuleSet": EVERYONE,
    "SourceMark": EVERYONE,
    "Band": EVERYONE,
    "ScoringField": EVERYONE,
    "ScoringItem": EVERYONE,
    "Tier": EVERYONE,
    "Product": EVERYONE,
    "ProductCondition": EVERYONE,
    "AllowanceRule": EVERYONE,
    "Organisation": EVERYONE,
    "Merchant": EVERYONE,
    "Commitment": EVERYONE,
    "Transparency": EVERYONE,
    "ProductFigures": EVERYONE,
    "Consultation": EVERYONE,
    "VolunteerEvent": EVERYONE,
    # Null for whoever is no volunteer, but everybody can ask.
    "SignUp": EVERYONE,
    "CertificateCheck": EVERYONE,
    "UserError": EVERYONE,
    "PageInfo": EVERYONE,
    "PayRatio": EVERYONE,
    "AmountOff": EVERYONE,
    "QuantityFree": EVERYONE,
    "TimeFree": EVERYONE,
    "DepositWaiver": EVERYONE,
    "QuotaUplift": EVERYONE,
    "PayLater": EVERYONE,
    "TermsUplift": EVERYONE,
    "VoucherPack": EVERYONE,
    "VoucherKind": EVERYONE,
    "FastReview": EVERYONE,
    "HelpInKind": EVERYONE,
    "PapersLater": EVERYONE,
    "Promise": EVERYONE,
}

# Fields that are for fewer than their type; null for everybody else, or empty where they are lists.
FIELDS: Final[Mapping[str, Roles]] = {
    "VolunteerEvent.mySignUp": PERSON,
    # What somebody qualifies for is nothing that their case needs.
    "Objection.restored": PERSON,
    "Decision.nearest": PERSON,
    "Score.forecast": PERSON,
}

_NOBODY: Final[Roles] = frozenset()
_NOT_YOURS = words(
    "您的身份不能使用此功能。请以相应的身份登录。",
    "This is not for the role you act in. Please sign in as somebody who may use it.",
)
_SIGN_IN = words("请先登录。", "Please sign in first.")


def require(role: Role, allowed: Roles) -> None:
    """Raises: NotAllowed when the role is not among those allowed."""
    if role not in allowed:
        raise NotAllowed(_SIGN_IN if role is Role.ANONYMOUS else _NOT_YOURS)


def require_type(role: Role, type_name: str) -> None:
    """Raises: NotAllowed when objects of this type are not for the role."""
    require(role, TYPES.get(type_name, _NOBODY))


def guard(schema: GraphQLSchema) -> None:
    """Puts the decision in front of every root field; a refused mutation answers with its UserError."""
    if schema.query_type is not None:
        for name, definition in schema.query_type.fields.items():
            if definition.resolve is not None:
                definition.resolve = _guarded_query(definition.resolve, QUERIES.get(name, _NOBODY))
    if schema.mutation_type is not None:
        for name, definition in schema.mutation_type.fields.items():
            if definition.resolve is not None:
                definition.resolve = _guarded_mutation(definition.resolve, MUTATIONS.get(name, _NOBODY))
    if schema.subscription_type is not None:
        for name, definition in schema.subscription_type.fields.items():
            if definition.subscribe is not None:
                definition.subscribe = _guarded_query(definition.subscribe, SUBSCRIPTIONS.get(name, _NOBODY))
    for path, allowed in FIELDS.items():
        type_name, _, name = path.partition(".")
        definition = cast("GraphQLObjectType", schema.type_map[type_name]).fields[name]
        shut: list[object] | None = [] if is_list_type(get_nullable_type(definition.type)) else None
        definition.resolve = _guarded_field(definition.resolve or default_field_resolver, allowed, shut)


Resolve = Callable[..., Any]


def _guarded_query(resolve: Resolve, allowed: Roles) -> Resolve:
    def guarded(source: Any, info: GraphQLResolveInfo[Context], **args: Any) -> Any:
        require(info.context.caller.role, allowed)
        return resolve(source, info, **args)

    return guarded


def _guarded_field(resolve: Resolve, allowed: Roles, shut: list[object] | None) -> Resolve:
    def guarded(source: Any, info: GraphQLResolveInfo[Context], **args: Any) -> Any:
        return resolve(source, info, **args) if info.context.caller.role in allowed else shut

    return guarded


def _guarded_mutation(resolve: Resolve, allowed: Roles) -> Resolve:
    async def guarded(source: Any, info: GraphQLResolveInfo[Context], **args: Any) -> Any:
        try:
            require(info.context.caller.role, allowed)
            answer: Awaitable[Any] | Any = resolve(source, info, **args)
            return await answer if isawaitable(answer) else answer
        except DomainError as refusal:
            info.context.codes.append(refusal.code)
            return user_error(refusal, info.context.language)

    return guarded
