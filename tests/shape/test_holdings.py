"""No table with a person's data is forgotten when somebody asks for a copy of everything."""

import re

from domain.rights.queries.holdings import PARTS, PERSON
from tests.shape.test_schema import ABOUT_NOBODY, metadata

# Not in the copy, and why.
LEFT_OUT = {
    "audit_event": "what staff have done: ids only, and each look at a person stands in the access log",
    "audit_link": "hashes of the trail",
    "client_assertion": "machines",
    "delivery": "keyed digests of references, whoever they are about",
    "export": "the copies themselves",
    "idempotency": "hashes of requests, for a few weeks",
    "import_run": "a department's own deliveries",
    "invitation": "an organisation's own invitations, to a masked address",
    "outbox": "numbers on their way to the phone",
    "person_key": "the key itself",
    "repaired_record": "sealed for the auditor alone; the repair itself is in the copy",
    "rescore_part": "how far a recalculation has come",
    "source_client": "machines",
}

__all__ = ["metadata"]


def test_every_table_with_a_persons_data_is_in_the_copy_or_left_out_for_a_reason(metadata: object) -> None:
    named = set(re.findall(r"(?:FROM|JOIN) (\w+)", " ".join([PERSON, *PARTS.values()])))
    tables = set(metadata.tables)  # type: ignore[attr-defined]  # SQLModel.metadata
    assert tables - named - ABOUT_NOBODY == set(LEFT_OUT)
