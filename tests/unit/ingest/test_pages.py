"""A page of a file as a picture, drawn in the parse worker."""

import io

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from ingest.pages import render_page
from rag.errors import PageNotFoundError, UnreadableFileError, UnsupportedFormatError
from rag.settings import IngestSettings

LIMITS = IngestSettings()


def pdf():
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(288, 144))
    for colour in ((1, 0, 0), (0, 0, 1)):
        canvas.setFillColorRGB(*colour)
        canvas.rect(0, 0, 288, 144, stroke=0, fill=1)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def opened(png):
    return Image.open(io.BytesIO(png)).convert("RGB")


@pytest.mark.parametrize(("page", "colour"), [(1, (255, 0, 0)), (2, (0, 0, 255))])
def test_a_page_of_a_pdf(page, colour):
    picture = opened(render_page(pdf(), page, 72, LIMITS))
    assert picture.size == (288, 144)
    assert picture.getpixel((100, 70)) == colour
    assert opened(render_page(pdf(), page, 144, LIMITS)).size == (576, 288)


def test_a_page_of_a_picture():
    out = io.BytesIO()
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("green", "yellow")]
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    assert opened(render_page(out.getvalue(), 2, 72, LIMITS)).getpixel((5, 5)) == (255, 255, 0)


def test_what_has_no_such_page():
    with pytest.raises(PageNotFoundError, match="there is no page 3: it has 2 pages"):
        render_page(pdf(), 3, 72, LIMITS)
    with pytest.raises(UnsupportedFormatError, match="have pages that can be shown"):
        render_page(b"Some text.", 1, 72, LIMITS)
    with pytest.raises(UnreadableFileError, match="the PDF is damaged"):
        render_page(pdf()[:400], 1, 72, LIMITS)
