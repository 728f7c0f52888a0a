"""A printed record over HTTP: issued, opened as PDF, its QR read and followed, checked, revoked."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pypdfium2
import pytest
import zxingcpp
from pypdfium2.raw import FPDF_PAGEOBJ_TEXT
from starlette.applications import Starlette

from api import certificates
from api.certificate_pdf import Sheet, render
from api.database import Database, WorkerDatabase
from api.graphql import certificates as graphql
from domain.actor import ANONYMOUS, Role
from domain.programmes.actions import publish_programme
from domain.values import words
from domain.volunteering.rules import certificates as rules
from seeds.loader import PROGRAMMES, read_file
from tests.api.city import ADDRESS, City, Client, error_of
from tests.api.test_serving import (
    CHECK_IN,
    CHECK_OUT,
    CODE,
    CONFIRM,
    DESK,
    FAULT,
    SIGN_UP,
    open_event,
    set_clock,
    waiting_of,
)

RECORD = f"""... on Certificate {{ id number checkCode label hours content recordedBy from until issuedOn revokedAt
    pdfUrl }} {FAULT}"""
ISSUE = f"""mutation ($from: Date!, $until: Date!, $key: UUID!) {{
    issueCertificate(from: $from, until: $until, idempotencyKey: $key) {{ {RECORD} }} }}"""
REVOKE = f"""mutation ($number: String!, $key: UUID!) {{
    revokeCertificate(number: $number, reason: "误开", idempotencyKey: $key) {{ {RECORD} }} }}"""
CHECK = """query ($number: String!, $code: String!) { verifyCertificate(number: $number, checkCode: $code) {
    number label holderMasked recordedBy content hours from until issuedOn revoked } }"""
MINE = "{ volunteer { volunteerNumber certificates { number revokedAt } } }"


@pytest.fixture(scope="module")
async def city(database: Database, worker: WorkerDatabase) -> AsyncIterator[City]:
    city = await City(database, worker).seeded()
    yield city
    await set_clock(city, timedelta())


async def ask(client: Client, document: str, **values: Any) -> Any:
    return await client.ask(document, key=str(uuid4()), **values)


async def served(city: City, index: int) -> None:
    """A volunteer with two confirmed hours."""
    async with (
        city.client(await city.caller(Role.VOLUNTEER, index)) as volunteer,
        city.client(await city.caller(Role.ORGANISER, 1)) as organiser,
    ):
        await attended(city, volunteer, organiser)


async def attended(city: City, volunteer: Client, organiser: Client) -> None:
    """Two hours of this volunteer, confirmed by this organiser."""
    await set_clock(city, timedelta())
    event = await open_event(city)
    await ask(volunteer, SIGN_UP, id=event["id"])
    await ask(volunteer, CHECK_IN, code=(await organiser.ask(CODE, id=event["id"]))["code"])
    await set_clock(city, timedelta(hours=2, minutes=10))
    await ask(volunteer, CHECK_OUT, code=(await organiser.ask(CODE, id=event["id"]))["code"])
    number = (await volunteer.ask(MINE))["volunteerNumber"]
    waiting = waiting_of(await organiser.ask(DESK), number)
    await ask(organiser, CONFIRM, ids=[one["id"] for one in waiting])


def public(city: City, address: str = "192.0.2.1") -> httpx.AsyncClient:
    """A browser without a token, at this address."""
    app = Starlette(routes=[*certificates.routes(city.database, ADDRESS), *city.app.routes])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 50_000)), base_url=ADDRESS)


def days() -> dict[str, str]:
    today = datetime.now(UTC).date()
    return {"from": str(today - timedelta(days=1)), "until": str(today)}


async def test_the_pdf_opens_and_its_qr_leads_to_the_public_check(city: City) -> None:
    await served(city, 1)
    async with city.client(await city.caller(Role.VOLUNTEER, 1), **{"accept-language": "zh"}) as volunteer:
        record = await ask(volunteer, ISSUE, **days())
        assert (record["hours"], record["revokedAt"], "平台" in record["label"]) == (2, None, True)
        assert (await volunteer.ask(MINE))["certificates"] == [{"number": record["number"], "revokedAt": None}]
        node = "query ($id: ID!) { node(id: $id) { ... on Certificate { number } } }"
        assert await volunteer.ask(node, id=record["id"]) == {"number": record["number"]}
    assert record["pdfUrl"].startswith(f"{ADDRESS}/certificates/")
    async with public(city) as browser:
        document = await browser.get(record["pdfUrl"])
        assert (document.status_code, document.headers["content-type"]) == (200, "application/pdf")
        assert document.headers["cache-control"] == "no-store"
        pdf = pypdfium2.PdfDocument(io.BytesIO(document.content))
        [page] = [pdf[number] for number in range(len(pdf))]
        text = page.get_textpage().get_text_bounded()
        for part in (record["number"], record["checkCode"], "志愿服务记录", "2 小时", record["label"][:8]):
            assert part in text
        [code] = zxingcpp.read_barcodes(page.render(scale=2).to_pil())
        pdf.close()
        assert urlsplit(code.text).path == "/verify"
        query = parse_qs(urlsplit(code.text).query)
        assert query == {"number": [record["number"]], "code": [record["checkCode"]]}
        checked = await browser.get(code.text)
        assert (checked.status_code, checked.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (record["number"] in checked.text, "有效" in checked.text, "**" in checked.text) == (True, True, True)


async def test_anybody_checks_by_number_and_code_and_reads_a_masked_name(city: City) -> None:
    await served(city, 2)
    async with city.client(await city.caller(Role.VOLUNTEER, 2)) as volunteer:
        record = await ask(volunteer, ISSUE, **days())
    async with city.client() as anybody, city.client(await city.caller(Role.ORGANISER, 1)) as organiser:
        found = await anybody.ask(CHECK, number=record["number"], code=record["checkCode"])
        assert found["holderMasked"][1:] == "**"
        assert (found["hours"], found["content"], found["revoked"]) == (2, record["content"], False)
        for number, code in ((record["number"], "00000000"), ("R0000-0000-0000", record["checkCode"]), ("", "")):
            assert await anybody.ask(CHECK, number=number, code=code) is None
        revoked = await ask(organiser, REVOKE, number=record["number"])
        assert (revoked["revokedAt"] is None, revoked["content"], revoked["checkCode"], revoked["pdfUrl"]) == (
            False,
            [],
            "",
            "",
        )
        assert (await ask(organiser, REVOKE, number=record["number"]))["errorCode"] == "ALREADY_DECIDED"
        assert (await ask(organiser, REVOKE, number="R0000-0000-0000"))["errorCode"] == "NOT_FOUND"
        found = await anybody.ask(CHECK, number=record["number"], code=record["checkCode"])
        assert found["revoked"] is True
    async with public(city) as browser:
        page = await browser.get("/verify", params={"number": record["number"], "code": record["checkCode"]})
        assert "已撤销" in page.text
        document = await browser.get(record["pdfUrl"])
        assert "REVOKED" in pypdfium2.PdfDocument(document.content)[0].get_textpage().get_text_bounded()


async def test_an_address_of_a_pdf_is_good_for_five_minutes_and_for_nothing_else(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served(city, 3)
    async with city.client(await city.caller(Role.VOLUNTEER, 3)) as volunteer:
        monkeypatch.setattr(graphql, "PDF_LIFETIME_S", -1)
        late = (await ask(volunteer, ISSUE, **days()))["pdfUrl"]
        consent = city.database.vault
    stranger = graphql.pdf_url(consent, ADDRESS, certificate_id=1, person_id=2**40)
    async with public(city) as browser:
        for address in (late, stranger, f"{ADDRESS}/certificates/forged.pdf", late[:-8] + ".pdf"):
            answer = await browser.get(address)
            assert (answer.status_code, "5分钟" in answer.text) == (404, True)
        wrong = await browser.get(
            "/verify", params={"number": "<b>", "code": "x" * 1000}, headers={"accept-language": "en"}
        )
        assert (wrong.status_code, "No such record" in wrong.text, "<b>" in wrong.text) == (404, True, False)


async def test_a_programme_of_the_national_system_issues_certificates_and_no_other_does(city: City) -> None:
    await served(city, 4)
    document = read_file(PROGRAMMES / f"{city.code}.toml")
    seen = []
    for national in (False, True):
        async with city.worker.transaction(ANONYMOUS) as unit:
            joined = replace(document, national_system=national)
            await publish_programme(unit.session, document=joined, today=datetime.now(UTC).date())
        async with city.client(await city.caller(Role.VOLUNTEER, 4)) as volunteer, city.client() as anybody:
            record = await ask(volunteer, ISSUE, **days())
            found = await anybody.ask(CHECK, number=record["number"], code=record["checkCode"])
        async with public(city) as browser:
            page = await browser.get("/verify", params={"number": record["number"], "code": record["checkCode"]})
            printed = pypdfium2.PdfDocument((await browser.get(record["pdfUrl"])).content)[0].get_textpage()
        assert record["label"] == found["label"]
        seen.append((record["label"][:15], "平台" in page.text, "平台" in printed.get_text_bounded()))
    assert seen == [("Platform record", True, True), ("Certificate of ", False, False)]


async def test_guessing_is_limited_by_address_on_the_page_and_in_the_api_together(city: City) -> None:
    await served(city, 5)
    async with city.client(await city.caller(Role.VOLUNTEER, 5)) as volunteer:
        record = await ask(volunteer, ISSUE, **days())
    if datetime.now(UTC).second > 54:
        # All of it has to happen within one minute.
        await asyncio.sleep(6)
    async with public(city, "198.51.100.7") as browser, public(city, "198.51.100.8") as neighbour:
        for guess in range(rules.WRONG_CHECKS_A_MINUTE):
            answer = await browser.get("/verify", params={"number": record["number"], "code": f"{guess:08}"})
            assert answer.status_code == 404
        limited = await browser.get("/verify", params={"number": record["number"], "code": record["checkCode"]})
        assert (limited.status_code, 0 < int(limited.headers["retry-after"]) <= 60) == (429, True)
        asked = {"query": CHECK, "variables": {"number": record["number"], "code": record["checkCode"]}}
        answer = (await browser.post("/graphql", json=asked)).json()
        assert error_of(answer) == (["verifyCertificate"], "RATE_LIMITED")
        assert 0 < answer["errors"][0]["extensions"]["retryAfterMs"] <= 60_000
        found = (await neighbour.post("/graphql", json=asked)).json()["data"]["verifyCertificate"]
        assert found["number"] == record["number"]


TODAY = datetime(2026, 11, 22, tzinfo=UTC).date()
SHEET = Sheet(
    number="R1234-5678-9012",
    check_code="ABCD1234",
    label=words("平台记录", "Platform record"),
    programme=words("示例", "Example"),
    holder="王小明",
    recorded_by=words("海岸志愿服务队(示例)、" * 12, "Shore"),
    hours=12.5,
    period=(TODAY, TODAY),
    issued_on=TODAY,
    revoked=False,
    lines=[words(f"第{number}段" + "很长的内容" * 20, "long") for number in range(60)],
    url=f"{ADDRESS}/verify?number=R1234-5678-9012&code=ABCD1234",
)


def test_the_document_carries_its_typeface_and_a_sign_it_lacks_leaves_a_mark() -> None:
    document = pypdfium2.PdfDocument(render(replace(SHEET, holder="王\U0002ca8d", lines=())))
    fonts = [one.get_font() for one in document[0].get_objects(filter=[FPDF_PAGEOBJ_TEXT])]
    assert {(font.get_family_name(), font.is_embedded) for font in fonts} == {("WenQuanYi Micro Hei", True)}
    assert "姓名 Name: 王〓" in document[0].get_textpage().get_text_bounded()


def test_a_long_record_goes_over_several_pages_and_is_the_same_each_time() -> None:
    content = render(SHEET)
    assert content == render(SHEET)
    pdf = pypdfium2.PdfDocument(content)
    text = "".join(pdf[number].get_textpage().get_text_bounded() for number in range(len(pdf)))
    assert len(pdf) > 2
    assert [f"第{number}段" in text for number in range(60)] == [True] * 60
