"""A report as PDF. Equal input gives equal bytes: no date of printing, no random ids."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib
from PIL import Image as Pillow
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    CondPageBreak,
    Image,
    KeepTogether,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from core import __version__
from core.figures.style import PALETTES
from core.reports.content import Grid, Item, Picture, Section, sections, summary
from core.reports.plots import plot
from core.types import RGB, Analysis

_LIGHT = PALETTES["light"]
_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN - 12  # the frame of a page keeps 6 pt free on each side
_PICTURE_PX = 1100
_TALLEST = 110 * mm
_ROOM = 35 * mm
_FONT, _BOLD = "DejaVuSans", "DejaVuSans-Bold"


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """Make the fonts known, and tell which characters they have."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (_FONT, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(_FONT, normal=_FONT, bold=_BOLD, italic=_FONT, boldItalic=_BOLD)
    return frozenset(pdfmetrics.getFont(_FONT).face.charToGlyph)


def shown(text: str) -> str:
    """Text as it can be printed: what steers the reader or has no sign in the font stands as its code."""
    known = _glyphs()
    return "".join(c if c.isprintable() and ord(c) in known else f"\\u{ord(c):04x}" for c in text)


def to_pdf(items: Item | Sequence[Item]) -> bytes:
    """A report on one file, or on a session of several with an overview first.

    Raises:
        ValueError: there is nothing to report on.
    """
    every = [items] if isinstance(items, Item) else list(items)
    if not every:
        raise ValueError("a report needs at least one analysis")
    _glyphs()
    story: list[Any] = []
    if len(every) > 1:
        story += [
            Paragraph("Unmask report", _style("title")),
            *_section(summary(every), every[0].analysis),
            PageBreak(),
        ]
    for place, item in enumerate(every):
        story += [PageBreak()] if place else []
        story.append(Paragraph(escape(shown(item.analysis.media.name)), _style("title")))
        for section in sections(item):
            story += _section(section, item.analysis)
    out = io.BytesIO()
    title = shown(every[0].analysis.media.name) if len(every) == 1 else f"{len(every)} files"
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN,
        title=f"Unmask report: {title}", author=f"Unmask {__version__}", invariant=1,
    )  # fmt: skip
    document.build(story, onFirstPage=_footer, onLaterPages=_footer)
    return out.getvalue()


def _footer(canvas: Any, document: Any) -> None:
    canvas.setFont(_FONT, 7)
    canvas.setFillColor(HexColor(_LIGHT.muted))
    canvas.drawString(_MARGIN, 10 * mm, f"Unmask {__version__}. An estimate by models, no proof.")
    canvas.drawRightString(A4[0] - _MARGIN, 10 * mm, f"page {document.page}")


@lru_cache(maxsize=8)
def _style(name: str) -> ParagraphStyle:
    sizes = {"title": 17, "heading": 12, "text": 9, "cell": 7.5, "head": 7.5, "caption": 7.5}
    size = sizes[name]
    return ParagraphStyle(
        name,
        fontName=_BOLD if name in ("title", "heading", "head") else _FONT,
        fontSize=size,
        leading=1.35 * size,
        textColor=HexColor(_LIGHT.muted if name == "caption" else _LIGHT.text),
        spaceBefore=8 if name == "heading" else 0,
        spaceAfter={"title": 6, "heading": 4, "text": 3}.get(name, 0),
        splitLongWords=True,
        wordWrap="CJK" if name in ("cell", "title") else None,
    )


def _section(section: Section, analysis: Analysis) -> list[Any]:
    head: list[Any] = [Paragraph(escape(shown(section.title)), _style("heading"))]
    head += [Paragraph(escape(shown(line)), _style("text")) for line in section.text]
    if section.plot:
        head.append(_placed(plot(analysis, section.plot), _WIDTH))
    rest: list[Any] = []
    if section.pictures:
        rest += [_pictures(section.pictures), Spacer(1, 4)]
    if section.grid:
        rest += [_grid(section.grid), Spacer(1, 4)]
    rest += [Paragraph(f"• {escape(shown(line))}", _style("text")) for line in section.bullets]
    kept = [KeepTogether([*head, *rest[:1]]), *rest[1:]] if not section.grid else [KeepTogether(head), *rest]
    return [CondPageBreak(_ROOM), *kept]


def _placed(png: bytes, width: float) -> Image:
    with Pillow.open(io.BytesIO(png)) as image:
        across, down = image.size
    scale = min(width / across, _TALLEST / down)
    return Image(io.BytesIO(png), across * scale, down * scale)


def _pictures(pictures: Sequence[Picture]) -> Table:
    """Two side by side."""
    cells: list[list[Any]] = []
    for picture in pictures:
        image = _placed(_jpeg(picture.rgb), _WIDTH / 2 - 8)
        cells.append([image, Paragraph(escape(shown(picture.caption)), _style("caption"))])
    rows = [cells[i : i + 2] + [""] * (2 - len(cells[i : i + 2])) for i in range(0, len(cells), 2)]
    table = Table(rows, colWidths=[_WIDTH / 2] * 2)
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)]))
    return table


def _jpeg(rgb: RGB) -> bytes:
    image = Pillow.fromarray(rgb)
    image.thumbnail((_PICTURE_PX, _PICTURE_PX))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()


def _grid(grid: Grid) -> Table:
    columns = len(grid.head or grid.rows[0])
    widths = [_WIDTH * 0.24, _WIDTH * 0.76] if not grid.head and columns == 2 else _widths(grid, columns)
    rows = [[Paragraph(escape(shown(cell)), _style("cell")) for cell in row] for row in grid.rows]
    if grid.head:
        rows.insert(0, [Paragraph(escape(shown(cell)), _style("head")) for cell in grid.head])
    table = Table(rows, colWidths=widths, repeatRows=1 if grid.head else 0)
    style: list[Any] = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(_LIGHT.grid)),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]
    table.setStyle(TableStyle(style))
    return table


def _widths(grid: Grid, columns: int) -> list[float]:
    """Columns share the page by the length of what stands in them, none too narrow to be read."""
    longest = [min(46, max(len(row[i]) for row in (grid.head, *grid.rows))) + 3 for i in range(columns)]
    return [_WIDTH * length / sum(longest) for length in longest]
