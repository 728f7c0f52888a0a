"""What a printed record leads to: its PDF for the holder, and a small public page on which anybody checks it.

A phone cannot send a header when it opens a document, so the address of a PDF carries a signed token that names one
record and its holder, and is good for five minutes.
"""

import math
import time
from html import escape
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from api.certificate_pdf import Sheet, render
from api.database import Database
from api.graphql import ids
from api.graphql.certificates import PDF_KIND
from api.graphql.endpoint import language
from api.graphql.requests import address_of
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import NotFound, RateLimited
from domain.values import Language, words
from domain.volunteering import actions
from domain.volunteering.actions.certificates import Opened
from domain.volunteering.rules.certificates import check_code, label_of, masked

_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_WIDTH: Final = 40


def verify_url(public_url: str, number: str, code: str) -> str:
    """Where anybody checks a record: what its QR picture says."""
    return f"{public_url}/verify?{urlencode({'number': number, 'code': code})}"


def routes(database: Database, public_url: str) -> list[BaseRoute]:
    """GET /certificates/….pdf and GET /verify."""
    pages = Certificates(database, public_url)
    return [
        Route("/certificates/{token}.pdf", pages.pdf, methods=["GET"]),
        Route("/verify", pages.verify, methods=["GET"]),
    ]


class Certificates:
    """The two ways to a printed record that need no access token."""

    def __init__(self, database: Database, public_url: str) -> None:
        self._database = database
        self._public_url = public_url

    async def pdf(self, request: Request) -> Response:
        """The PDF of a record, for whoever was given its address in the last five minutes."""
        certificate = await self._own(request.path_params["token"])
        if certificate is None:
            text = _GONE.speak(language(request.headers.get("accept-language")))
            return PlainTextResponse(text, 404, headers=_HEADERS)
        headers = {**_HEADERS, "content-disposition": f'inline; filename="{certificate.number}.pdf"'}
        return Response(render(self._sheet(certificate)), 200, headers, "application/pdf")

    async def verify(self, request: Request) -> Response:
        """The public check, as a page without a script, a cookie or a picture."""
        spoken = language(request.headers.get("accept-language"))
        number, code = (request.query_params.get(name, "")[:_WIDTH] for name in ("number", "code"))
        try:
            async with self._database.transaction(ANONYMOUS) as unit:
                found = await actions.check_certificate(
                    unit.session, unit.now, number=number, code=code, address=address_of(request.scope)
                )
        except RateLimited as refusal:
            headers = {**_HEADERS, "retry-after": str(math.ceil((refusal.retry_after_ms or 0) / 1000))}
            return PlainTextResponse(refusal.message.speak(spoken), 429, headers=headers)
        return HTMLResponse(page(found, spoken), 200 if found else 404, headers=_HEADERS)

    async def _own(self, token: str) -> Opened | None:
        try:
            certificate_id, person_id, until = ids.unseal(self._database.vault, PDF_KIND, token)
        except (NotFound, ValueError):
            return None
        if time.time() > until:
            return None
        holder = Caller(role=Role.VOLUNTEER, person_id=person_id)
        async with self._database.reading(holder) as unit:
            return await actions.own_certificate(unit.session, certificate_id=certificate_id)

    def _sheet(self, certificate: Opened) -> Sheet:
        content = certificate.content
        code = check_code(self._database.vault, certificate.number)
        return Sheet(
            number=certificate.number,
            check_code=code,
            label=label_of(certificate.is_certificate),
            programme=content.programme,
            holder=content.holder,
            recorded_by=content.recorded_by,
            hours=certificate.minutes / 60,
            period=(certificate.from_on, certificate.until_on),
            issued_on=certificate.issued_on,
            revoked=certificate.revoked,
            lines=content.lines,
            url=verify_url(self._public_url, certificate.number, code),
        )


def page(found: Opened | None, spoken: Language) -> str:
    """What the check says, to whoever holds the paper."""
    if found is None:
        parts = [f"<p>{escape(_NONE.speak(spoken))}</p>"]
    else:
        facts = [
            (_NUMBER, found.number),
            (_HOLDER, masked(found.content.holder)),
            (_HOURS, f"{found.minutes / 60:g}"),
            (_PERIOD, f"{found.from_on} – {found.until_on}"),
            (_RECORDED_BY, found.content.recorded_by.speak(spoken)),
            (_ISSUED_ON, str(found.issued_on)),
            (_STATE, (_REVOKED if found.revoked else _VALID).speak(spoken)),
        ]
        items = "".join(f"<dt>{escape(name.speak(spoken))}</dt><dd>{escape(value)}</dd>" for name, value in facts)
        lines = "".join(f"<li>{escape(line.speak(spoken))}</li>" for line in found.content.lines)
        parts = [
            f"<p>{escape(label_of(found.is_certificate).speak(spoken))}</p>",
            f"<dl>{items}</dl>",
            f"<ol>{lines}</ol>",
        ]
    title = escape(_TITLE.speak(spoken))
    tongue = "zh-CN" if spoken == "zh" else "en"
    return (
        f'<!doctype html><html lang="{tongue}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"></head>'
        f"<body><h1>{title}</h1>{''.join(parts)}</body></html>"
    )


_TITLE: Final = words("核验志愿服务记录", "Check a volunteer service record")
_NUMBER: Final = words("编号", "Number")
_HOLDER: Final = words("姓名", "Name")
_HOURS: Final = words("时长(小时)", "Hours")
_PERIOD: Final = words("起止", "Period")
_RECORDED_BY: Final = words("记录单位", "Recorded by")
_ISSUED_ON: Final = words("开具日期", "Issued on")
_STATE: Final = words("状态", "State")
_VALID: Final = words("有效", "Valid")
_REVOKED: Final = words("已撤销,请勿使用", "Revoked: no longer valid")
_NONE: Final = words(
    "没有开具过这样的记录。请核对编号和核验码。",
    "No such record was issued. Compare number and check code with the paper.",
)
_GONE: Final = words(
    "链接已失效(有效期5分钟)。请在应用中重新打开。",
    "This address is no longer good; it lasts five minutes. Open the record in the app again.",
)
