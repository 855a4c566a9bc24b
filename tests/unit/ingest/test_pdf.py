import io

import pytest
from reportlab.lib import pdfencrypt
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

from ingest.parse_pdf_lines import spelt
from rag.errors import UnreadableFileError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
STYLES = getSampleStyleSheet()
LONG = (
    "Every employee who travels on business hands in a claim within thirty days, together with all receipts. "
    * 4
)
ZH = "为加强公司差旅费用管理，规范报销流程，根据国家有关规定，结合本公司实际情况，制定本办法。" * 3
JA = (
    "社員は出張後三十日以内に精算書を提出しなければならない。領収書の原本を添付すること。"
    "宿泊費は一泊一万二千円を上限とし、これを超える場合は事前に部長の承認を得るものとする。"
)


def _footer(canvas, document):
    canvas.setFont("Helvetica", 8)
    canvas.drawString(50, 820, "Nordwind GmbH - Internal")
    canvas.drawString(280, 20, f"Page {document.page}")


def _pdf(story, **options):
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4, **options).build(story, onFirstPage=_footer, onLaterPages=_footer)
    return out.getvalue()


def test_headings_paragraphs_pages_and_tables(read):
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    pdfmetrics.registerFont(UnicodeCIDFont("HeiseiMin-W3"))
    zh = ParagraphStyle(
        "zh", fontName="STSong-Light", fontSize=10.5, leading=16, wordWrap="CJK", spaceAfter=6
    )
    ja = ParagraphStyle("ja", parent=zh, fontName="HeiseiMin-W3")
    head = ParagraphStyle("head", parent=zh, fontSize=14, leading=20, spaceBefore=10)
    story = [
        Paragraph("Travel Policy", STYLES["Title"]),
        Paragraph("1. Scope", STYLES["Heading2"]),
        Paragraph(LONG, STYLES["BodyText"]),
        Paragraph("A second paragraph.", STYLES["BodyText"]),
        Table([["Place", "Rate", "Unit"], ["Bern", "120", "EUR"], ["Paris and suburbs", "95", "EUR"]]),
        PageBreak(),
        Paragraph("第一章 总则", head),
        Paragraph("第一条 " + ZH, zh),
        Paragraph("第二条 本办法适用于全体员工。", zh),
        PageBreak(),
        Paragraph("第二章 日本", head),
        Paragraph(JA, ja),
    ]
    document = read("a.pdf", _pdf(story, title="Travel Policy"))
    top, one, two = "Travel Policy", "第一章 总则", "第二章 日本"
    assert [(e.kind, e.page, e.heading, document.text[e.start : e.end]) for e in document.elements] == [
        ("heading", 1, (), top),
        ("heading", 1, (top,), "1. Scope"),
        ("text", 1, (top, "1. Scope"), LONG.strip()),
        ("text", 1, (top, "1. Scope"), "A second paragraph."),
        (
            "table",
            1,
            (top, "1. Scope"),
            "Place | Rate | Unit\nBern | 120 | EUR\nParis and suburbs | 95 | EUR",
        ),
        ("heading", 2, (top,), one),
        ("text", 2, (top, one, "第一条"), "第一条 " + ZH),
        ("text", 2, (top, one, "第二条"), "第二条 本办法适用于全体员工。"),
        ("heading", 3, (top,), two),
        ("text", 3, (top, two), JA),
    ]
    assert document.title == top


def _canvas(draw, **options):
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, **options)
    draw(canvas)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def test_hyphenated_words_and_bullets(outline):
    def draw(canvas):
        lines = ("Anträge auf Erstattung der Reise-", "kosten werden binnen dreißig Tagen", "gestellt.")
        for i, line in enumerate((*lines, "•   First point", "•   Second point")):
            canvas.drawString(72, 700 - 14 * i, line)

    texts = [text for _, _, text in outline("a.pdf", _canvas(draw))]
    assert "\n".join(texts) == (
        "Anträge auf Erstattung der Reisekosten werden binnen dreißig Tagen gestellt."
        "\n• First point\n• Second point"
    )


def test_ligatures_and_radicals_are_spelt_out():
    # ⽤ and ⻚ are radicals that fonts often give for the characters
    assert spelt("ﬁnd the oﬃce \u2f64\u6237 \u2eda") == "find the office 用户 页"


def test_without_any_text(read):
    with pytest.raises(UnreadableFileError, match="the PDF has no text: its pages are blank"):
        read("a.pdf", _canvas(lambda canvas: None))


def test_what_was_filled_into_a_form_is_read(outline):
    def draw(canvas):
        for i, (label, value) in enumerate((("Name", "Li Wei"), ("Room", "4711"), ("Phone", "555-0192"))):
            canvas.drawString(72, 700 - 30 * i, f"{label}:")
            canvas.acroForm.textfield(
                name=label, value=value, x=180, y=693 - 30 * i, width=200, height=20, fontSize=12
            )

    text = "\n".join(text for _, _, text in outline("a.pdf", _canvas(draw)))
    for value in ("Name:", "Li Wei", "4711", "555-0192"):
        assert value in text


def test_password(read):
    data = _canvas(
        lambda canvas: canvas.drawString(72, 700, "secret"),
        encrypt=pdfencrypt.StandardEncryption("open sesame", "owner"),
    )
    with pytest.raises(UnreadableFileError, match="protected by a password"):
        read("a.pdf", data)


def test_truncated_and_broken(read):
    data = _canvas(lambda canvas: canvas.drawString(72, 700, "text"))
    with pytest.raises(UnreadableFileError, match="damaged: its end is missing"):
        read("a.pdf", data[: len(data) // 2])
    with pytest.raises(UnreadableFileError, match="the PDF is damaged"):
        read("a.pdf", b"%PDF-1.7\nnothing of the kind\n%%EOF\n")


def test_pdf_under_another_name(read):
    assert (
        read("a.docx", _canvas(lambda canvas: canvas.drawString(72, 700, "Plain words."))).mime
        == "application/pdf"
    )
