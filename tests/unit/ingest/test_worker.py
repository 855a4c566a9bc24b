import io
import os
import zipfile

import pytest

from ingest.parse import Parser
from ingest.parse_sniff import check_archive, sniff
from rag.errors import TooLargeError, UnreadableFileError, UnsupportedFormatError
from rag.settings import IngestSettings

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _zip(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7", "a.docx", "pdf"),
        (_zip(word__document_xml=b"x"), "a.txt", "docx"),
        (_zip(ppt__presentation_xml=b"x"), "a.docx", "pptx"),
        (_zip(xl__workbook_xml=b"x"), "a", "xlsx"),
        (b"<!DOCTYPE html><p>x", "a.txt", "html"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<html>", "a.pdf", "html"),
        (b"plain", "README", "txt"),
        (b"plain", "a.MD", "md"),
        (b"a;b", "a.csv", "csv"),
        (b"Received: x\r\nFrom: y\r\n\r\nhello", "a.docx", "eml"),
        (b"plain words", "a.pdf", "txt"),
    ],
)
def test_kind_by_content_then_name(data, name, kind):
    assert sniff(data, name) == kind


@pytest.mark.parametrize(
    ("data", "name", "error", "message"),
    [
        (b"\x89PNG\r\n", "a.docx", UnsupportedFormatError, "this is a PNG image"),
        (b"{}", "a.json", UnsupportedFormatError, "files named .json are not read"),
        (OLE + bytes(600), "a.doc", UnsupportedFormatError, "old Office format"),
        (
            OLE + "EncryptedPackage".encode("utf-16-le"),
            "a.docx", UnreadableFileError, "protected by a password",
        ),
        (_zip(a_xml=b"x"), "a.docx", UnsupportedFormatError, "a zip archive that is no Office document"),
        (_zip(word__document_xml=b"x" * 999)[:60], "a.docx", UnreadableFileError, "its end is missing"),
        (bytes(500) + b"x" * 100, "a.xlsx", UnreadableFileError, "not the xlsx file that its name says"),
        (b"\x00\x00 \n", "a.txt", UnreadableFileError, "no text in it"),
    ],
)  # fmt: skip
def test_what_is_not_read(data, name, error, message):
    with pytest.raises(error, match=message):
        sniff(data, name)


def test_zip_bombs_are_refused_before_they_are_opened():
    bomb = _zip(word__document_xml=bytes(30_000_000))
    with pytest.raises(TooLargeError, match=r"more than 200 times its size.*ingest\.max_ratio"):
        check_archive(bomb, IngestSettings())
    with pytest.raises(TooLargeError, match=r"more than 20 MB.*ingest\.max_unpacked_mb"):
        check_archive(bomb, IngestSettings(max_unpacked_mb=20, max_ratio=1e6))


def test_a_directory_that_lies_about_sizes_is_found_out():
    data = bytearray(_zip(word__document_xml=bytes(3_000_000)))
    # the size in the central directory: 24 bytes after its mark
    at = data.rfind(b"PK\x01\x02") + 24
    data[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(UnreadableFileError, match="cannot be unpacked"):
        check_archive(bytes(data), IngestSettings())


def test_damaged_members_are_found():
    data = bytearray(_zip(word__document_xml=os.urandom(2000)))
    data[200] ^= 0xFF
    with pytest.raises(UnreadableFileError, match="cannot be unpacked"):
        check_archive(bytes(data), IngestSettings())


def test_the_worker_is_reused_and_replaced_when_it_dies():
    with Parser(IngestSettings()) as parser:
        parser.parse(b"One.", "a.txt")
        first = parser.pid
        parser.parse(b"Two.", "a.txt")
        assert parser.pid == first
        with pytest.raises(UnsupportedFormatError):
            parser.parse(b"GIF89a", "a.gif")
        assert parser.pid == first
        os.kill(first, 9)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        assert parser.parse(b"Three.", "a.txt").blocks[0].text == "Three."
        assert parser.pid != first
    assert parser.pid is None


def test_time_limit():
    parser = Parser(IngestSettings(parse_timeout_s=0.001))
    with pytest.raises(
        UnreadableFileError, match=r"not parsed within 0\.001 s \(setting ingest\.parse_timeout_s\)"
    ):
        parser.parse(b"x", "a.txt")
    assert parser.pid is None


def test_memory_limit_costs_one_file():
    lines = b"a\n" * 4_000_000
    with Parser(IngestSettings(parse_memory_mb=100, max_text_mb=1000)) as parser:
        with pytest.raises(
            TooLargeError, match=r"parsing takes over 100 MB \(setting ingest\.parse_memory_mb\)"
        ):
            parser.parse(lines, "a.txt")
        assert parser.parse(b"Still there.", "b.txt").blocks[0].text == "Still there."


def test_text_limit(parser):
    with Parser(IngestSettings(max_text_mb=0.001)) as small:
        with pytest.raises(TooLargeError, match=r"longer than 0\.001 MB \(setting ingest\.max_text_mb\)"):
            small.parse("字".encode() * 400, "a.txt")
        assert small.parse("字".encode() * 300, "a.txt").blocks[0].text == "字" * 300
