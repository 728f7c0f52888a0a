"""A shop's month to take away: as CSV for its books, and as a page to print. With a manager's token."""

import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.database import Database
from api.graphql.access import MANAGER, require
from api.graphql.endpoint import language
from api.graphql.reference import KnownProgramme, Reference, Shelf
from api.tokens import Keyring, TokenRefused, verify_access_token
from domain.errors import DomainError, NotFound
from domain.incentives.rules.relief import basis_unit
from domain.redemption.queries import statements
from domain.redemption.rules.statements import Statement, month_of
from domain.values import Language, Words, words

_NO_STORE: Final = {"Cache-Control": "no-store"}
_SHUT: Final = {**_NO_STORE, "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_STATUS: Final = {"NOT_FOUND": 404, "NOT_ALLOWED": 403, "INVALID_INPUT": 400}
_HEADINGS: Final[Sequence[Words]] = (
    words("产品", "Product"),
    words("单位", "Unit"),
    words("使用次数", "Redemptions"),
    words("撤销次数", "Reversed"),
    words("减免", "Relief"),
    words("减免金额(分)", "Relief (fen)"),
    words("应付(分)", "Payable (fen)"),
)
_TOTAL: Final = words("合计", "Total")
_TITLE: Final = words("月度结算单", "Monthly statement")
_OPEN: Final = words("尚未付款", "Not paid yet")
_PAID: Final = words("已付款,凭证号:", "Paid, reference: ")
_STYLE: Final = (
    "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #999;padding:.4em;text-align:right}th:first-child,td:first-child{text-align:left}"
    "tfoot{font-weight:bold}@media print{body{margin:0}}"
)
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Statements:
    """The two routes, over one database and one keyring."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._shelf = Shelf()

    def routes(self) -> list[Route]:
        """Where a manager takes a month away."""
        return [
            Route("/statements/{month}.csv", self.as_csv, methods=["GET"]),
            Route("/statements/{month}.html", self.as_page, methods=["GET"]),
        ]

    async def as_csv(self, request: Request) -> Response:
        """The month as CSV in UTF-8, with a byte order mark, which spreadsheets need."""
        return await self._answer(request, _csv)

    async def as_page(self, request: Request) -> Response:
        """The month as a page without script."""
        return await self._answer(request, _page)

    async def _answer(self, request: Request, write: Callable[["Paper"], Response]) -> Response:
        spoken = language(request.headers.get("accept-language"))
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            caller = verify_access_token(
                self._keyring, token.strip() if scheme.lower() == "bearer" else "", time.time()
            )
        except TokenRefused as refused:
            headers = {**_NO_STORE, "WWW-Authenticate": "Bearer"}
            return JSONResponse({"code": "UNAUTHENTICATED", "message": refused.reason}, 401, headers)
        try:
            require(caller.role, MANAGER)
            async with self._database.reading(caller) as unit:
                reference = await self._shelf.current(unit)
                programme = reference.programmes[unit.actor.programme_id or 0]
                month = month_of(request.path_params["month"], programme.zone)
                found = await statements.statement(
                    unit.session, organisation_id=unit.actor.organisation_id or 0, month=month
                )
            if found is None:
                raise NotFound
        except DomainError as refused:
            told = {"code": refused.code, "message": refused.message.speak(spoken)}
            return JSONResponse(told, _STATUS.get(refused.code, 400), _NO_STORE)
        return write(Paper(found, reference, programme, spoken))


class Paper:
    """A statement with the words around it, in one language."""

    def __init__(
        self, statement: Statement, reference: Reference, programme: KnownProgramme, language: Language
    ) -> None:
        self.statement = statement
        self.shop = reference.organisations[statement.organisation_id].name.speak(language)
        self.programme = programme.settings.name.speak(language)
        self._reference = reference
        self._language: Language = language

    def speak(self, text: Words) -> str:
        """The text in the language of the request."""
        return text.speak(self._language)

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Headings, one row for each product, and the sums."""
        yield tuple(self.speak(heading) for heading in _HEADINGS)
        for line in self.statement.lines:
            content = self._reference.products[line.product_id].document
            yield (
                self.speak(content.title),
                self.speak(basis_unit(content.shape) or content.allowance.unit),
                line.redemptions,
                line.reversed,
                line.relief,
                line.relief_fen,
                line.payable_fen,
            )
        whole = self.statement
        sums = (whole.redemptions, whole.reversed, "", whole.relief_fen, whole.payable_fen)
        yield (self.speak(_TOTAL), "", *sums)

    @property
    def payment(self) -> str:
        """Whether it is paid, and with which reference."""
        if self.statement.payment_ref is None:
            return self.speak(_OPEN)
        return f"{self.speak(_PAID)}{self.statement.payment_ref}"


def _csv(paper: Paper) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    for row in paper.rows():
        writer.writerow([_plain(cell) for cell in row])
    name = f"statement-{paper.statement.month:%Y-%m}.csv"
    headers = {**_NO_STORE, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


def _page(paper: Paper) -> Response:
    first, *lines, last = ([escape(str(cell)) for cell in row] for row in paper.rows())
    title = escape(f"{paper.speak(_TITLE)} {paper.statement.month:%Y-%m}")
    body = (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>{escape(paper.shop)} · {escape(paper.programme)}</p><table>"
        f"<thead><tr>{_cells('th', first)}</tr></thead><tbody>"
        + "".join(f"<tr>{_cells('td', line)}</tr>" for line in lines)
        + f"</tbody><tfoot><tr>{_cells('td', last)}</tr></tfoot></table><p>{escape(paper.payment)}</p>"
    )
    return Response(body.encode(), media_type="text/html; charset=utf-8", headers=_SHUT)


def _cells(tag: str, cells: Sequence[str]) -> str:
    return "".join(f"<{tag}>{cell}</{tag}>" for cell in cells)


def _plain(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
