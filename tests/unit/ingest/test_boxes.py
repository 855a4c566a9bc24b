"""Rectangles of a quote on a PDF page, against where it was drawn."""

import io

import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from ingest.parse import Boxes, Parser
from ingest.parse_pdf_boxes import _letters, _place, quote_boxes
from rag.errors import UnreadableFileError
from rag.settings import IngestSettings

SIZE = 10
LINES = [
    "The hotel allowance is 140 EUR",
    "a night in Berlin. Taxi rides need an",
    "approval by the manager.",
]
ZH = ["出现E55漏液报警时，应立即关闭进水阀", "并切断电源。"]


def pdf(*pages, font="Helvetica", spot=(72, 700), rotate=0):
    """Each page a list of lines, 14 points apart."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(400, 800))
    for lines in pages:
        canvas.setFont(font, SIZE)
        if rotate:
            canvas.setPageRotation(rotate)
        for number, line in enumerate(lines):
            canvas.drawString(spot[0], spot[1] - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def boxes(data, quote, page=1, before="", after=""):
    return quote_boxes(data, page, quote, before, after)


def width(text, font="Helvetica"):
    return pdfmetrics.stringWidth(text, font, SIZE)


def near(rect, left, right, baseline):
    assert rect[0] == pytest.approx(left, abs=1.5)
    assert rect[2] == pytest.approx(right, abs=1.5)
    assert baseline - SIZE / 2 < rect[1] <= baseline + 1 < rect[3] < baseline + SIZE * 1.5


def test_a_quote_within_a_line():
    found = boxes(pdf(LINES), "allowance is 140 EUR")
    assert (found["width"], found["height"]) == (400, 800)
    (rect,) = found["rects"]
    near(rect, 72 + width("The hotel "), 72 + width(LINES[0]), 700)


def test_a_quote_over_lines_has_a_rectangle_for_each():
    rects = boxes(pdf(LINES), "is 140 EUR a night in Berlin. Taxi rides need an approval")["rects"]
    assert len(rects) == 3
    near(rects[0], 72 + width("The hotel allowance "), 72 + width(LINES[0]), 700)
    near(rects[1], 72, 72 + width(LINES[1]), 686)
    near(rects[2], 72, 72 + width("approval"), 672)


def test_chinese():
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    data = pdf(ZH, font="STSong-Light")
    rects = boxes(data, "应立即关闭进水阀并切断电源")["rects"]
    assert len(rects) == 2
    whole, begin = width(ZH[0], "STSong-Light"), width("出现E55漏液报警时，", "STSong-Light")
    assert rects[0][0] == pytest.approx(72 + begin, abs=6)
    assert rects[0][2] == pytest.approx(72 + whole, abs=6)


@pytest.mark.parametrize(
    "quote",
    [
        "allowance is 140 EUR",
        "Allowance  is 140\nEUR",
        "allow-\nance is 140 EUR",
        "ａｌｌｏｗａｎｃｅ is 140 EUR",
    ],
)
def test_spelling_does_not_matter(quote):
    assert boxes(pdf(LINES), quote) == boxes(pdf(LINES), "allowance is 140 EUR")


def test_of_several_places_the_one_with_these_surroundings():
    data = pdf(["Fee: 20 EUR", "Fine: 20 EUR", "Deposit: 20 EUR"])
    baselines = [
        boxes(data, "20 EUR", before=before)["rects"][0][1] for before in ("Fee:", "Fine:", "Deposit:")
    ]
    assert baselines[0] > baselines[1] > baselines[2]
    assert boxes(data, "20 EUR", after="Fine: 20 EUR")["rects"][0][1] == baselines[0]
    assert boxes(data, "20 EUR")["rects"][0][1] == baselines[0]


def test_a_quote_that_goes_on_overleaf_is_marked_where_it_begins():
    rects = boxes(pdf(LINES, ["and by the director."]), "need an approval by the manager and by the director")
    assert len(rects["rects"]) == 2
    near(rects["rects"][1], 72, 72 + width("approval by the manager"), 672)


@pytest.mark.parametrize(
    "quote", ["Nothing like this", "", "…", "The hotel allowance is 150 EUR", "manager. Something else"]
)
def test_what_is_not_there_is_not_marked(quote):
    found = boxes(pdf(LINES), quote)
    assert found == {"width": 400, "height": 800, "rects": []}


def test_no_such_page():
    assert boxes(pdf(LINES), "hotel", page=2)["rects"] == []


def test_halves_of_a_character_beyond_the_basic_plane():
    letters, places = _letters("a\ud840\udc0bb")
    assert (letters, places) == ("a\U0002000bb", [0, 2, 3])
    assert _place(letters, "\U0002000bb", "", "") == (1, 3)


def test_in_the_parse_worker():
    with Parser(IngestSettings()) as parser:
        direct = boxes(pdf(LINES), "hotel allowance")
        assert parser.boxes(pdf(LINES), 1, "hotel allowance", "", "") == Boxes(
            400, 800, tuple(tuple(rect) for rect in direct["rects"])
        )
        with pytest.raises(UnreadableFileError, match="the PDF is damaged"):
            parser.boxes(pdf(LINES)[:300], 1, "hotel", "", "")
