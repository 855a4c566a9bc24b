"""doc, xls and ppt as LibreOffice writes them come back through it. Skips itself where it is missing."""

import http.server
import io
import shutil
import subprocess
import threading

import docx
import openpyxl
import pptx
import pytest

from ingest.parse import Parser
from ingest.parse_blocks import to_document
from rag.errors import UnreadableFileError
from rag.settings import IngestSettings
from tests.fakes.ole import container

pytestmark = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")


@pytest.fixture(scope="module")
def text_of():
    with Parser(IngestSettings()) as parser:
        # under a name that says nothing
        yield lambda data: to_document(parser.parse(data, "a.bin"), "a", "0" * 64, len(data)).text


def _saved(document):
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _docx():
    document = docx.Document()
    document.add_heading("差旅管理办法", 0)
    document.add_heading("第一章 总则", 1)
    document.add_paragraph("本办法适用于全体员工。")
    table = document.add_table(rows=2, cols=3)
    for r, row in enumerate((("Ort", "Preis", "Zeit"), ("Bern", "120", "2 h"))):
        for c, text in enumerate(row):
            table.cell(r, c).text = text
    document.add_paragraph("Ende.")
    return _saved(document)


def _xlsx():
    book = openpyxl.Workbook()
    book.active.title = "价格"
    book.active.append(["产品", "Preis"])
    book.active.append(["苹果", 3.5])
    return _saved(book)


def _pptx():
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "季度总结"
    slide.placeholders[1].text = "收入增长"
    return _saved(presentation)


def _saved_as(kind, path):
    """What LibreOffice, as it comes, makes of a file."""
    profile = (path.parent / "profile").as_uri()
    subprocess.run(
        ["soffice", f"-env:UserInstallation={profile}", "--headless", "--convert-to", kind,
         "--outdir", str(path.parent), str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    return path.with_suffix(f".{kind}").read_bytes()


@pytest.mark.parametrize(
    ("made", "kind", "text"),
    [
        (_docx, "docx:doc",
         "差旅管理办法\n\n第一章 总则\n\n本办法适用于全体员工。\n\n"
         "Ort | Preis | Zeit\nBern | 120 | 2 h\n\nEnde."),
        (_xlsx, "xlsx:xls", "价格\n\n产品 | Preis\n苹果 | 3.5"),
        (_pptx, "pptx:ppt", "季度总结\n\n收入增长"),
    ],
)  # fmt: skip
def test_real_files_through_libreoffice(text_of, tmp_path, made, kind, text):
    new, old = kind.split(":")
    (tmp_path / f"a.{new}").write_bytes(made())
    data = _saved_as(old, tmp_path / f"a.{new}")
    assert data.startswith(b"\xd0\xcf")
    assert text_of(data) == text


def test_libreoffice_cannot_open_what_is_damaged(text_of):
    with pytest.raises(UnreadableFileError, match="LibreOffice cannot open it"):
        text_of(container({"WordDocument": b"x" * 5000}))


FODT = """<?xml version="1.0"?><office:document office:version="1.2"
xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"
xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
office:mimetype="application/vnd.oasis.opendocument.text"><office:body><office:text><text:p>Seen.<draw:frame
text:anchor-type="as-char"><draw:image xlink:href="{url}" xlink:type="simple"/></draw:frame></text:p>
</office:text></office:body></office:document>"""


def test_nothing_that_a_document_links_to_is_fetched(text_of, tmp_path):
    """LibreOffice as it comes fetches such a picture: whoever gets a document in would learn who reads it."""
    asked = []

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_OPTIONS = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "a.fodt").write_text(FODT.format(url=f"http://127.0.0.1:{server.server_port}/a.png"))
        data = _saved_as("doc", tmp_path / "a.fodt")
        assert asked
        asked.clear()
        assert text_of(data) == "Seen."
        assert asked == []
        server.shutdown()
