"""The kinds of notices and their sentences: what happened, why, and what to do next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.values import Words, words


class Kind(StrEnum):
    """What a notice is about."""

    RECORD_ANNOUNCED = "RECORD_ANNOUNCED"
    OBJECTION_EXTENDED = "OBJECTION_EXTENDED"
    OBJECTION_DECIDED = "OBJECTION_DECIDED"
    REPAIR_EXTENDED = "REPAIR_EXTENDED"
    REPAIR_DECIDED = "REPAIR_DECIDED"
    EXPIRY_COMING = "EXPIRY_COMING"
    RULES_CHANGED = "RULES_CHANGED"
    CONSENT_TEXT_CHANGED = "CONSENT_TEXT_CHANGED"
    LOOKED_UP = "LOOKED_UP"
    CLAIM_CONFIRMED = "CLAIM_CONFIRMED"
    CLAIM_REFUSED = "CLAIM_REFUSED"
    CLAIM_UNANSWERED = "CLAIM_UNANSWERED"
    SALE_REVERSED = "SALE_REVERSED"
    SOMETHING_LATE = "SOMETHING_LATE"
    SOMETHING_RELEASED = "SOMETHING_RELEASED"
    FUND_CLAIMED = "FUND_CLAIMED"
    FUND_PAID = "FUND_PAID"
    RESERVATION_HELD = "RESERVATION_HELD"
    RESERVATION_EXPIRED = "RESERVATION_EXPIRED"
    EVENT_CHANGED = "EVENT_CHANGED"
    EVENT_CANCELLED = "EVENT_CANCELLED"
    EVENT_SEAT = "EVENT_SEAT"
    SERVICE_REJECTED = "SERVICE_REJECTED"
    SERVICE_CORRECTED = "SERVICE_CORRECTED"
    SERVICE_VOIDED = "SERVICE_VOIDED"
    SERVICE_ESCALATED = "SERVICE_ESCALATED"
    CERTIFICATE_REVOKED = "CERTIFICATE_REVOKED"
    VOLUNTEER_RECORD_ADDED = "VOLUNTEER_RECORD_ADDED"
    VOLUNTEER_RECORD_CORRECTED = "VOLUNTEER_RECORD_CORRECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """Something to tell one person. Params are plain texts and dates, or words as {"zh": …, "en": …}."""

    person_id: int
    programme_id: int
    kind: Kind
    subject: str
    params: Mapping[str, object]


TITLES: Final[Mapping[Kind, Words]] = {
    Kind.RECORD_ANNOUNCED: words("有一条不良记录将计入您的积分", "An adverse record is about to count"),
    Kind.OBJECTION_EXTENDED: words("您的异议延期办理", "Your objection takes longer"),
    Kind.OBJECTION_DECIDED: words("您的异议已有结果", "Your objection has been decided"),
    Kind.REPAIR_EXTENDED: words("您的修复申请延期办理", "Your repair takes longer"),
    Kind.REPAIR_DECIDED: words("您的修复申请已有结果", "Your repair has been decided"),
    Kind.EXPIRY_COMING: words("您的部分记录即将到期", "Some of your records are about to end"),
    Kind.RULES_CHANGED: words("计分规则将有变化", "The scoring rules will change"),
    Kind.CONSENT_TEXT_CHANGED: words("您同意过的一份文本有了新版本", "A text that you agreed to has changed"),
    Kind.LOOKED_UP: words("有工作人员查看了您的档案", "Somebody at the office has looked at your file"),
    Kind.CLAIM_CONFIRMED: words("您申请的减免已计入账单", "Your relief is on the bill"),
    Kind.CLAIM_REFUSED: words("您的申请未被接受", "Your claim was not accepted"),
    Kind.CLAIM_UNANSWERED: words("服务单位逾期未答复", "The provider has not answered in time"),
    Kind.SALE_REVERSED: words("一笔惠民已撤销", "A benefit was undone"),
    Kind.SOMETHING_LATE: words("有一项已到期", "Something is due"),
    Kind.SOMETHING_RELEASED: words("逾期的一项已经了结", "Something overdue has been let go"),
    Kind.FUND_CLAIMED: words("商家对您的一笔提出索赔", "A shop claims from the guarantee fund"),
    Kind.FUND_PAID: words("担保资金已赔付", "The guarantee fund has paid"),
    Kind.RESERVATION_HELD: words("轮到您了", "It is your turn"),
    Kind.RESERVATION_EXPIRED: words("一项预约已过期", "A reservation has run out"),
    Kind.EVENT_CHANGED: words("您报名的活动有变化", "An event that you signed up for has changed"),
    Kind.EVENT_CANCELLED: words("您报名的活动已取消", "An event that you signed up for was called off"),
    Kind.EVENT_SEAT: words("您候补的活动有了名额", "You have a place in an event"),
    Kind.SERVICE_REJECTED: words("一段志愿服务未获确认", "A stretch of service was not confirmed"),
    Kind.SERVICE_CORRECTED: words("一段志愿服务的时长已更正", "The hours of a stretch of service were corrected"),
    Kind.SERVICE_VOIDED: words("一段志愿服务已撤销", "A stretch of service no longer stands"),
    Kind.SERVICE_ESCALATED: words("一段志愿服务已转交项目办公室", "A stretch of service went to the programme office"),
    Kind.CERTIFICATE_REVOKED: words("一份志愿服务记录已撤销", "One of your volunteer records was revoked"),
    Kind.VOLUNTEER_RECORD_ADDED: words("有一条培训、表彰或评价记录", "A training, award or evaluation was recorded"),
    Kind.VOLUNTEER_RECORD_CORRECTED: words(
        "一条培训、表彰或评价记录已更正", "A training, award or evaluation was put right"
    ),
}
BODIES: Final[Mapping[Kind, Words]] = {
    Kind.RECORD_ANNOUNCED: words(
        "{source}报送了“{item}”。它目前不计分,自 {from} 起计入。您可以先查看这条记录,认为有误的,请提出异议。",
        "{source} has reported: {item}. It does not count yet and will from {from} on. Look at the record now, and"
        " object if it is wrong.",
    ),
    Kind.OBJECTION_EXTENDED: words(
        "经批准,您的异议最迟于 {on} 前作出决定。理由见异议的办理过程。",
        "With approval, your objection is decided by {on} at the latest. The reason stands among its steps.",
    ),
    Kind.OBJECTION_DECIDED: words(
        "结果:{outcome}。决定全文和下一步办法见您的异议。",
        "The outcome: {outcome}. Your objection shows the whole decision and what you can do next.",
    ),
    Kind.REPAIR_EXTENDED: words(
        "经批准,您的修复申请最迟于 {on} 前作出决定。理由见申请的办理过程。",
        "With approval, your repair is decided by {on} at the latest. The reason stands among its steps.",
    ),
    Kind.REPAIR_DECIDED: words(
        "结果:{outcome}。决定全文和下一步办法见您的修复申请。",
        "The outcome: {outcome}. Your repair shows the whole decision and what you can do next.",
    ),
    Kind.EXPIRY_COMING: words(
        "自 {on} 起,有记录不再计分。积分预测中可以看到是哪一条、会有什么变化。",
        "From {on} on a record no longer counts. The forecast of your score shows which one, and what that changes.",
    ),
    Kind.RULES_CHANGED: words(
        "新版规则(第 {version} 版)自 {from} 起施行。您已有资格的优惠,在当前周期内继续保留。请查看规则原文和积分预测。",
        "Version {version} of the rules applies from {from} on. What you qualify for stays yours to the end of its"
        " window. Read the rules and the forecast of your score.",
    ),
    Kind.CONSENT_TEXT_CHANGED: words(
        "“{title}”有了第 {version} 版。请在 {until} 前阅读并重新确认。不确认的,届时不再据此办理新的事项;已有的不变。",
        "“{title}” has a version {version}. Read it and agree anew by {until}; otherwise nothing new rests on it from"
        " then on, and what you have stays.",
    ),
    Kind.LOOKED_UP: words(
        "{who}因“{purpose}”查看了您的档案。详情见访问记录。如果不是您办理的业务,请对这次访问提出异议。",
        "{who} has looked at your file for {purpose}. The access log has the details. If this was not about you,"
        " object to the access.",
    ),
    Kind.CLAIM_CONFIRMED: words(
        "“{product}”(编号 {number})已由服务单位计入账单。明细见使用记录。",
        "The provider has put “{product}” ({number}) on your bill. Your list of uses shows how much.",
    ),
    Kind.CLAIM_REFUSED: words(
        "“{product}”(编号 {number}):{reason}。额度已退回,可更正后重新申请;认为有误的,请提出异议。",
        "“{product}” ({number}): {reason}. Nothing was used up. Correct it and claim again, or object.",
    ),
    Kind.CLAIM_UNANSWERED: words(
        "“{product}”(编号 {number})应于 {on} 前答复。已转项目办公室催办,您不用做什么。",
        "“{product}” ({number}) was to be answered by {on}. The office now follows it up; you need do nothing.",
    ),
    Kind.SALE_REVERSED: words(
        "“{product}”(编号 {number})已撤销,原因:{reason}。额度已退回。",
        "“{product}” ({number}) was undone: {reason}. What it had used up is yours again.",
    ),
    Kind.SOMETHING_LATE: words(
        "“{product}”(编号 {number})已于 {on} 到期。请归还、付清或补齐,或请商家延期。不影响信用分。",
        "“{product}” ({number}) was due on {on}. Please return, pay or bring it, or ask the shop for more time. It"
        " never touches your score.",
    ),
    Kind.SOMETHING_RELEASED: words(
        "“{product}”(编号 {number})逾期后无人索赔,已了结。您不欠什么,也不影响信用分。",
        "Nobody has claimed for “{product}” ({number}), so it is over. You owe nothing, and your score is untouched.",
    ),
    Kind.FUND_CLAIMED: words(
        "“{product}”(编号 {number}):商家向担保资金索赔 {fen} 分,理由:{reason}。如有异议,请在 {until} 前提出。"
        "不影响信用分。",
        "“{product}” ({number}): the shop claims {fen} fen from the guarantee fund: {reason}. Object by {until} if it"
        " is wrong. It never touches your score.",
    ),
    Kind.FUND_PAID: words(
        "“{product}”(编号 {number}):担保资金已向商家赔付 {fen} 分。不影响信用分。",
        "“{product}” ({number}): the guarantee fund has paid the shop {fen} fen. It never touches your score.",
    ),
    Kind.RESERVATION_HELD: words(
        "“{product}”已为您保留至 {until}。请在此之前使用,或取消预约。",
        "“{product}” is kept for you until {until}. Use it before then, or give it back.",
    ),
    Kind.RESERVATION_EXPIRED: words(
        "“{product}”的预约没有使用,已留给下一位。仍有需要的,请重新预约。",
        "“{product}” was not used in time and went to the next in line. Reserve it again if you still want it.",
    ),
    Kind.EVENT_CHANGED: words(
        "“{title}”的时间、地点或内容有变化。请查看活动;不便参加的,可以取消报名。",
        "Time, place or content of {title} have changed. Look at the event, and cancel if it no longer suits you.",
    ),
    Kind.EVENT_CANCELLED: words(
        "“{title}”已取消,原因:{reason}。您的报名已结束,可以选择其他活动。",
        "{title} was called off: {reason}. Your sign-up has ended; other events are open.",
    ),
    Kind.EVENT_SEAT: words(
        "“{title}”有了空位,已为您留下。不便参加的,请取消报名,名额会给下一位。",
        "A place in {title} has become free and is yours. If you cannot come, cancel, and it goes to the next in line.",
    ),
    Kind.SERVICE_REJECTED: words(
        "“{title}”的这段服务未获确认。原因见您的服务记录;不同意的,可以提出异议。",
        "Your service at {title} was not confirmed. Your log says why; if you disagree, object.",
    ),
    Kind.SERVICE_CORRECTED: words(
        "“{title}”的服务时长已更正,积分随之变化。原因和原时长见您的服务记录;不同意的,可以提出异议。",
        "The hours of your service at {title} were corrected, and the points with them. Your log has the reason and"
        " what was there before; if you disagree, object.",
    ),
    Kind.SERVICE_VOIDED: words(
        "“{title}”的这段服务已撤销,由它产生的积分一并撤销。原因见您的服务记录;不同意的,可以提出异议。",
        "Your service at {title} no longer stands, and the points it gave are gone. Your log says why; if you disagree,"
        " object.",
    ),
    Kind.SERVICE_ESCALATED: words(
        "组织者没有按期确认您的一段服务,现由项目办公室处理。您不必做什么。",
        "The organiser has not confirmed a stretch of your service in time, so the office does. You need do nothing.",
    ),
    Kind.CERTIFICATE_REVOKED: words(
        "编号 {number} 的志愿服务记录已撤销,请勿再使用。您可以重新开具;不同意的,可以提出异议。",
        "The volunteer record {number} was revoked; do not use it any more. You can have a new one issued, and object.",
    ),
    Kind.VOLUNTEER_RECORD_ADDED: words(
        "{organisation}为您记录了一次培训、表彰或评价。它不计分。您可以在志愿服务中查看;有误的,可以提出异议;不愿保留的,可以不予保留。",
        "{organisation} has recorded a training, an award or an evaluation of you. It gives no points. Look at it among"
        " your volunteering; object if it is wrong, and decline it if you do not want it kept.",
    ),
    Kind.VOLUNTEER_RECORD_CORRECTED: words(
        "{organisation}更正了您的一条培训、表彰或评价记录。您可以在志愿服务中查看;仍有误的,可以提出异议。",
        "{organisation} has put a training, an award or an evaluation of you right. Look at it among your volunteering,"
        " and object if it is still wrong.",
    ),
}
_GAP: Final = re.compile(r"\{(\w+)\}")


def title_of(kind: str) -> Words:
    """The heading."""
    return TITLES[Kind(kind)]


def body_of(kind: str, params: Mapping[str, object]) -> Words:
    """The sentences, with their gaps filled."""
    body = BODIES[Kind(kind)]
    return words(_filled(body.zh, params, "zh"), _filled(body.en, params, "en"))


def _filled(template: str, params: Mapping[str, object], language: str) -> str:
    """Braces inside a value stay as they are."""
    return _GAP.sub(lambda gap: _spoken(params[gap[1]], language), template)


def _spoken(value: object, language: str) -> str:
    return str(value[language]) if isinstance(value, Mapping) else str(value)
