"""The one definition of a score's lines, what is read from it, and what is written beside it.

lines_cte(whose=OF_CITIZEN, rule_set=":rule_set", day=":today", known_at=":now", state="e.state") -> str
    The lines of any citizens, by any rule set, as of any day, as known at any instant; the body of a CTE.
    Columns: citizen_id, source_id, ref_hash, item_id, field_code, merit, occurred_on, ended_on, determined_on,
    start_on, until_on, quantity_x100, state (ANNOUNCED | ACTIVE | CONTESTED), raw_points, points,
    effect (COUNTED | CAPPED | CONTESTED | ANNOUNCED), cap (ITEM | FIELD | FACT, or null).
LINE_JSON                                one line as `rules.line_of` reads it, over `lines AS l JOIN item AS i`
lines_of(session, *, citizens, rule_set_id, day, known_at) -> {citizen: [Line, …]}
Fragments of one citizen, over the CTE `lines` and the common binds:
score_lines()                            [LINE_JSON + source, evidence]; null for who has no score
score_record(name, *, source_id, ref_hash)  one of these rows, or null
score_records(name, *, first, after)     the same rows, newest first; after = (start_on, source_id, ref_hash)
score_history(name, *, first, after)     [{id, at, before, after, cause}], newest first; after = (id,)
lines_known(name, *, then)               {lines, scored_from, joined_at} as known at an instant
score_forecast(name, *, until, …)        [{on, leaving: [{item, occurred_on}], beginning: […], tallies: [Tally]}]
last_change()                            the instant of the last change that the lines contain

lines.py, reading.py and writing.py hold them.
"""

from domain.scoring.queries.lines import OF_CITIZEN, OF_CITIZENS, lines_cte
from domain.scoring.queries.reading import (
    LINE_JSON,
    Then,
    last_change,
    lines_known,
    lines_of,
    score_forecast,
    score_history,
    score_lines,
    score_record,
    score_records,
)

__all__ = [
    "LINE_JSON",
    "OF_CITIZEN",
    "OF_CITIZENS",
    "Then",
    "last_change",
    "lines_cte",
    "lines_known",
    "lines_of",
    "score_forecast",
    "score_history",
    "score_lines",
    "score_record",
    "score_records",
]
