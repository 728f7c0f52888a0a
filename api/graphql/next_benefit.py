"""What is missing to a volunteer's next benefit: told from hours alone, so that nobody needs a score to read it."""

from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.products import Product, product_of
from api.graphql.view import Asked, Section
from domain.incentives.queries import standing_fragment, standing_of
from domain.incentives.rules.decision import decide
from domain.incentives.rules.service import HoursGiven, nearest_by_service
from domain.values import Fragment, Words, words
from domain.volunteering.queries.shapes import volunteering_fragment


@strawberry.type(description="The benefit that the fewest further confirmed hours would open, without a score.")
class NextBenefit:
    product: Product
    missing_hours: float
    sentence: str


def build_next(asked: Asked) -> tuple[Fragment, ...]:
    """A member's hours as products count them; a volunteer's own for who has not joined."""
    known = asked.context.reference.programmes[asked.subject.programme or 0]
    if asked.subject.citizen is None:
        return (volunteering_fragment(timezone=known.settings.timezone),)
    return (standing_fragment(known.catalogue(asked.subject.today).rules.volunteer_item),)


def read_next(columns: Any, asked: Asked) -> NextBenefit | None:
    """The nearest of today's products that is not open yet; null when hours alone open none of them."""
    context, is_member = asked.context, asked.subject.citizen is not None
    known = context.reference.programmes[asked.subject.programme or 0]
    offered = [(one.id, one.document) for one in known.offered(asked.subject.today)]
    if is_member:
        catalogue = known.catalogue(asked.subject.today)
        standing = standing_of(columns[0], catalogue, context.vault)
        given = HoursGiven(total_x100=standing.hours_total_x100, year_x100=standing.hours_year_x100)
        offered = [one for one in offered if not decide(one[1], catalogue.rules, standing).qualified]
    else:
        given = HoursGiven(
            total_x100=columns[0]["minutes"] * 100 // 60, year_x100=columns[0]["minutes_this_year"] * 100 // 60
        )
    nearest = nearest_by_service(offered, given, known.settings.stars_hours)
    if nearest is None:
        return None
    product, hours = product_of(context, nearest[0]), nearest[1] / 100
    sentence = _sentence(product.title, hours, is_member=is_member)
    return NextBenefit(product=product, missing_hours=hours, sentence=context.speak(sentence))


def _sentence(title: str, hours: float, *, is_member: bool) -> Words:
    if is_member:
        return words(
            f"再有{hours:g}小时经确认的服务,即可使用“{title}”。",
            f"{hours:g} more confirmed hours open “{title}” for you.",
        )
    return words(
        f"再有{hours:g}小时经确认的服务,加入项目后即可使用“{title}”。加入前的时长,由您决定是否计入。",
        f"{hours:g} more confirmed hours open “{title}” once you have joined. Hours from before count if you say so.",
    )


NEXT: Section[NextBenefit | None] = Section("Volunteering", "nextBenefit", build=build_next, read=read_next)
SECTIONS = (NEXT,)


@strawberry.type
class NextBenefitOfVolunteering:
    @strawberry.field(
        description="What is missing to the next benefit, for members and for everybody else; null when hours open "
        "nothing more."
    )
    def next_benefit(self, info: Info) -> NextBenefit | None:
        return NEXT.of(info)
