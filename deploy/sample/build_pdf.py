"""The PDF half of build.py, apart from it so that only PDFs need reportlab.

English papers use a standard PDF font; Chinese ones embed the used glyphs of a TrueType font, so
that the text layer can be read back on a machine that has no Chinese font at all.
"""

# mypy: disable-error-code="import-untyped,import-not-found"

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

if TYPE_CHECKING:
    from build import Block, Source

MARGIN = 22 * mm


class _Paper(SimpleDocTemplate):  # type: ignore[misc]
    """Numbers its pages last, so that the text layer of a page begins with its text."""

    def afterPage(self) -> None:
        self.canv.setFont("Helvetica", 8)
        self.canv.drawRightString(A4[0] - MARGIN, 12 * mm, str(self.page))


def render(source: Source, font: Path) -> bytes:
    """Lay a source out on A4 pages; invariant=1 keeps dates and ids out of the bytes."""
    styles = _styles(source.language, font)
    out = io.BytesIO()
    document = _Paper(
        out,
        pagesize=A4,
        title=source.title,
        author=source.author,
        lang=source.language,
        invariant=1,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
    )
    document.build([item for block in source.blocks for item in _flowables(block, styles)])
    return out.getvalue()


def _styles(language: str, font: Path) -> dict[str, Any]:
    """Paragraph styles by name; Chinese breaks lines between any two characters."""
    chinese = language.startswith("zh")
    regular, bold = "Helvetica", "Helvetica-Bold"
    if chinese:
        regular = bold = "SampleCJK"
        pdfmetrics.registerFont(TTFont(regular, str(font), subfontIndex=0))
    wrap = "CJK" if chinese else None
    base = ParagraphStyle("body", fontName=regular, fontSize=10.5, leading=16, wordWrap=wrap)
    styles: dict[str, Any] = {"body": base}
    styles["bullet"] = ParagraphStyle("bullet", base, leftIndent=14, bulletIndent=4)
    styles["cell"] = ParagraphStyle("cell", base, fontSize=9, leading=12)
    for level, size in enumerate((18, 14, 12), start=1):
        styles[f"h{level}"] = ParagraphStyle(
            f"h{level}", base, fontName=bold, fontSize=size, leading=size * 1.5, keepWithNext=1
        )
    return styles


def _flowables(block: Block, styles: dict[str, Any]) -> list[Any]:
    gap = Spacer(1, 5)
    if block.kind == "table":
        rows = [[Paragraph(escape(cell), styles["cell"]) for cell in row] for row in block.rows]
        table = Table(rows, repeatRows=1, hAlign="LEFT")
        grid = ("GRID", (0, 0), (-1, -1), 0.5, colors.grey)
        head = ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)
        table.setStyle(TableStyle([grid, head]))
        return [table, gap]
    if block.kind == "heading":
        return [Spacer(1, 6), Paragraph(escape(block.text), styles[f"h{min(block.level, 3)}"])]
    if block.kind == "bullet":
        return [Paragraph(escape(block.text), styles["bullet"], bulletText="-")]
    return [Paragraph(escape(block.text), styles["body"]), gap]
