"""Scans where OCR cannot be had: a clear line, and the remedy."""

import io

import pytest
from PIL import Image, ImageDraw

from ingest.parse import Parser
from rag.errors import UnreadableFileError
from rag.settings import IngestSettings


def scan():
    sheet = Image.new("L", (800, 600), 255)
    ImageDraw.Draw(sheet).text((60, 60), "A line of text on a scanned page", fill=0)
    out = io.BytesIO()
    sheet.save(out, "PDF", resolution=100)
    return out.getvalue()


def test_without_tesseract_the_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with Parser(IngestSettings()) as parser, pytest.raises(UnreadableFileError) as raised:
        parser.parse(scan(), "scan.pdf")
    assert "tesseract" in raised.value.message + raised.value.remedy
    assert "tesseract-ocr" in raised.value.remedy


def test_switched_off():
    with (
        Parser(IngestSettings(ocr=False)) as parser,
        pytest.raises(UnreadableFileError, match=r"ingest\.ocr"),
    ):
        parser.parse(scan(), "scan.pdf")
