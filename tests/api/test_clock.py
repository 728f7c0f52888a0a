"""The clock of a demo: moved forward for every process at once, and done only when each skipped day has been lived."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from phone import Phone, fresh_key, sign_in
from processes import BENEFITS, PATIENCE_S, eventually, fetch, running
from sqlalchemy.ext.asyncio import AsyncSession

from api.daily import Morning, outstanding_days, run_days
from api.database import Database, WorkerDatabase
from api.embedded import Urls
from api.embedded import urls as urls_of
from domain.actor import ANONYMOUS
from domain.clock import ZONE
from domain.programmes.rules.windows import season_of
from seeds.demo import document_of, people_of
from tests.api.city import City

CITY = "rongcheng"
BASIS = {"PayRatio": 199, "AmountOff": 500, "QuantityFree": 2, "DepositWaiver": 10000}
PRESENT = """mutation ($product: ID!, $key: UUID!) { presentBenefit(productId: $product, idempotencyKey: $key) {
    ... on Presentation { code } } }"""
REDEEM = """mutation ($code: String!, $basis: Int, $terminal: ID!, $key: UUID!) {
    redeem(code: $code, basis: $basis, terminalId: $terminal, idempotencyKey: $key) {
    ... on ScanAnswer { allowed } } }"""
MINE = """{ me { score { points asOf ruleSet { basePoints } lines { points countsUntil } history(first: 100) {
        edges { node { after } } } }
    benefits { group product { id redeemedBy provider { id } shape { __typename } } allowance { used renewsOn } } } }"""
DAYS = "SELECT json_agg(json_build_array(d.day, d.done_at) ORDER BY d.day)::text FROM daily_run AS d"
OPEN_BUDGETS = """SELECT count(*) FROM budget AS b, clock AS c
    WHERE b.window_start <= CURRENT_DATE + c.ahead
      AND (b.window_end IS NULL OR b.window_end > CURRENT_DATE + c.ahead)"""


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo with a second server beside it, and the command that moves its clock."""

    data: Path
    addresses: tuple[str, str]
    folder: Path

    def clock(self, *arguments: str) -> str:
        """What the command says when it has done its work."""
        with self.begin_clock(*arguments) as command:
            assert command.process.wait(2 * PATIENCE_S) == 0, command.errors
            assert command.errors == ""
            return str(command.output.strip())

    def begin_clock(self, *arguments: str) -> Any:
        folder = self.folder / f"clock-{time.monotonic_ns()}"
        return running([*BENEFITS, "clock", *arguments, "--data", str(self.data)], folder)

    def sign_in(self, role: str = "citizen", index: int = 1, address: str | None = None) -> Phone:
        subject = f"{CITY}-{role}-{index}"
        return sign_in(address or self.addresses[0], programme=CITY, role=role, subject=subject)

    def mine(self, index: int = 1) -> Any:
        with self.sign_in(index=index) as phone:
            return phone.ask(MINE)

    def today(self) -> date:
        """The day that both servers live on."""
        days = set()
        for address in self.addresses:
            with self.sign_in(address=address) as phone:
                days.add(phone.ask(MINE)["score"]["asOf"])
        assert len(days) == 1
        return date.fromisoformat(days.pop())

    async def days_done(self) -> list[date]:
        """The days whose jobs have run: one after another without a gap, and in this order."""
        found = json.loads(str(await fetch(urls_of(self.data).owner, DAYS)))
        days = [date.fromisoformat(day) for day, _ in found]
        assert days == [days[0] + timedelta(days=number) for number in range(len(days))]
        assert [done_at for _, done_at in found] == sorted(done_at for _, done_at in found)
        return days

    def buy(self) -> tuple[str, int]:
        """Citizen 1 takes a benefit whose allowance renews; gives the product, and what of it was used before."""
        with self.sign_in() as phone:
            benefit = next(
                one
                for one in phone.ask(MINE)["benefits"]
                if one["group"] == "USABLE_NOW"
                and one["product"]["redeemedBy"] == "COUNTER"
                and one["product"]["shape"]["__typename"] in BASIS
                and one["allowance"]["renewsOn"] is not None
            )
            product = benefit["product"]
            shown = phone.ask(PRESENT, product=product["id"], key=fresh_key())
        for person in people_of(CITY):
            if person.role == "cashier":
                with self.sign_in("cashier", person.index) as till:
                    desk = till.ask("{ desk { merchant { id } terminals { id } } }")
                    if desk["merchant"]["id"] == product["provider"]["id"]:
                        asked = {"basis": BASIS[product["shape"]["__typename"]], "terminal": desk["terminals"][0]["id"]}
                        assert till.ask(REDEEM, code=shown["code"], key=fresh_key(), **asked)["allowed"]
                        return product["id"], benefit["allowance"]["used"]
        raise AssertionError("nobody gives it")

    def group(self, code: str) -> str:
        """Where the citizen's page shows this product."""
        with self.sign_in() as phone:
            benefits = phone.ask("{ me { benefits { group product { code } } } }")["benefits"]
        return next(str(one["group"]) for one in benefits if one["product"]["code"] == code)

    def allowance(self, product: str) -> Any:
        return next(one for one in self.mine()["benefits"] if one["product"]["id"] == product)["allowance"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("clock")
    data = folder / "data"
    with running([*BENEFITS, "demo", "--port", "0", "--data", str(data)], folder / "first") as first:
        address = first.line("ready")
        with running([*BENEFITS, "serve", "--port", "0", "--data", str(data)], folder / "second") as second:
            yield Demo(data, (address, second.line("ready")), folder)


async def test_a_heating_season_opens_and_closes_on_its_days(demo: Demo) -> None:
    heating = next(one for one in document_of(CITY).products if one.season is not None and one.claim_window is not None)
    assert heating.season is not None
    assert heating.claim_window is not None
    opens, closes = season_of(heating.claim_window, demo.today())
    if opens <= demo.today():
        opens, closes = season_of(heating.claim_window, closes)
    seen = []
    for day in (opens - timedelta(days=1), opens, closes - timedelta(days=1), closes):
        if day > demo.today():
            demo.clock("--until", day.isoformat())
        seen.append(demo.group(heating.code) == "NOT_IN_SEASON")
    assert seen == [True, False, False, True]
    first_day, _ = season_of(heating.season, opens)
    budgets = f"SELECT count(*) FROM budget WHERE product_code = '{heating.code}' AND window_start = '{first_day}'"
    assert await fetch(urls_of(demo.data).owner, budgets) == 1


async def test_the_clock_has_moved_in_every_process_and_each_skipped_day_is_done(demo: Demo) -> None:
    before = demo.today()
    said = demo.clock("+40d")
    assert said.startswith(f"It is {before + timedelta(days=40)} ")
    assert demo.today() == before + timedelta(days=40)
    days = await demo.days_done()
    assert days[-1] == before + timedelta(days=40)
    assert len(days) >= 41


async def test_hours_skip_no_day_and_events_stay_open(demo: Demo) -> None:
    before = datetime.fromisoformat(demo.clock().removeprefix("It is ").removesuffix(" in the demo's cities."))
    after = datetime.fromisoformat(demo.clock("+3h").removeprefix("It is ").removesuffix(" in the demo's cities."))
    assert timedelta(hours=3) <= after - before < timedelta(hours=3, minutes=2)
    assert (await demo.days_done())[-1] == after.date()
    with demo.sign_in() as phone:
        listed = phone.ask('{ events(programme: "rongcheng", first: 1) { edges { node { startsAt endsAt free } } } }')
    event = listed["edges"][0]["node"]
    now = after.replace(tzinfo=ZONE).astimezone(UTC)
    assert datetime.fromisoformat(event["startsAt"]) <= now
    assert datetime.fromisoformat(event["endsAt"]) >= now + timedelta(hours=4)


async def test_a_new_year_renews_allowances_and_has_its_budgets(demo: Demo) -> None:
    product, used = demo.buy()
    allowance = demo.allowance(product)
    assert allowance["used"] > used
    budgets = await fetch(urls_of(demo.data).owner, OPEN_BUDGETS)
    said = demo.clock("--until", allowance["renewsOn"])
    assert said == f"It is {allowance['renewsOn']} 00:00 in the demo's cities."
    assert demo.today() == date.fromisoformat(allowance["renewsOn"])
    assert demo.allowance(product)["used"] == 0
    assert await fetch(urls_of(demo.data).owner, OPEN_BUDGETS) == budgets


async def test_a_record_counts_to_its_last_day_and_the_score_says_so(demo: Demo) -> None:
    (demerit,) = (line for line in demo.mine(3)["score"]["lines"] if line["points"] < 0)
    last = date.fromisoformat(demerit["countsUntil"]) - timedelta(days=1)
    demo.clock("--until", last.isoformat())
    before = demo.mine(3)["score"]
    assert demerit in before["lines"]
    demo.clock("+1d")
    after = demo.mine(3)["score"]
    assert demerit not in after["lines"]
    assert after["points"] == after["ruleSet"]["basePoints"] + sum(line["points"] for line in after["lines"])
    assert after["history"]["edges"][0]["node"]["after"] == after["points"] == before["points"] - demerit["points"]


async def test_two_clocks_at_once_live_each_day_once(demo: Demo) -> None:
    before = demo.today()
    await asyncio.gather(*(asyncio.to_thread(demo.clock, "+20d") for _ in range(2)))
    assert demo.today() == before + timedelta(days=40)
    assert (await demo.days_done())[-1] == before + timedelta(days=40)


async def test_what_a_killed_clock_leaves_undone_the_worker_lives_through(demo: Demo) -> None:
    before = demo.today()
    with demo.begin_clock("+120d") as command:
        eventually(lambda: demo.mine()["score"]["asOf"] > before.isoformat())
        command.end(signal.SIGKILL)
    assert demo.today() == before + timedelta(days=120)
    for _ in range(round(PATIENCE_S)):
        if (await demo.days_done())[-1] < before + timedelta(days=120):
            await asyncio.sleep(1)
    assert (await demo.days_done())[-1] == before + timedelta(days=120)


def refusal(demo: Demo, *arguments: str, **environment: str) -> str:
    with running(
        [*BENEFITS, "clock", *arguments, "--data", str(demo.data)], demo.folder / "refused", environment=environment
    ) as command:
        assert command.process.wait(PATIENCE_S) == 1
        assert command.output == ""
        return str(command.errors.strip())


def test_a_citys_own_time_is_never_moved(demo: Demo) -> None:
    issuer = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "x", "OIDC_CLIENT_SECRET": "x"}
    before = demo.today()
    said = refusal(demo, "+1d", **issuer)
    assert said == "benefits: OIDC_ISSUER is set, so this is no demo: a city's time is the time."
    assert demo.today() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["3h"], "'3h' is no stretch of time: write +30m, +3h or +40d."),
        (["+1.5h"], "'+1.5h' is no stretch of time: write +30m, +3h or +40d."),
        (["+0h"], "The clock moves forward only. Give a time that lies ahead, such as +3h."),
        (["--until", "2020-01-01"], "The clock moves forward only. Give a time that lies ahead, such as +3h."),
        (["+9999d"], "That is more than ten years ahead: move the clock in smaller steps."),
        (
            ["+1d", "--until", "2099-01-01"],
            "A stretch and a day are two answers to one question: give +40d, or --until 2027-01-01.",
        ),
    ],
)
def test_what_is_no_move_forward_is_told_in_one_sentence(demo: Demo, arguments: list[str], sentence: str) -> None:
    assert refusal(demo, *arguments) == f"benefits: {sentence}"


@pytest.fixture
async def three_days(database: Database, worker: WorkerDatabase, urls: Urls) -> list[date]:
    """A city in which the jobs of three days are outstanding."""
    await City(database, worker).seeded()
    async with worker.reading(ANONYMOUS) as unit:
        today = unit.now.astimezone(ZONE).date()
    last = today - timedelta(days=3)
    await fetch(urls.owner, "DELETE FROM daily_run")
    await fetch(urls.owner, f"INSERT INTO daily_run VALUES ('{last}', TIMESTAMPTZ '{last}')")
    return [last + timedelta(days=number) for number in (1, 2, 3)]


def ignore(_done: int, _total: int) -> None:
    """Nobody looks at the progress."""


async def test_jobs_act_on_each_day_as_of_that_morning(worker: WorkerDatabase, three_days: list[date]) -> None:
    lived: list[Morning] = []

    async def live(_session: AsyncSession, morning: Morning) -> None:
        lived.append(morning)

    assert await run_days(worker, ignore, [live])
    assert [morning.day for morning in lived] == sorted(morning.day for morning in lived)
    assert {morning.day for morning in lived} == set(three_days)
    past = [morning.now.astimezone(ZONE) for morning in lived if morning.day < three_days[-1]]
    assert {(now.date(), now.hour, now.minute) for now in past} == {(day, 0, 5) for day in three_days[:2]}
    assert await outstanding_days(worker) == []
    assert await run_days(worker, ignore, [live])
    assert len(lived) == len(past) + len({morning.city.programme_id for morning in lived})


async def test_a_day_whose_job_fails_is_tried_again_and_holds_back_the_later_ones(
    worker: WorkerDatabase, three_days: list[date]
) -> None:
    async def fail_on_the_second(_session: AsyncSession, morning: Morning) -> None:
        if morning.day == three_days[1]:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await run_days(worker, ignore, [fail_on_the_second])
    assert await outstanding_days(worker) == three_days[1:]
    assert await run_days(worker, ignore, [])
    assert await outstanding_days(worker) == []


async def test_while_one_process_lives_the_days_no_other_does(worker: WorkerDatabase, three_days: list[date]) -> None:
    others: list[bool] = []

    async def ask_another(_session: AsyncSession, _morning: Morning) -> None:
        others.append(await run_days(worker, ignore, []))

    assert await run_days(worker, ignore, [ask_another])
    assert set(others) == {False}
    assert await run_days(worker, ignore, [])
