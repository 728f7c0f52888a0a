"""What leaving, or taking back one consent, ends, keeps open, erases and keeps."""

from collections.abc import Collection
from typing import Any, Final

import strawberry

from api.graphql.context import Info
from api.graphql.incentives import build_standing, catalogue_of
from api.graphql.products import Product, product_of
from api.graphql.redemption import Redemption, redemption_of
from api.graphql.view import Asked, Section
from domain.errors import InvalidInput
from domain.incentives.queries import standing_of
from domain.incentives.rules.decision import decide
from domain.incentives.rules.standing import Standing
from domain.programmes.rules.terms import ConsentPurpose
from domain.redemption.queries import shapes
from domain.values import Fragment, Words, words

# Volunteering needs no membership: leaving a programme does not end it.
_STAYS: Final = ConsentPurpose.VOLUNTEERING
_UNKNOWN = words("没有这项用途。请核对后重试。", "There is no such purpose. Please check its name.")


@strawberry.type(description="What leaving, or withdrawing one consent, would end, keep open, erase and keep.")
class WithdrawalPreview:
    ends: list[Product] = strawberry.field(description="What the person may use today and could not use any more.")
    stays_open: list[Redemption] = strawberry.field(description="What is still to be given back or paid, unchanged.")
    erased: list[str]
    kept: list[str]


def erased_words(purposes: Collection[str], *, left: bool) -> list[Words]:
    """What is erased at once when these consents end, or when the person leaves."""
    told = [sentence for purpose, sentence in _ERASED.items() if purpose in purposes]
    return [_SCORE_ERASED, *[one for one in told if one != _SCORE_ERASED], _PLACES_RELEASED] if left else told


def kept_words(*, left: bool) -> list[Words]:
    """What has to be kept, and for what."""
    return [_CONSENTS_KEPT, _LOG_KEPT, *([_USES_KEPT, _OPEN_KEPT] if left else [])]


def build_preview(asked: Asked) -> tuple[Fragment, Fragment]:
    """The standing of today, and what is open. Raises: InvalidInput for a purpose that there is not."""
    wanted = asked.args.get("purpose")
    if wanted is not None and wanted not in list(ConsentPurpose):
        raise InvalidInput(_UNKNOWN, field="purpose")
    return build_standing(asked), shapes.obligations_fragment()


def read_preview(columns: Any, asked: Asked) -> WithdrawalPreview:
    """What would happen; nothing does."""
    raw, open_sales = columns
    context, wanted = asked.context, asked.args.get("purpose")
    given: list[str] = [] if raw is None else list(raw["consents"])
    ending = [one for one in given if (one == wanted if wanted is not None else one != _STAYS)]
    left = wanted is None and raw is not None
    return WithdrawalPreview(
        ends=[] if raw is None else _ends(raw, ending, asked, left=left),
        stays_open=[redemption_of(row, context) for row in open_sales],
        erased=[context.speak(one) for one in erased_words(ending, left=left)],
        kept=[context.speak(one) for one in kept_words(left=left)],
    )


def _ends(raw: Any, ending: Collection[str], asked: Asked, *, left: bool) -> list[Product]:
    catalogue, vault = catalogue_of(asked), asked.context.vault
    today = standing_of(raw, catalogue, vault)
    after = standing_of(_without(raw, ending), catalogue, vault)
    known = asked.context.reference.programmes[asked.subject.programme or 0]

    def allowed(document: Any, standing: Standing) -> bool:
        return decide(document, catalogue.rules, standing).qualified

    return [
        product_of(asked.context, one.id)
        for one in known.offered(asked.subject.today)
        if allowed(one.document, today) and (left or not allowed(one.document, after))
    ]


def _without(raw: Any, ending: Collection[str]) -> Any:
    """The standing as it would be: without a score no lines, no hours, and nothing kept from earlier rules."""
    after = {**raw, "consents": [one for one in raw["consents"] if one not in ending]}
    if ConsentPurpose.SCORE in ending:
        after |= {"scored": False, "tallies": [], "hours": {"year": 0, "total": 0}, "entitled": []}
    if ConsentPurpose.HOUSEHOLD in ending:
        after |= {"dwelling": []}
    return after


_SCORE_ERASED: Final = words(
    "信用分、记录、得分明细及其变化历史。", "The score, the records, the lines and the history of changes."
)
_ERASED: Final = {
    ConsentPurpose.SCORE: _SCORE_ERASED,
    ConsentPurpose.ACCOUNT: words(
        "已绑定的供热、供水等账户。", "The accounts you have linked, such as heating or water."
    ),
    ConsentPurpose.HOUSEHOLD: words("您与住所的关联。", "The link between you and your dwelling."),
}
_PLACES_RELEASED: Final = words("您的预约和排队位置。", "Your reservations and your places in line.")
_CONSENTS_KEPT: Final = words(
    "您何时同意、何时撤回的凭证。", "The proof of when you consented and when you took it back."
)
_LOG_KEPT: Final = words("谁查看过您信息的日志。", "The log of who has read about you.")
_USES_KEPT: Final = words(
    "已用额度(只凭化名),直到该周期结束,以免重复使用。",
    "What has been used, under a pseudonym, until its window ends, so that nothing is used twice.",
)
_OPEN_KEPT: Final = words(
    "未了结的押金或欠还,按原定日期了结,不会因退出而提前到期。",
    "What is still open, such as a waived deposit: it ends on its own date, and leaving never makes it due.",
)
ERASED_WITH_THE_KEY: Final = (
    words(
        "您的姓名、出生日期和身份信息,以及志愿者称呼。", "Your name, birth date and identity, and the name you go by."
    ),
    words(
        "异议、修复申请及附件的全部内容,通知和已导出的文件。",
        "What objections, repairs and their attachments say, notices, and exports.",
    ),
    words("所有登录。再次登录时,您是一个新用户。", "All sign-ins: whoever signs in again is somebody new."),
)
KEPT_WITHOUT_A_NAME: Final = words(
    "商户的交易和志愿组织的服务时长,不再指向任何人。",
    "Sales of shops and hours of organisations, which lead to nobody any more.",
)
PREVIEW: Section[WithdrawalPreview] = Section("Citizen", "withdrawalPreview", build=build_preview, read=read_preview)
SECTIONS = (PREVIEW,)


@strawberry.type
class LeavingOfCitizen:
    @strawberry.field(description="What leaving, or withdrawing one consent, would end, keep open, erase and keep.")
    def withdrawal_preview(self, info: Info, purpose: str | None = None) -> WithdrawalPreview:
        return PREVIEW.of(info)
