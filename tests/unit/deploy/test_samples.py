"""The sample papers hold what their questions ask, in the formats and languages promised.

Files are read here with the plain libraries and not with the ingest parsers, so that a broken
parser and a broken sample cannot hide each other.
"""

from __future__ import annotations

import csv
import email
import email.policy
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import docx
import openpyxl  # type: ignore[import-untyped]
import pptx
import pypdfium2
import pytest

SAMPLE = Path(__file__).resolve().parents[3] / "deploy" / "sample"
DOCUMENTS = SAMPLE / "documents"
BINARY = {".docx", ".pptx", ".xlsx", ".pdf"}
README_ROW = re.compile(r"^\| (\S+\.\w+) \| (\S+) \|", re.MULTILINE)


def _questions() -> list[dict[str, Any]]:
    lines = (SAMPLE / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _listed() -> dict[str, str]:
    """Path -> language, as the README's table says."""
    return dict(README_ROW.findall((SAMPLE / "README.md").read_text(encoding="utf-8")))


class _Words(HTMLParser):
    """Collects the words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _docx_parts(path: Path) -> Iterator[str]:
    document = docx.Document(str(path))
    yield from (paragraph.text for paragraph in document.paragraphs)
    for table in document.tables:
        yield from (cell.text for row in table.rows for cell in row.cells)


def _pptx_parts(path: Path) -> Iterator[str]:
    for slide in pptx.Presentation(str(path)).slides:
        for shape in slide.shapes:
            if shape.has_text_frame:
                yield shape.text_frame.text
            elif shape.has_table:
                table = shape.table
                yield from (cell.text for row in table.rows for cell in row.cells)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            yield slide.notes_slide.notes_text_frame.text


def _xlsx_parts(path: Path) -> Iterator[str]:
    for sheet in openpyxl.load_workbook(path).worksheets:
        yield sheet.title
        for row in sheet.iter_rows(values_only=True):
            yield from (str(value) for value in row if value is not None)


def _pdf_parts(path: Path) -> Iterator[str]:
    with pypdfium2.PdfDocument(path) as pdf:  # type: ignore[no-untyped-call]
        for page in pdf:
            yield page.get_textpage().get_text_bounded()


def _eml_parts(path: Path) -> Iterator[str]:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    yield str(message["Subject"])
    for part in message.walk():
        if part.get_content_type() in ("text/plain", "text/csv"):
            yield str(part.get_content())


def _text(path: Path) -> str:
    """The whole text of a paper, whatever its format."""
    readers = {
        ".docx": _docx_parts,
        ".pptx": _pptx_parts,
        ".xlsx": _xlsx_parts,
        ".pdf": _pdf_parts,
        ".eml": _eml_parts,
    }
    if path.suffix in readers:
        return "\n".join(readers[path.suffix](path))
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".html":
        return text
    page = _Words()
    page.feed(text)
    return " ".join(page.words)


def _squeezed(text: str) -> str:
    """Without white space: PDFs break lines anywhere, also inside a Chinese word."""
    return re.sub(r"\s+", "", text)


def _language(text: str) -> str:
    """A rough language from the script, good enough to catch a wrong row in the README."""
    letters = [char for char in text if char.isalpha()]
    kana = sum("\u3041" <= char <= "\u30ff" for char in letters)
    han = sum("\u4e00" <= char <= "\u9fff" for char in letters)
    if kana > 0.1 * len(letters):
        return "ja"
    if han > 0.3 * len(letters):
        return "zh-Hant" if re.search("[個為與對經電]", text) else "zh"
    return "de" if len(re.findall(r"\b(und|der|die)\b", text)) > 10 else "en"


def _all_files() -> list[Path]:
    return sorted(path for path in DOCUMENTS.rglob("*") if path.is_file())


def test_every_format_is_there() -> None:
    assert Counter(path.suffix[1:] for path in _all_files()) == {
        "md": 9,
        "txt": 4,
        "html": 7,
        "docx": 8,
        "pptx": 2,
        "xlsx": 4,
        "csv": 2,
        "eml": 2,
        "pdf": 3,
    }


def test_readme_lists_every_document_with_its_language() -> None:
    found = {p.relative_to(DOCUMENTS).as_posix(): _language(_text(p)) for p in _all_files()}
    assert found == _listed()
    counts = Counter(found.values())
    assert counts["de"] == 3
    assert counts["ja"] == 3
    assert counts["zh-Hant"] == 1
    assert 0.4 < (counts["zh"] + counts["zh-Hant"]) / len(found) < 0.6


@pytest.mark.parametrize("path", _all_files(), ids=lambda path: path.name)
def test_documents_are_as_long_as_real_ones(path: Path) -> None:
    text = _text(path)
    han = sum("\u3041" <= char <= "\u9fff" for char in text)
    # A Chinese word has about 1.8 characters.
    words = len(re.findall(r"[0-9A-Za-zÄÖÜäöüß]+", text)) + han / 1.8
    assert 250 <= words <= 1500


@pytest.mark.parametrize("question", _questions(), ids=lambda question: question["id"])
def test_sources_hold_the_answers(question: dict[str, Any]) -> None:
    assert bool(question["answers"]) == bool(question["sources"])
    assert bool(question["answers"]) == (question["kind"] not in ("unanswerable", "off_topic"))
    assert question["topic"] == ("out" if question["kind"] == "off_topic" else "in")
    for source in question["sources"]:
        text = _squeezed(_text(DOCUMENTS / source))
        assert any(_squeezed(answer) in text for answer in question["answers"]), source


def test_questions_are_as_many_and_as_mixed_as_promised() -> None:
    questions = _questions()
    kinds = Counter(question["kind"] for question in questions)
    languages = Counter(question["language"] for question in questions)
    assert len({question["id"] for question in questions}) == len(questions) >= 40
    assert kinds["unanswerable"] >= 6
    assert kinds["off_topic"] == 4
    assert kinds["cross_lingual"] >= 8
    assert 0.4 < languages["zh"] / len(questions) < 0.55
    for question in questions:
        listed = {_listed()[source][:2] for source in question["sources"]}
        if listed:
            assert (question["language"] in listed) == (question["kind"] != "cross_lingual")


def test_table_cells_keep_their_values() -> None:
    prices = openpyxl.load_workbook(DOCUMENTS / "sales" / "price-list-2026.xlsx")["Instruments"]
    rows = {row[0]: row for row in prices.iter_rows(values_only=True)}
    assert rows["HS-900-NP"][2:4] == (24600, 12)
    with (DOCUMENTS / "finance" / "供应商名录.csv").open(encoding="utf-8", newline="") as file:
        suppliers = {row["供应商编号"]: row for row in csv.DictReader(file)}
    assert suppliers["V-1010"]["供应商名称"] == "Glaswerk Hornberg GmbH"
    minutes = docx.Document(str(DOCUMENTS / "production" / "生产例会纪要-2026-04.docx"))
    assert [cell.text for cell in minutes.tables[0].rows[3].cells] == ["HS-900", "36", "31", "41"]


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """build.py as a module, under a name of its own: a package called build is in wide use."""
    monkeypatch.syspath_prepend(str(SAMPLE))
    spec = importlib.util.spec_from_file_location("sample_build", SAMPLE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "sample_build", module)
    spec.loader.exec_module(module)
    return module


def test_every_binary_has_a_source(builder: ModuleType) -> None:
    folder = SAMPLE / "sources"
    sources = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.md")}
    assert sources == {p.relative_to(DOCUMENTS) for p in _all_files() if p.suffix in BINARY}


def test_office_files_rebuild_to_what_is_committed(builder: ModuleType, tmp_path: Path) -> None:
    formats = ("docx", "pptx", "xlsx")
    first = builder.build(tmp_path / "a", builder.FONT, formats)
    second = builder.build(tmp_path / "b", builder.FONT, formats)
    assert len(first) == 14
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert _text(one) == _text(DOCUMENTS / one.relative_to(tmp_path / "a"))


def test_pdf_files_rebuild_to_what_is_committed(builder: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("reportlab", reason="only needed to rebuild PDFs")
    if not builder.FONT.is_file():
        pytest.skip("apt-get install fonts-wqy-zenhei")
    for built in builder.build(tmp_path, builder.FONT, ("pdf",)):
        assert _text(built) == _text(DOCUMENTS / built.relative_to(tmp_path))


def test_a_source_without_title_is_refused(builder: ModuleType) -> None:
    with pytest.raises(KeyError, match="title"):
        builder.parse("---\nauthor: A\nlanguage: en\ndate: 2026-01-01\n---\n# Text\n")
