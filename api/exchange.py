"""Records of volunteers to and from other platforms, for an organiser's access token. One JSON object a line:

{"format": "volunteer-service/1", "platform": "…", "ref": "…", "personal": {"volunteerNumber": "V123-456-7890"},
 "service": {"activity": {"title": "…", "type": "…", "place": "…"}, "from": "…", "until": "…"},
 "training": [{"name": "…", "content": "…", "hours": 1.5, "body": "…", "date": "2026-01-31"}],
 "awards": [{"name": "…", "content": "…", "body": "…", "date": "2026-01-31"}],
 "evaluation": {"name": "…", "content": "…", "body": "…", "date": "2026-01-31"}}

Each group may be empty ([] or null), but not all of them. GET /exchange/services exports service, GET /exchange/records
the other groups: ?from=2026-01-01&until=2026-12-31&after=0; a further page stands in the header Link.
POST /exchange/services with an Idempotency-Key imports up to 200 lines: hours as claims that somebody else has to
confirm, and the other groups of people who took part in the organisation's events.
"""

import json
import time as clock
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from api.database import Database, Unit
from api.graphql.reference import ProgrammeSettings
from api.tokens import Keyring, TokenRefused, verify_access_token
from domain.actor import Caller
from domain.errors import DomainError, InvalidInput, NotAllowed
from domain.programmes import queries as programmes
from domain.programmes.rules.codec import from_json
from domain.values import FIRST_DAY, LAST_DAY, words
from domain.volunteering import actions
from domain.volunteering.queries.exchange import as_file
from domain.volunteering.rules.exchange import MOST_EXPORTED
from domain.volunteering.rules.terms import VolunteerTerms, terms_of

PATH: Final = "/exchange/services"
RECORDS: Final = "/exchange/records"
NDJSON: Final = "application/x-ndjson"
_NO_STORE: Final = {"cache-control": "no-store"}


def routes(database: Database, keyring: Keyring) -> list[BaseRoute]:
    """GET and POST /exchange/services, GET /exchange/records."""
    exchange = Exchange(database, keyring)
    return [
        Route(PATH, exchange.export, methods=["GET"]),
        Route(RECORDS, exchange.export, methods=["GET"]),
        Route(PATH, exchange.take, methods=["POST"]),
    ]


class Exchange:
    """Serves an organiser's token over one database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def export(self, request: Request) -> Response:
        """The organisation's own records, the oldest first."""
        try:
            caller, asked = self._caller(request), request.query_params
            since, until = (_day(asked.get(name), name) for name in ("from", "until"))
            after = _whole(asked.get("after", "0"))
            days = (since or FIRST_DAY, until or LAST_DAY)
            async with self._database.transaction(caller) as unit:
                lines = await _exported(unit, request.url.path, days, after)
        except DomainError as error:
            return _refusal(error)
        headers = dict(_NO_STORE)
        if len(lines) == MOST_EXPORTED:
            further = urlencode({**asked, "after": lines[-1][0]})
            headers["link"] = f'<{request.url.path}?{further}>; rel="next"'
        return Response(as_file(lines), 200, headers, NDJSON)

    async def take(self, request: Request) -> Response:
        """Hours of another platform, as claims; each line that is refused says why."""
        try:
            caller, key = self._caller(request), _key(request.headers.get("idempotency-key"))
            lines = _lines(await request.body())
            async with self._database.transaction(caller) as unit:
                terms = await _terms(unit.session, unit.actor.programme_id)
                imported = await actions.import_services(
                    unit.session, unit.actor, unit.now, terms=terms, lines=lines, key=key
                )
        except DomainError as error:
            return _refusal(error)
        refused = [{"line": index + 1, **error} for index, error in imported.refused]
        content = {"accepted": imported.accepted, "duplicates": imported.duplicates, "refused": refused}
        return JSONResponse(content, 200, _NO_STORE)

    def _caller(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise NotAllowed(_SIGN_IN)
            return verify_access_token(self._keyring, token.strip(), clock.time())
        except TokenRefused as error:
            raise NotAllowed(words("访问令牌无效。请重新登录。", error.reason)) from error


async def _exported(unit: Unit, path: str, days: tuple[date, date], after: int) -> list[tuple[int, str]]:
    if path == RECORDS:
        return await actions.export_records(unit.session, unit.actor, unit.now, between=days, after=after)
    terms = await _terms(unit.session, unit.actor.programme_id)
    between = terms.between(*days)
    return await actions.export_services(unit.session, unit.actor, unit.now, between=between, after=after)


async def _terms(session: AsyncSession, programme_id: int | None) -> VolunteerTerms:
    """What the programme of this token sets for volunteers."""
    for row in await programmes.programmes(session):
        if row.id == programme_id:
            return terms_of(from_json(ProgrammeSettings, _settings(row.content)))
    raise NotAllowed(_SIGN_IN)


def _settings(content: Mapping[str, object]) -> Mapping[str, object]:
    return {name: content[name] for name in ProgrammeSettings.__dataclass_fields__ if name in content}


def _day(text: str | None, field: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(words("日期应为 2026-01-31。", "A date reads like 2026-01-31."), field=field) from error


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidInput(words("after 应为整数。", "`after` is a whole number."), field="after")
    return int(text)


def _key(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError as error:
        raise InvalidInput(
            words("请求须带 Idempotency-Key(UUID)。", "Send a UUID in the header Idempotency-Key."),
            field="Idempotency-Key",
        ) from error


def _lines(body: bytes) -> list[str]:
    try:
        return [line for line in body.decode("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise InvalidInput(words("内容须为 UTF-8。", "The body is not UTF-8."), field="lines") from error


def _refusal(error: DomainError) -> Response:
    status = HTTPStatus.FORBIDDEN if isinstance(error, NotAllowed) else HTTPStatus.BAD_REQUEST
    content = {"code": error.code, "field": error.field, "zh": error.message.zh, "en": error.message.en}
    return Response(json.dumps(content, ensure_ascii=False), status, _NO_STORE, "application/json")


_SIGN_IN: Final = words("请以组织者的访问令牌请求。", "Send an organiser's access token as: Authorization: Bearer …")
