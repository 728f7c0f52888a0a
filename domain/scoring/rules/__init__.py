"""What lines add up to and say (lines.py), and which records may be delivered (deliveries.py). Pure.

line_of(row) -> Line                           one line from its JSON
total(lines, rules) -> Total                   points and clamp: base + lines + clamp = points, exactly
gate_points(lines, rules, field) -> int        what a product of this field compares
field_points(lines, field) -> int              the lines of one field, without the base
valid_until(lines, day) -> date | None         the next day on which a line leaves
reason_of(line, rules) -> Words                why the line gives these points
canonical(lines, total) -> str                 what a receipt of the score is the digest of
clamp_reason(total, rules) -> Words | None     why the sum is cut off, when it is
ref_hash_of(reference) -> int                  the number under which a reference is stored
service_ref(service_id) -> str                 the reference of the record that a confirmed service makes
"""

from domain.scoring.rules.deliveries import Delivery, ServiceRecord, ref_hash_of, service_ref
from domain.scoring.rules.lines import (
    Limit,
    Line,
    LineEffect,
    RecordState,
    Tally,
    Total,
    canonical,
    clamp_reason,
    field_points,
    gate_points,
    line_of,
    reason_of,
    total,
    valid_until,
)

__all__ = [
    "Delivery",
    "Limit",
    "Line",
    "LineEffect",
    "RecordState",
    "ServiceRecord",
    "Tally",
    "Total",
    "canonical",
    "clamp_reason",
    "field_points",
    "gate_points",
    "line_of",
    "reason_of",
    "ref_hash_of",
    "service_ref",
    "total",
    "valid_until",
]
