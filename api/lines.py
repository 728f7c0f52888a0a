"""Cuts a stream of bytes into lines, holding no more than one block and one line, however long the lines are."""

from dataclasses import dataclass

from domain.scoring.rules.delivered_lines import MAX_LINE_BYTES

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: its number from 1, the place behind it, and what it says; None when it is too long to be read."""

    number: int
    end: int
    content: bytes | None


class Lines:
    """The lines of one stream, from the place at which an earlier reading ended."""

    def __init__(self, *, number: int = 0, end: int = 0) -> None:
        self._number = number
        self._end = end
        self._kept = b""
        self._skipped = 0

    def feed(self, block: bytes) -> list[Line]:
        """The lines that end in this block. A blank line is none, but is counted."""
        *ended, rest = block.split(b"\n")
        lines = [self._line(piece, ending=1) for piece in ended]
        self._keep(rest)
        return [line for line in lines if line is not None]

    def finish(self) -> list[Line]:
        """What stands behind the last end of a line."""
        if not self._kept and not self._skipped:
            return []
        line = self._line(b"", ending=0)
        return [] if line is None else [line]

    def _line(self, piece: bytes, *, ending: int) -> Line | None:
        self._keep(piece)
        content, length = self._kept, len(self._kept) + self._skipped
        is_overlong = bool(self._skipped)
        self._kept, self._skipped = b"", 0
        self._number += 1
        if self._end == 0:
            content = content.removeprefix(_MARK)
        self._end += length + ending
        content = content.removesuffix(b"\r")
        if not is_overlong and not content.strip():
            return None
        return Line(number=self._number, end=self._end, content=None if is_overlong else content)

    def _keep(self, piece: bytes) -> None:
        """Adds to the line that has not ended; of one that is too long only the length is remembered."""
        if self._skipped:
            self._skipped += len(piece)
            return
        self._kept = self._kept + piece if self._kept else piece
        if len(self._kept) > MAX_LINE_BYTES:
            self._skipped, self._kept = len(self._kept), b""
