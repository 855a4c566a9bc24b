"""Rebuild the binary sample documents from the readable sources beside this file.

A reviewer reads ``sources/<department>/<name>.<format>.md``; a reader of the assistant gets
``documents/<department>/<name>.<format>``. Both are committed, so nobody needs these libraries to
use the samples, and the same sources always give the same bytes (with the same library versions).

    python deploy/sample/build.py [--output FOLDER] [--font FILE] [--only docx,pptx,xlsx]

Needs python-docx, python-pptx and openpyxl (the ``ingest`` readers' own libraries) and, for PDF
only, reportlab with a TrueType font that holds Chinese: Debian's package ``fonts-wqy-zenhei``
(its licence allows embedding); any other TrueType font can be named with --font. The glyphs that
are used are embedded as a subset.

The source format is a small part of Markdown: front matter (``key: value``), ``#`` headings,
``- `` bullets, pipe tables, ``> `` speaker notes (pptx), and paragraphs of one line each.
In a workbook each ``## `` heading starts a sheet, in a slide deck a slide.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import docx
import openpyxl  # type: ignore[import-untyped]
import pptx
from docx.document import Document as DocxDocument
from docx.oxml.ns import qn
from openpyxl.styles import Alignment, Font  # type: ignore[import-untyped]
from pptx.slide import Slide
from pptx.util import Inches, Pt

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources"
DOCUMENTS = HERE / "documents"
FONT = Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc")
ZIP_DATE = (2026, 1, 1, 0, 0, 0)  # any fixed moment: the real one would change every build
Save = Callable[[io.BytesIO], object]
FORMATS = ("docx", "pptx", "xlsx", "pdf")

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")
_EAST_ASIAN_FONTS = {"zh": "SimSun", "ja": "MS Mincho"}


@dataclass(frozen=True)
class Block:
    """One piece of a source: a heading, a paragraph, a bullet, a note or a table."""

    kind: str
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Source:
    """One parsed source file and the front matter that becomes the document's properties."""

    title: str
    author: str
    language: str
    date: datetime
    blocks: tuple[Block, ...]


def parse(text: str) -> Source:
    """Read a source; a missing front-matter key raises KeyError, so no property is guessed."""
    _, head, body = text.split("---\n", 2)
    meta = {k.strip(): v.strip() for k, v in (x.split(":", 1) for x in head.splitlines() if x)}
    return Source(
        title=meta["title"],
        author=meta["author"],
        language=meta["language"],
        date=datetime.fromisoformat(meta["date"]),
        blocks=tuple(_blocks(body.splitlines())),
    )


def _blocks(lines: list[str]) -> Iterator[Block]:
    """Turn lines into blocks; consecutive pipe rows form one table."""
    rows: list[tuple[str, ...]] = []
    for line in [*lines, ""]:
        line = line.strip()
        if line.startswith("|"):
            cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
            if not all(set(cell) <= {"-", ":"} and cell for cell in cells):
                rows.append(cells)
            continue
        if rows:
            yield Block("table", rows=tuple(rows))
            rows = []
        if line.startswith("#"):
            marks, _, text = line.partition(" ")
            yield Block("heading", text, level=len(marks))
        elif line.startswith("- "):
            yield Block("bullet", line[2:])
        elif line.startswith("> "):
            yield Block("note", line[2:])
        elif line:
            yield Block("paragraph", line)


def write_docx(source: Source) -> bytes:
    """Word file with real heading styles and tables, because parsers read their structure."""
    document = docx.Document()
    east_asian = _EAST_ASIAN_FONTS.get(source.language[:2])
    if east_asian:
        fonts = document.styles["Normal"].element.get_or_add_rPr().get_or_add_rFonts()
        fonts.set(qn("w:eastAsia"), east_asian)
    for block in source.blocks:
        if block.kind == "heading":
            document.add_heading(block.text, level=block.level - 1)
        elif block.kind == "table":
            _docx_table(document, block)
        elif block.kind == "bullet":
            document.add_paragraph(block.text, style="List Bullet")
        else:
            document.add_paragraph(block.text)
    properties = document.core_properties
    properties.title, properties.author = source.title, source.author
    properties.language = source.language
    properties.last_modified_by = source.author
    properties.created = properties.modified = source.date
    return _saved(document.save)


def _docx_table(document: DocxDocument, block: Block) -> None:
    table = document.add_table(rows=0, cols=len(block.rows[0]))
    table.style = "Table Grid"
    for number, row in enumerate(block.rows):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.paragraphs[0].add_run(text).bold = number == 0


def write_pptx(source: Source) -> bytes:
    """Slide deck: one title slide from the first heading, then a slide for every ``##``."""
    deck = pptx.Presentation()
    slide: Slide | None = None
    for block in source.blocks:
        if block.kind == "heading":
            slide = deck.slides.add_slide(deck.slide_layouts[0 if block.level == 1 else 1])
            if slide.shapes.title is not None:
                slide.shapes.title.text = block.text
        elif slide is None:
            raise ValueError("a slide deck must begin with a heading")
        elif block.kind == "table":
            _pptx_table(slide, block)
        elif block.kind == "note":
            notes = slide.notes_slide.notes_text_frame
            if notes is not None:
                notes.text = "\n".join(x for x in (notes.text, block.text) if x)
        else:
            _pptx_line(slide, block.text)
    properties = deck.core_properties
    properties.title, properties.author = source.title, source.author
    properties.language = source.language
    properties.last_modified_by = source.author
    properties.created = properties.modified = source.date
    return _saved(deck.save)


def _pptx_line(slide: Slide, text: str) -> None:
    frame = slide.placeholders[1].text_frame
    paragraph = frame.paragraphs[0] if not frame.text else frame.add_paragraph()
    paragraph.text = text


def _pptx_table(slide: Slide, block: Block) -> None:
    rows, columns = len(block.rows), len(block.rows[0])
    height = Inches(0.4 * rows)
    shape = slide.shapes.add_table(rows, columns, Inches(0.5), Inches(4.2), Inches(9), height)
    for y, row in enumerate(block.rows):
        for x, text in enumerate(row):
            cell = shape.table.cell(y, x)
            cell.text = text
            cell.text_frame.paragraphs[0].font.size = Pt(14)


def write_xlsx(source: Source) -> bytes:
    """Workbook: a sheet for every ``##``; numbers become numbers, as in a real price list."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    sheet = None
    for block in source.blocks:
        if block.kind == "heading":
            if block.level == 2:
                sheet = book.create_sheet(block.text)
            continue
        if sheet is None:
            raise ValueError("a workbook's text must stand under a '##' heading")
        if block.kind != "table":
            sheet.append([block.text])
            continue
        for number, row in enumerate(block.rows):
            sheet.append([_cell(text) for text in row])
            for cell in sheet[sheet.max_row]:
                cell.font = Font(bold=number == 0)
                cell.alignment = Alignment(vertical="top")
        for column in range(1, len(block.rows[0]) + 1):
            sheet.column_dimensions[openpyxl.utils.get_column_letter(column)].width = 22
    properties = book.properties
    properties.title, properties.creator = source.title, source.author
    properties.lastModifiedBy, properties.language = source.author, source.language
    properties.created = properties.modified = source.date
    stamp = f"{source.date:%Y-%m-%dT%H:%M:%SZ}".encode()
    return _saved(book.save, lambda data: _MODIFIED.sub(rb"\g<1>" + stamp + rb"\g<2>", data))


def _cell(text: str) -> str | int | float:
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _saved(save: Save, core: Callable[[bytes], bytes] | None = None) -> bytes:
    """Save an office file and rewrite its zip with fixed dates, so that builds are equal."""
    raw, out = io.BytesIO(), io.BytesIO()
    save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if core is not None and name == "docProps/core.xml":
                data = core(data)
            info = zipfile.ZipInfo(name, ZIP_DATE)
            info.external_attr = 0o600 << 16
            new.writestr(info, data, zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()


def write_pdf(source: Source, font: Path) -> bytes:
    """PDF with a text layer; reportlab is imported here because only this format needs it."""
    try:
        import build_pdf
    except ImportError as error:
        raise SystemExit(f"{error.name} is missing: pip install reportlab") from error
    if not font.is_file():
        raise SystemExit(f"{font} is missing: apt-get install fonts-wqy-zenhei, or give --font")
    return build_pdf.render(source, font)


def build(output: Path, font: Path, formats: tuple[str, ...]) -> list[Path]:
    """Write every binary document of these formats under output; returns the paths written."""
    office = {"docx": write_docx, "pptx": write_pptx, "xlsx": write_xlsx}
    written = []
    for path in sorted(SOURCES.rglob("*.md")):
        target = output / path.relative_to(SOURCES).with_suffix("")
        kind = target.suffix[1:]
        if kind not in formats:
            continue
        source = parse(path.read_text(encoding="utf-8"))
        data = write_pdf(source, font) if kind == "pdf" else office[kind](source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        written.append(target)
    return written


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, build, and name each file that was written."""
    parser = argparse.ArgumentParser(description="Rebuild the binary sample documents.")
    parser.add_argument("--output", type=Path, default=DOCUMENTS)
    parser.add_argument("--font", type=Path, default=FONT)
    parser.add_argument("--only", default=",".join(FORMATS))
    options = parser.parse_args(argv)
    for path in build(options.output, options.font, tuple(options.only.split(","))):
        sys.stdout.write(f"{path.relative_to(options.output)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
