"""A programme as the public reads it, signed in or not: texts, rules, products, shops."""

import math
from collections.abc import Sequence

import strawberry

from api.graphql.consultations import CONSULTATIONS, ConsultationsOfProgramme
from api.graphql.context import Context, Info
from api.graphql.products import Merchant, Product, merchant_of, places, product_of, visible_product
from api.graphql.reference import KnownOrganisation, KnownProgramme
from api.graphql.rule_sets import RuleSet, ScoringItem, item_of, rule_set_of
from api.graphql.transparency import TRANSPARENCY, TransparencyOfProgramme
from api.graphql.types import Connection, Node, connect
from api.graphql.view import page_of
from domain.errors import InvalidInput, NotFound
from domain.values import words

_EARTH_METRES = 6_371_000


@strawberry.type(description="What is asked consent for, one purpose; readable before anybody joins.")
class ConsentText:
    purpose: str
    version: int
    title: str
    text: str
    digest: str


@strawberry.type(description="What an organisation signs (信用承诺书).")
class CommitmentText:
    version: int
    text: str
    digest: str


@strawberry.type(description="What a department may deliver, on which legal basis, kept for how long (信息征集目录).")
class CatalogueEntry:
    code: str
    title: str
    department: str
    legal_basis: str
    items: list[ScoringItem]
    retention_months: int


@strawberry.type(description="One city's programme.")
class Programme(TransparencyOfProgramme, ConsultationsOfProgramme, Node):
    code: str
    name: str = strawberry.field(description="In the language of the request (Accept-Language), zh-CN by default.")
    notice: str = strawberry.field(description="Says that this is an illustration after public reports, where it is.")
    currency: str
    timezone: str
    consent_texts: list[ConsentText] = strawberry.field(
        description="What the programme asks consent for, purpose by purpose, readable before anybody joins."
    )
    commitment_text: CommitmentText = strawberry.field(description="What an organisation signs (信用承诺书).")

    @strawberry.field(description="The rules in force today.")
    def rule_set(self, info: Info) -> RuleSet:
        return rule_set_of(info.context, self.known.rule_set_on(self.known.today(info.context.now)).id)

    @strawberry.field(description="Every version that was shown to the public, oldest first.")
    def rule_sets(self, info: Info) -> list[RuleSet]:
        return [rule_set_of(info.context, known.id) for known in self.known.rule_sets if known.public]

    @strawberry.field(description="The products in force; `text` looks in title and terms.")
    def products(self, info: Info, text: str | None = None) -> list[Product]:
        today = self.known.today(info.context.now)
        shown = [product_of(info.context, known.id) for known in self.known.offered(today)]
        return [one for one in shown if text is None or _mentions(text, one.title, one.terms)]

    @strawberry.field(
        description="Which department may deliver what, on which legal basis, for how long (信息征集目录)."
    )
    def catalogue(self, info: Info) -> list[CatalogueEntry]:
        return catalogue_entries(info.context, self.known)


SECTIONS = (CONSULTATIONS, TRANSPARENCY)


@strawberry.input(description="A place to look around. Used for the answer, never stored.")
class GeoInput:
    lat: float
    lon: float
    within_metres: int | None = 2000


@strawberry.type
class ProgrammesQuery:
    @strawberry.field(description="All programmes.")
    async def programmes(self, info: Info) -> list[Programme]:
        async with info.context.reading() as unit:
            await info.context.view.load_below(info, unit, "Programme")
            return [programme_of(info.context, number) for number in info.context.reference.programmes]

    @strawberry.field(description="One programme by its code; null when there is none.")
    async def programme(self, info: Info, code: str) -> Programme | None:
        async with info.context.reading() as unit:
            number = info.context.reference.codes.get(code)
            if number is None:
                return None
            await info.context.view.load_below(info, unit, "Programme")
            return programme_of(info.context, number)

    @strawberry.field(description="One product by its id, an earlier version as well; null when there is none.")
    async def product(self, info: Info, id: strawberry.ID) -> Product | None:  # noqa: A002
        async with info.context.reading():
            try:
                (number,) = info.context.unseal("product", id)
                return visible_product(info.context, number)
            except (NotFound, KeyError):
                return None

    @strawberry.field(description="Shops that give a programme's benefits and have signed its commitment.")
    async def merchants(
        self,
        info: Info,
        programme: str,
        product: strawberry.ID | None = None,
        near: GeoInput | None = None,
        text: str | None = None,
        first: int | None = 20,
        after: str | None = None,
    ) -> Connection[Merchant]:
        async with info.context.reading():
            context = info.context
            page = page_of(context, "Query.merchants", {"first": first, "after": after})
            found = _merchants(context, programme, product, text)
            ranked = sorted((_distance(near, one), one.id) for one in found)
            limit = math.inf if near is None or near.within_metres is None else near.within_metres
            rows = [row for row in ranked if row[0] <= limit and (page.after is None or row > page.after)]
            return connect(
                context.vault,
                "Query.merchants",
                page,
                rows[: page.first + 1],
                node=lambda row: merchant_of(context, row[1]),
                key=lambda row: row,
            )


def programme_of(context: Context, programme_id: int) -> Programme:
    """The programme of this number, in the language of the request."""
    key = ("programme", context.language, programme_id)
    derived = context.reference.derived
    if key not in derived:
        derived[key] = _programme(context, context.reference.programmes[programme_id])
    found: Programme = derived[key]
    return found


def _programme(context: Context, known: KnownProgramme) -> Programme:
    settings = known.settings
    return Programme(
        id=context.seal("programme", known.id),
        number=known.id,
        known=known,
        code=settings.code,
        name=context.speak(settings.name),
        notice=context.speak(settings.notice),
        currency=settings.currency,
        timezone=settings.timezone,
        consent_texts=[
            ConsentText(
                purpose=text.purpose.value,
                version=text.version,
                title=context.speak(text.title),
                text=context.speak(text.text),
                digest=text.digest,
            )
            for text in settings.consent_texts
        ],
        commitment_text=CommitmentText(
            version=settings.commitment_text.version,
            text=context.speak(settings.commitment_text.text),
            digest=settings.commitment_text.digest,
        ),
    )


def catalogue_entries(context: Context, known: KnownProgramme, department: str | None = None) -> list[CatalogueEntry]:
    """What departments may deliver by the rules in force: all of them, or the one of this code."""
    rule_set = known.rule_set_on(known.today(context.now))
    departments = {one.code: one.name for one in known.organisations}
    return [
        CatalogueEntry(
            code=entry.code,
            title=context.speak(entry.title),
            department=context.speak(departments[entry.department]),
            legal_basis=context.speak(entry.legal_basis),
            items=[
                item
                for document in rule_set.document.items
                if document.catalogue == entry.code
                and (item := item_of(context, rule_set.id, document.code)) is not None
            ],
            retention_months=entry.retention_months,
        )
        for entry in known.settings.catalogue
        if department in (None, entry.department)
    ]


def _merchants(
    context: Context, programme: str, product: strawberry.ID | None, text: str | None
) -> Sequence[KnownOrganisation]:
    """The admitted shops and utilities that give something in this programme."""
    known = context.reference.programme(programme)
    offered = known.offered(known.today(context.now))
    if product is not None:
        (number,) = context.unseal("product", product)
        offered = [one for one in offered if one.id == number]
    giving = {place for one in offered for place in places(one)}
    return [
        one
        for one in known.organisations
        if one.id in giving
        and one.takes_part
        and (text is None or _mentions(text, context.speak(one.name), context.speak(one.category)))
    ]


def _mentions(text: str, *where: str) -> bool:
    return any(text.strip().casefold() in one.casefold() for one in where)


def _distance(near: GeoInput | None, place: KnownOrganisation) -> int:
    """Metres from the point asked for, on the great circle; 0 when no point is given."""
    if near is None:
        return 0
    if place.lat is None or place.lon is None:
        return 2**31
    if not (-90 <= near.lat <= 90 and -180 <= near.lon <= 180):
        raise InvalidInput(
            words("坐标超出范围。请给出有效的经纬度。", "These coordinates are not on the globe. Correct lat and lon."),
            field="near",
        )
    lat, lon, place_lat, place_lon = map(math.radians, (near.lat, near.lon, place.lat, place.lon))
    half = (
        math.sin((place_lat - lat) / 2) ** 2
        + math.cos(lat) * math.cos(place_lat) * math.sin((place_lon - lon) / 2) ** 2
    )
    return round(2 * _EARTH_METRES * math.asin(math.sqrt(half)))
