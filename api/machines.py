"""How a department's machine delivers: a token for its signed assertion, then records as NDJSON, taken as they come.

POST /oauth/token (RFC 6749 4.4, RFC 7523) and POST /import/records. A delivery that breaks off may be sent again:
what was taken is a duplicate then.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, Final
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Scope

from api.assertions import ASSERTION_TYPE, Assertion, AssertionRefused, claimed_client, verify_assertion
from api.body_limit import MAX_BODY_BYTES
from api.database import Database
from api.importing import chunk_of, refusal_line, step_of
from api.lines import Line, Lines
from api.timing import even_time
from api.tokens import LIFETIME_S, Keyring, TokenRefused, mint_access_token, verify_access_token
from domain.actor import ANONYMOUS, Caller, Role
from domain.errors import DomainError, NotAllowed
from domain.people.queries import machines
from domain.scoring import imports
from domain.scoring.queries.imports import Run
from domain.scoring.rules.delivered_lines import read_record
from domain.scoring.rules.deliveries import Delivery

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 (an address)
RECORDS_PATH: Final = "/import/records"
MAX_DELIVERY_BYTES: Final = 64 << 20
# Five hundred records with every text at its longest.
MAX_CALL_BYTES: Final = 2_000_000
NDJSON: Final = "application/x-ndjson"

_CHUNK_LINES: Final = 1000
_KEPT_BYTES: Final = 1 << 20
_MAX_FORM_BYTES: Final = 16_384
_FORM: Final = "application/x-www-form-urlencoded"
_NO_STORE: Final = {"Cache-Control": "no-store"}

log = structlog.get_logger()


class MachineRefused(Exception):
    """A request of a machine that is not served: status, code and what to do instead."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error

    def response(self) -> Response:
        """The refusal in the form of RFC 6749, 5.2."""
        headers = {**_NO_STORE, "WWW-Authenticate": "Bearer"} if self.status == 401 else _NO_STORE
        return JSONResponse({"error": self.error, "error_description": str(self)}, self.status, headers)


def body_limit(keyring: Keyring, scope: Scope) -> int | None:
    """How much a request may hold: departments send more than phones, and their stream is counted as it comes."""
    if scope["path"] == RECORDS_PATH:
        return None
    if scope["path"] == "/graphql":
        token = Headers(scope=scope).get("authorization", "").partition(" ")[2].strip()
        with suppress(TokenRefused):
            if verify_access_token(keyring, token, time.time()).role is Role.SOURCE:
                return MAX_CALL_BYTES
    return MAX_BODY_BYTES


class Machines:
    """The routes of the machines, over one database and one keyring; `public_url` is our own address."""

    def __init__(
        self, database: Database, keyring: Keyring, *, public_url: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._audiences = frozenset((public_url, public_url + TOKEN_PATH))
        self._clock = clock

    def routes(self) -> list[Route]:
        """Where machines get their tokens and bring their records."""
        return [
            Route(TOKEN_PATH, self.token, methods=["POST"]),
            Route(RECORDS_PATH, self.records, methods=["POST"]),
        ]

    async def token(self, request: Request) -> Response:
        """An access token in the role of a source, for an assertion signed with the registered key."""
        try:
            caller = await self._identify(await _form(request))
        except MachineRefused as refused:
            log.info("machine_refused", error=refused.error)
            return refused.response()
        answer = {
            "access_token": mint_access_token(self._keyring, caller, now=self._clock()),
            "token_type": "Bearer",
            "expires_in": LIFETIME_S,
        }
        return JSONResponse(answer, headers=_NO_STORE)

    async def records(self, request: Request) -> Response:
        """Takes records line by line; answers with the counts, and then one line for each that was refused."""
        try:
            caller = self._caller(request)
            _check_headers(request)
            async with even_time():
                return await Reception(self._database, caller).receive(request)
        except MachineRefused as refused:
            return refused.response()
        except NotAllowed as refused:
            return MachineRefused(403, "insufficient_scope", refused.message.en).response()

    async def _identify(self, fields: dict[str, str]) -> Caller:
        assertion = fields["client_assertion"]
        try:
            client_id = claimed_client(assertion)
            if fields.get("client_id", client_id) != client_id:
                raise AssertionRefused("The assertion comes from another machine.")
            async with self._database.transaction(ANONYMOUS) as unit:
                machine = await machines.machine(unit.session, client_id=client_id)
                if machine is None:
                    raise AssertionRefused("The assertion is not signed with the registered key.")
                believed = verify_assertion(
                    assertion, public_key=machine.public_key, audiences=self._audiences, now=self._clock()
                )
                instant = datetime.fromtimestamp(self._clock(), UTC)
                await machines.forget_assertions(unit.session, client_id=client_id, now=instant)
                if not await machines.show_assertion(
                    unit.session, client_id=client_id, jti=believed.jti, expires_at=_kept_until(believed)
                ):
                    raise AssertionRefused("The assertion was shown before. Make a new one for each token.")
        except AssertionRefused as refused:
            raise MachineRefused(401, "invalid_client", str(refused)) from refused
        return Caller(
            role=Role.SOURCE,
            person_id=machine.person_id,
            programme=machine.programme,
            organisation_id=machine.organisation_id,
        )

    def _caller(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise MachineRefused(401, "invalid_token", f"Send an access token: get one from {TOKEN_PATH}.")
        try:
            caller = verify_access_token(self._keyring, token.strip(), self._clock())
        except TokenRefused as refused:
            raise MachineRefused(401, "invalid_token", refused.reason) from refused
        if caller.role is not Role.SOURCE:
            raise MachineRefused(403, "insufficient_scope", "Only departments deliver records.")
        return caller


class Reception:
    """One delivery: the lines as they come, in transactions of a thousand, and what of them is refused."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller
        self._source_id = caller.organisation_id or 0
        self._lines = Lines()
        self._waiting: list[Line] = []
        # Closed by the answer that reads it, or when there is none.
        self._refusals: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_KEPT_BYTES)  # noqa: SIM115

    async def receive(self, request: Request) -> Response:
        """Takes everything up to the end or the limit. Raises: MachineRefused when it is cut off on the way."""
        try:
            run = await self._take_all(request)
        except BaseException:
            self._refusals.close()
            raise
        counts = {"accepted": run.accepted, "duplicates": run.duplicates, "refused": run.refused}
        self._refusals.seek(0)
        lines = _all(json.dumps(counts).encode() + b"\n", self._refusals)
        return StreamingResponse(lines, media_type=NDJSON, headers=_NO_STORE)

    async def _take_all(self, request: Request) -> Run:
        async with self._database.transaction(self._caller) as unit:
            await imports.desk_of(unit.session, unit.now, source_id=self._source_id)
            run = await imports.begin_run(
                unit.session, unit.now, source_id=self._source_id, kind="records", digest=None
            )
        received = 0
        try:
            async for block in request.stream():
                received += len(block)
                if received > MAX_DELIVERY_BYTES:
                    raise MachineRefused(413, "too_large", _TOO_LARGE)
                self._waiting += self._lines.feed(block)
                while len(self._waiting) >= _CHUNK_LINES:
                    run = await self._take(run)
        except ClientDisconnect as gone:
            raise MachineRefused(400, "cut_off", "The delivery was cut off; send it again.") from gone
        self._waiting += self._lines.finish()
        while self._waiting:
            run = await self._take(run)
        async with self._database.transaction(self._caller) as unit:
            await imports.finish_run(unit.session, unit.actor, unit.now, run=run, source_id=self._source_id)
        return run

    async def _take(self, run: Run) -> Run:
        lines, self._waiting = self._waiting[:_CHUNK_LINES], self._waiting[_CHUNK_LINES:]
        chunk = await asyncio.to_thread(chunk_of, lines, read_record)
        async with self._database.transaction(self._caller) as unit:
            desk = await imports.desk_of(unit.session, unit.now, source_id=self._source_id)
            given = [one for one in chunk.given if isinstance(one, Delivery | DomainError)]
            delivered = await imports.take_records(unit.session, unit.actor, unit.now, desk=desk, given=given)
            step = step_of(chunk, delivered, refusal_bytes=0)
            run = await imports.advance_run(unit.session, run=run, step=step)
        for index, refusal in delivered.refused:
            self._refusals.write(refusal_line(chunk.numbers[index], refusal))
        return run


def _all(head: bytes, refusals: IO[bytes]) -> Iterator[bytes]:
    with refusals:
        yield head
        yield from refusals


def _check_headers(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (NDJSON, "application/ndjson", "application/jsonl"):
        raise MachineRefused(415, "unsupported_media_type", f"Send records as {NDJSON}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise MachineRefused(415, "unsupported_encoding", "Send records uncompressed.")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length[:20]) > MAX_DELIVERY_BYTES:
        raise MachineRefused(413, "too_large", _TOO_LARGE)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a request for a token, each given once."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise MachineRefused(400, "invalid_request", f"Send the request as {_FORM}.")
    body = await request.body()
    try:
        pairs = parse_qsl(body[:_MAX_FORM_BYTES].decode(), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as problem:
        raise MachineRefused(400, "invalid_request", "The form cannot be read.") from problem
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MachineRefused(400, "invalid_request", "A field of the form stands twice.")
    if fields.get("grant_type") != "client_credentials":
        raise MachineRefused(400, "unsupported_grant_type", "Machines use grant_type=client_credentials.")
    if fields.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in fields:
        raise MachineRefused(401, "invalid_client", f"Send a client_assertion of the type {ASSERTION_TYPE}.")
    return fields


def _kept_until(assertion: Assertion) -> datetime:
    """As long as it could be believed, leeway and a doubtful clock included."""
    return datetime.fromtimestamp(assertion.expires_at + 2 * LIFETIME_S, UTC)


_TOO_LARGE: Final = f"A delivery has at most {MAX_DELIVERY_BYTES} bytes. Send it in parts; what was taken stays taken."
