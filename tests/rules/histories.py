"""Histories of records: drawn by Hypothesis or written by hand, stored in bulk, and read back as lines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.programmes.actions import publish_programme
from domain.programmes.queries import items, rule_set_on
from domain.programmes.rules.document import ProgrammeDocument, RuleSetDocument
from domain.scoring.queries import lines_of
from domain.scoring.rules import Line
from tests.rules.oracle import Fact

KNOWN_AT = datetime(2026, 11, 22, 4, tzinfo=UTC)
TODAY = date(2026, 11, 22)
STATES = ("ANNOUNCED", "ACTIVE", "CONTESTED", "CORRECTED", "WITHDRAWN", "DECLINED", "REPAIRED")
_CITIZENS = count(1_000_000)

_STORE = text("""
    INSERT INTO credit_record (citizen_id, item_id, source_id, ref_hash, document_hash, quantity_x100,
        occurred_on, ended_on, determined_on, recorded_at)
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (citizen_id integer, item_id integer, source_id bigint,
        ref_hash bigint, document_hash bigint, quantity_x100 integer, occurred_on date, ended_on date,
        determined_on date, recorded_at timestamptz)
""")
_STORE_EVENTS = text("""
    INSERT INTO record_event (citizen_id, source_id, ref_hash, at, state)
    SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (citizen_id integer, source_id bigint, ref_hash bigint, at timestamptz, state text)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A published rule set, inside the transaction of one test."""

    session: AsyncSession
    rules: RuleSetDocument
    rule_set_id: int
    item_ids: Mapping[str, int]


async def publish(session: AsyncSession, document: ProgrammeDocument) -> Book:
    """Publishes the programme in this transaction."""
    programme_id = await publish_programme(session, document=document, today=TODAY)
    row = await rule_set_on(session, programme_id=programme_id, day=TODAY)
    assert row is not None
    item_ids = {one.code: one.id for one in await items(session) if one.programme_id == programme_id}
    return Book(session=session, rules=document.rule_set, rule_set_id=row.id, item_ids=item_ids)


async def lines_for(
    book: Book, histories: Sequence[Sequence[Fact]], *, day: date = TODAY, known_at: datetime = KNOWN_AT
) -> list[list[Line]]:
    """Stores each history for a citizen of its own and gives the lines of each, in one statement for all."""
    citizens = [next(_CITIZENS) for _ in histories]
    told = [(citizen, fact) for citizen, facts in zip(citizens, histories, strict=True) for fact in facts]
    rows = [
        {
            "citizen_id": citizen,
            "item_id": book.item_ids[fact.item],
            "source_id": fact.source,
            "ref_hash": fact.reference,
            "document_hash": fact.document,
            "quantity_x100": fact.quantity_x100,
            "occurred_on": fact.occurred,
            "ended_on": fact.ended,
            "determined_on": fact.determined,
            "recorded_at": fact.recorded,
        }
        for citizen, fact in told
    ]
    events = [
        {"citizen_id": citizen, "source_id": fact.source, "ref_hash": fact.reference, "at": at, "state": state}
        for citizen, fact in told
        for at, state in fact.events
    ]
    await book.session.execute(_STORE, {"rows": json.dumps(rows, default=str)})
    await book.session.execute(_STORE_EVENTS, {"rows": json.dumps(events, default=str)})
    lines = await lines_of(book.session, citizens=citizens, rule_set_id=book.rule_set_id, day=day, known_at=known_at)
    return [lines.get(citizen, []) for citizen in citizens]


# Most records are recent, complete, known and unchanged, so that they meet under caps; edges and oddities are mixed in.
_AGES = st.one_of(
    st.integers(0, 40),
    st.integers(0, 300),
    st.integers(0, 800),
    st.sampled_from((0, 1, 30, 31, 364, 365, 366, 729, 730, 731)),
    st.sampled_from((1825, 1826, 1827, 1900)),
)
_GAPS = st.one_of(st.just(0), st.integers(0, 60), st.integers(0, 60), st.none())
_QUANTITIES = st.one_of(
    st.integers(1, 60).map(lambda whole: whole * 100), st.integers(0, 30_000), st.just(8000), st.none()
)
_DOCUMENTS = st.one_of(st.integers(1, 40), st.none())
_RECORDED = st.sampled_from((-9, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1))
_EVENTS = st.one_of(
    st.just({}), st.just({}), st.just({}), st.dictionaries(st.integers(-3, 1), st.sampled_from(STATES), max_size=2)
)


@st.composite
def facts(draw: st.DrawFn, rules: RuleSetDocument, day: date, merit: bool | None = None) -> Fact:
    """One record, begun at most some years before the day; some are not known yet at KNOWN_AT."""
    item = draw(st.sampled_from([one for one in rules.items if merit is None or one.merit == merit]))
    occurred = day - timedelta(days=draw(_AGES))
    ended, determined = draw(_GAPS), draw(_GAPS)
    return Fact(
        source=draw(st.integers(1, 3)),
        reference=draw(st.integers(-(2**63), 2**63 - 1).filter(bool)),
        item=item.code,
        occurred=occurred,
        ended=None if ended is None else occurred + timedelta(days=ended),
        determined=None if determined is None else occurred + timedelta(days=determined),
        quantity_x100=draw(_QUANTITIES),
        document=draw(_DOCUMENTS),
        recorded=KNOWN_AT + timedelta(hours=draw(_RECORDED)),
        events=tuple((KNOWN_AT + timedelta(hours=at), state) for at, state in draw(_EVENTS).items()),
    )


@st.composite
def histories(draw: st.DrawFn, rules: RuleSetDocument, day: date) -> list[Fact]:
    """The records of one citizen, some of them reported again by somebody else, or later, or with other words."""
    told = draw(
        st.one_of(st.lists(facts(rules, day), max_size=3), st.lists(facts(rules, day), min_size=4, max_size=10))
    )
    for fact in told[: draw(st.integers(0, 3))]:
        again = draw(facts(rules, day))
        changes = {"source": again.source, "recorded": again.recorded, "events": again.events}
        if draw(st.booleans()):
            changes["quantity_x100"] = again.quantity_x100
        told.append(replace(fact, reference=again.reference, **changes))
    return list({(fact.source, fact.reference): fact for fact in told}.values())
