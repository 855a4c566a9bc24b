import io
import json
import zipfile

import pytest

from ingest.parse_sniff import sniff
from rag.errors import UnreadableFileError, UnsupportedFormatError
from tests.fakes.ole import container


def _zip(*names, **content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content.get("data", b"x"))
    return out.getvalue()


def _tar_header():
    return bytes(257) + b"ustar\x0000" + bytes(248)


NOTEBOOK = json.dumps({"cells": [], "nbformat": 4}).encode()
MAIL = b"MIME-Version: 1.0\r\nFrom: y\r\nSubject: z\r\n\r\nhello"
XML = b'<?xml version="1.0"?>\n'


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7", "a.docx", "pdf"),
        (_zip("word/document.xml"), "a.txt", "docx"),
        (_zip("word/document2.xml"), "a.docx", "docx"),
        (_zip("ppt/presentation.xml"), "a.docx", "pptx"),
        (_zip("xl/workbook.xml"), "a", "xlsx"),
        (_zip("xl/workbook.bin"), "a.xlsb", "xlsb"),
        (_zip("mimetype", data=b"application/epub+zip"), "a.zip", "epub"),
        (_zip("META-INF/container.xml"), "a.epub", "epub"),
        (_zip("mimetype", data=b"application/vnd.oasis.opendocument.text"), "a.docx", "odf"),
        (_zip("a.xml"), "a.docx", "zip"),
        (container({"WordDocument": b"x"}), "a.txt", "doc"),
        (container({"Workbook": b"x"}), "a.et", "xls"),
        (container({"PowerPoint Document": b"x"}), "a.ppt", "ppt"),
        (container({"__properties_version1.0": b"x"}), "a.doc", "msg"),
        (b"\x1f\x8b\x08\x00", "a.tar.gz", "packed"),
        (b"BZh9", "a", "packed"),
        (b"\xfd7zXZ\x00", "a", "packed"),
        (_tar_header(), "a.bin", "tar"),
        (b"{\\rtf1 x}", "a.doc", "rtf"),
        (b"<!DOCTYPE html><p>x", "a.txt", "html"),
        (b"<!DOCTYPE html><p>x", "a.md", "md"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<html>", "a.pdf", "html"),
        (XML + b"<catalog/>", "a.txt", "xml"),
        (XML + b'<?mso-application progid="Word.Document"?><x/>', "a.doc", "wordxml"),
        (XML + b'<?mso-application progid="Excel.Sheet"?><x/>', "a.xls", "excelxml"),
        (XML + b'<office:document xmlns:office="x">', "a.xml", "fodf"),
        ("<?xml version='1.0'?><a/>".encode("utf-16"), "a.xml", "xml"),
        (b"plain", "README", "txt"),
        (b"plain", "a.MD", "md"),
        (b"a;b", "a.csv", "csv"),
        (b"{}", "a.json", "json"),
        (b"{}", "a.unheard", "json"),
        (b"{}\n{}", "a.ndjson", "jsonl"),
        (NOTEBOOK, "a.json", "ipynb"),
        (NOTEBOOK, "a.ipynb", "ipynb"),
        (b"def f(): pass", "a.py", "code"),
        (b"all: x", "Makefile", "code"),
        (b"T\n=\n", "a.rst", "markup"),
        (b"x", "a.tex", "tex"),
        (b"Received: x\r\nFrom: y\r\n\r\nhello", "a.docx", "eml"),
        (MAIL, "a.txt", "eml"),
        (b"From: me\nTo: you\n\nA memo.", "memo.txt", "txt"),
        (b"From a@x Mon Jan  1 10:00:00 2024\nFrom: a@x\n", "Inbox", "mbox"),
        (b"From here to 10:00 we walked.\nThen: we rested.", "walk.txt", "txt"),
        (b"plain words", "a.pdf", "txt"),
        ("员工应当提交申请。".encode("gb18030"), "制度.unheard", "txt"),
    ],
)
def test_kind_by_content_then_name(data, name, kind):
    assert sniff(data, name) == kind


@pytest.mark.parametrize(
    ("data", "name", "error", "message"),
    [
        (b"7z\xbc\xaf\x27\x1c", "a.zip", UnsupportedFormatError, "this is a 7z archive"),
        (b"\x7fELF", "a.md", UnsupportedFormatError, "this is a program"),
        (XML + b"<svg>", "a.xml", UnsupportedFormatError, "an SVG drawing"),
        (bytes(range(256)) * 9, "a.dat", UnsupportedFormatError, r"binary data in a \.dat file"),
        (b"\0\0\0\x18ftypmp42" + bytes(range(256)), "a.mp4", UnsupportedFormatError, "of type video/mp4"),
        (container({"VisioDocument": b"x"}), "a.vsd", UnsupportedFormatError, "of a kind that is not read"),
        (
            _zip("[Content_Types].xml", "x.xml"),
            "a.vsdx",
            UnsupportedFormatError,
            "of a kind that is not read",
        ),
        (_zip("Index/Document.iwa"), "a.pages", UnsupportedFormatError, "Apple iWork"),
        (container({"EncryptedPackage": b"x"}), "a.docx", UnreadableFileError, "protected by a password"),
        (container({"WordDocument": b"x"})[:600], "a.doc", UnreadableFileError, "old Office file is damaged"),
        (_zip("word/document.xml", data=b"x" * 999)[:60], "a.docx", UnreadableFileError, "end is missing"),
        (bytes(500) + b"x" * 100, "a.xlsx", UnreadableFileError, "not the xlsx file that its name says"),
        (b"\x00\x00 \n", "a.txt", UnreadableFileError, "no text in it"),
    ],
    ids=[
        "7z",
        "program",
        "drawing",
        "binary",
        "film",
        "Visio",
        "new Visio",
        "iWork",
        "password",
        "cut doc",
        "cut docx",
        "no xlsx",
        "nothing",
    ],
)
def test_what_is_not_read(data, name, error, message):
    with pytest.raises(error, match=message):
        sniff(data, name)


def test_headers_that_never_end_are_looked_at_once():
    """Two ways to read each line would be two to the power of 400."""
    assert sniff(b"Key: value\r\n" * 400, "a.txt") == "txt"
