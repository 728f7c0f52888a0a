"""A record of volunteer service on A4: the words of the record, and a QR picture that leads to its public check.

The document carries those signs of its typeface that it uses, so that any reader shows and prints it.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Final

import segno
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from domain.values import Words

# 文泉驿微米黑, whose outlines may be embedded (Apache-2.0, or GPL with the font exception).
_FONT: Final = "WenQuanYi-Micro-Hei"
_FILE: Final = files("paperang_p2_fonts_cjk") / "fonts" / "wqy-microhei.ttc"
# What printers have always set for a sign that their case does not hold.
_NO_SIGN: Final = "〓"
_WIDTH, _HEIGHT = A4
_MARGIN: Final = 56.0
_LINE: Final = 17.0
_SIZE: Final = 10.5
_SMALL: Final = 8.5
_QR_SIDE: Final = 110.0

_TYPEFACE: Final = TTFont(_FONT, str(_FILE), subfontIndex=0)
pdfmetrics.registerFont(_TYPEFACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What is printed. `url` is where anybody checks it."""

    number: str
    check_code: str
    label: Words
    programme: Words
    holder: str
    recorded_by: Words
    hours: float
    period: tuple[date, date]
    issued_on: date
    revoked: bool
    lines: Sequence[Words]
    url: str


def render(sheet: Sheet) -> bytes:
    """The sheet as a PDF; the same sheet gives the same bytes."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=True, pageCompression=1)
    canvas.setTitle(f"{sheet.label.zh} {sheet.number}")
    canvas.setAuthor(sheet.programme.zh)
    y = _head(canvas, sheet)
    for text in _wrapped(sheet.lines):
        if y < _MARGIN + 2 * _LINE:
            canvas.showPage()
            y = _HEIGHT - _MARGIN
        canvas.setFont(_FONT, _SMALL)
        _draw(canvas, y, text)
        y -= _LINE * 0.8
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _head(canvas: Canvas, sheet: Sheet) -> float:
    """The first page down to the list; gives where the list begins."""
    y = _HEIGHT - _MARGIN
    canvas.setFont(_FONT, 18)
    _draw(canvas, y, "志愿服务记录  Volunteer service record")
    y -= 1.4 * _LINE
    canvas.setFont(_FONT, _SMALL)
    for text in (sheet.label.zh, sheet.label.en):
        _draw(canvas, y, text)
        y -= 0.8 * _LINE
    y -= 0.6 * _LINE
    canvas.setFont(_FONT, _SIZE)
    for name, value in _facts(sheet):
        _draw(canvas, y, f"{name}  {value}")
        y -= _LINE
    draw_qr(canvas, sheet.url, left=_WIDTH - _MARGIN - _QR_SIDE, top=_HEIGHT - _MARGIN - 2.2 * _LINE)
    canvas.setFont(_FONT, _SMALL)
    for text in _cut(f"核验 Check: {sheet.url}", _WIDTH - 2 * _MARGIN):
        _draw(canvas, y, text)
        y -= 0.8 * _LINE
    return float(y - 0.8 * _LINE)


def _facts(sheet: Sheet) -> list[tuple[str, str]]:
    facts = [
        ("姓名 Name:", sheet.holder),
        ("项目 Programme:", sheet.programme.zh),
        ("时长 Hours:", f"{sheet.hours:g} 小时 h"),
        ("起止 Period:", f"{sheet.period[0]} – {sheet.period[1]}"),
        *(("记录单位 Recorded by:", text) for text in _cut(sheet.recorded_by.zh, 250)),
        ("编号 Number:", sheet.number),
        ("核验码 Check code:", sheet.check_code),
        ("开具日期 Issued on:", str(sheet.issued_on)),
    ]
    if sheet.revoked:
        facts.append(("已撤销 REVOKED", "请勿使用 no longer valid"))
    return facts


def _draw(canvas: Canvas, y: float, text: str) -> None:
    """One line. No sign is left out without a trace."""
    canvas.drawString(
        _MARGIN, y, "".join(sign if ord(sign) in _TYPEFACE.face.charToGlyph else _NO_SIGN for sign in text)
    )


def draw_qr(canvas: Canvas, text: str, *, left: float, top: float) -> None:
    """A QR picture as squares, so that it prints sharply at any size; four modules around it stay white."""
    matrix = segno.make_qr(text, error="m").matrix
    side = _QR_SIDE / (len(matrix) + 8)
    for row, cells in enumerate(matrix):
        for column, dark in enumerate(cells):
            if dark:
                canvas.rect(left + (column + 4) * side, top - (row + 5) * side, side, side, stroke=0, fill=1)


def _wrapped(lines: Sequence[Words]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        yield from _cut(f"{number}. {line.zh}", _WIDTH - 2 * _MARGIN)


def _cut(text: str, width: float) -> Iterator[str]:
    """The text in pieces that fit."""
    piece = ""
    for sign in text:
        if pdfmetrics.stringWidth(piece + sign, _FONT, _SMALL) > width:
            yield piece
            piece = ""
        piece += sign
    yield piece
