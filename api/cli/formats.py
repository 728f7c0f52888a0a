"""What departments' files look like: the help of `benefits import`; its first line stands in the list of commands."""

from typing import Final

IMPORT: Final = """Take a department's file of records or a register.

A file is NDJSON: one JSON object a line, in UTF-8, of at most 65536 bytes. Texts have 1 to 200 visible characters,
dates are written like 2026-01-31 and lie in the past, and no other key may stand there.

--kind records: citizenRef, item, sourceRef, occurredOn, evidence; and where the item asks for them endedOn,
determinedOn, quantity (up to 1000000, two decimals), documentId. The item must stand in the department's own entries of
the public catalogue.

--kind dwellings: citizenRef, dwellingRef, sourceRef, since.

--kind accounts: kind (HEATING or WATER), number, dwellingRef, sourceRef, since. A provider's register: it tells where
those live who have linked their account.

A sourceRef names one fact for ever. The same line again is a duplicate; the same sourceRef with another content is
refused: use correctRecord. What is refused stands in FILE.refused, one JSON object a line with line, code, field and
reason in both languages; the rest goes on. Lines about people who have not joined count as accepted, and nothing of
them is kept. A register may be sent again: its duplicates link those who have joined since then.

The same command again takes up an import that broke off, and loses and doubles nothing.
"""
