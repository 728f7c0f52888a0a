"""A sample file for each city, as a department would deliver it: `seeds/samples/<city>.ndjson`.

`python -m seeds.deliveries` writes them. All people in them are the demo's invented ones; two have no score, and their
lines count as accepted like all others.
"""

import json
import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from domain.programmes.rules.document import Item, ProgrammeDocument
from seeds.demo import document_of, programme_codes
from seeds.people import MINOR, NOT_JOINED, subject_of

SAMPLES: Final = Path(__file__).parent / "samples"

_FIRST_DAY: Final = date(2026, 9, 1)
_DAYS: Final = 60
_PEOPLE: Final = (NOT_JOINED, MINOR, *range(6, 16))


def path_of(code: str) -> Path:
    """Where the sample of a city stands."""
    return SAMPLES / f"{code}.ndjson"


def department_of(document: ProgrammeDocument) -> str:
    """The department whose file the sample is: the one with the most kinds of merit to report but hours of service."""
    entries = {entry.code: entry.department for entry in document.catalogue}
    counts = Counter(entries[item.catalogue or ""] for item in _merits(document))
    return max(sorted(counts), key=lambda code: counts[code])


def sample(code: str) -> str:
    """The whole file: the same one in every run."""
    document = document_of(code)
    department = department_of(document)
    entries = {entry.code: entry.department for entry in document.catalogue}
    items = [item for item in _merits(document) if entries[item.catalogue or ""] == department]
    draw = random.Random(f"{code}-sample")
    lines = [_line(code, index, draw.choice(items), draw) for index in _PEOPLE for _ in range(2)]
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def _merits(document: ProgrammeDocument) -> list[Item]:
    return [item for item in document.rule_set.items if item.merit and not item.volunteer_hours]


def _line(code: str, index: int, item: Item, draw: random.Random) -> dict[str, object]:
    day = (_FIRST_DAY + timedelta(days=draw.randrange(_DAYS))).isoformat()
    subject = subject_of(code, "citizen", index)
    line: dict[str, object] = {
        "citizenRef": f"demo:{subject}",
        "item": item.code,
        "sourceRef": f"sample-{subject}-{item.code}-{day}-{draw.randrange(10_000):04}",
        "occurredOn": day,
        "endedOn": day,
        "determinedOn": day,
        "evidence": item.evidence.zh,
    }
    if item.tiers:
        line["quantity"] = draw.randrange(1, 20)
    if item.document_required:
        line["documentId"] = f"SAMPLE-{subject}-{day}"
    return line


if __name__ == "__main__":
    for each in programme_codes():
        path_of(each).write_text(sample(each), encoding="utf-8")
