"""Spreadsheets and files of separated values -> blocks.

Spreadsheets are read with openpyxl and not through unstructured, which cut a small sheet into a table of one
row and stray titles, and wrote 2024-03-02 as "2024-03-02 00:00:00".
"""

from __future__ import annotations

import csv
import datetime
import io
import re
from typing import Any

import openpyxl

from ingest.parse_blocks import Block, Parsed
from ingest.parse_rows import Row, is_header, table_blocks
from ingest.parse_text import decode
from rag.errors import UnreadableFileError

__all__ = ["parse_csv", "parse_xlsx"]

_openpyxl: Any = openpyxl  # it has no types
_MERGE_LIMIT = 20_000_000
_CURRENCY = re.compile(r'\[\$([^\]-]+)(?:-[^\]]*)?\]|"([^"]{1,5})"|([€$£¥￥元円])')
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def parse_csv(data: bytes, name: str) -> Parsed:
    """Comma-, semicolon-, tab- or bar-separated values, in any encoding that decode() recognises."""
    text, _ = decode(data)
    dialect = _delimiter(text[:65536])
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=dialect, skipinitialspace=True))
    except csv.Error:
        # a quotation mark that is never closed: then it is no quotation mark
        rows = [line.split(dialect) for line in text.splitlines()]
    return Parsed("", tuple(table_blocks(rows)), "text/csv")


def _delimiter(sample: str) -> str:
    """The mark that cuts most lines into the same number of cells."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    best, most = ",", 0.0
    for mark in (",", ";", "\t", "|"):
        counts = [len(row) for row in csv.reader(lines, delimiter=mark)]
        usual = max(set(counts), key=counts.count, default=1)
        if usual > 1 and (score := counts.count(usual) / len(counts) + usual / 1000) > most:
            best, most = mark, score
    return best


def parse_xlsx(data: bytes, name: str) -> Parsed:
    """A workbook: each visible sheet under its name; empty rows part its tables."""
    # merged cells are only known when the whole sheet is in memory
    whole = len(data) < _MERGE_LIMIT // 10
    try:
        book = _openpyxl.load_workbook(io.BytesIO(data), read_only=not whole, data_only=True)
        if whole and any(sheet.max_row * sheet.max_column > _MERGE_LIMIT // 10 for sheet in book.worksheets):
            # one stray cell at the far edge: row by row there is nothing between
            whole = False
            book = _openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except Exception as error:  # openpyxl lets the errors of zipfile, lxml and its own checks through
        raise UnreadableFileError(f"the workbook cannot be opened: {error}") from error
    blocks: list[Block] = []
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        if not whole:
            sheet.reset_dimensions()
        found = _sheet_blocks(sheet, whole)
        if found:
            blocks += [Block("heading", sheet.title, 1), *found]
    return Parsed(book.properties.title or "", tuple(blocks), _XLSX)


def _sheet_blocks(sheet: Any, whole: bool) -> list[Block]:  # noqa: ANN401 - openpyxl has no types
    repeated = _merged(sheet) if whole else {}
    blocks: list[Block] = []
    rows: list[Row] = []
    bold = False
    for cells in sheet.iter_rows():
        row = [
            repeated.get((c.row, c.column), "") or _shown(c) if c.__class__.__name__ != "EmptyCell" else ""
            for c in cells
        ]
        if any(row):
            if not rows or sum(map(bool, rows[-1])) == 1:
                bold = all(cell.font is not None and cell.font.b for cell in cells if cell.value is not None)
            rows.append(row)
        elif rows:
            blocks += _sheet_table(rows, bold)
            rows = []
    return blocks + _sheet_table(rows, bold)


def _sheet_table(rows: list[Row], bold: bool) -> list[Block]:
    if not rows:
        return []
    left = min((i for row in rows for i, cell in enumerate(row) if cell), default=0)
    rows = [row[left:] for row in rows]
    body = next((i for i, row in enumerate(rows) if sum(map(bool, row)) > 1), 0)
    named = is_header(rows[body:], bold)
    return table_blocks(rows, None, named)


def _merged(sheet: Any) -> dict[tuple[int, int], str]:  # noqa: ANN401
    """A cell merged over several rows counts for each of them: "Category" beside five products."""
    found: dict[tuple[int, int], str] = {}
    for area in sheet.merged_cells.ranges:
        shown = _shown(sheet.cell(area.min_row, area.min_col))
        # a cell merged over all columns is a title; over some, a header above others
        if area.min_col == area.max_col:
            found.update(((row, area.min_col), shown) for row in range(area.min_row + 1, area.max_row + 1))
    return found


def _shown(cell: Any) -> str:  # noqa: ANN401
    """A cell as a reader sees it, near enough: dates without a midnight, percentages and currencies with
    their sign.
    """
    value, form = cell.value, str(getattr(cell, "number_format", "") or "")
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return (
            value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
        )
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if not isinstance(value, int | float):
        return str(value)
    if "%" in _QUOTED.sub("", form):
        return f"{value * 100:.10g}%"
    number = f"{value:.15g}"
    sign = _CURRENCY.search(form)
    if sign is None:
        return number
    unit = next(filter(None, sign.groups())).strip()
    before = sign.start() < form.find("0") if "#" not in form else sign.start() < form.find("#")
    return f"{unit}{number}" if before else f"{number} {unit}"
