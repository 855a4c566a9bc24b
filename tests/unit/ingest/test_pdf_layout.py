# ruff: noqa: E501 - the lines are those of the pages
"""Columns, running heads, outlines, tables and turned pages; each page is drawn here, line by line."""

import io

import pytest
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FONT, SIZE, LEADING = "Helvetica", 10, 12
LEFT = (
    "The northern office opened in March after the old warehouse had been cleared and painted. Its four rooms "
    "look on the harbour, and the largest of them serves as a library for visitors who wait. Deliveries arrive "
    "before seven in the morning, when the gate is unlocked by the porter, and are signed for at the desk. "
    "Whoever comes later has to ring, and the bell can be heard on both floors. Parcels that nobody claims are "
    "kept for a month in the dry cellar and then returned to the sender at the cost of the department."
)
RIGHT = (
    "Southern branches keep other hours because their clients work in shifts and come late in the day. A list "
    "of the present hours hangs beside each door and is printed on the back of every invoice. Complaints about "
    "noise are answered within two days, and a copy goes to the landlord, who keeps a register of them. Three "
    "such letters were written last winter, all about the same machine, which has been replaced by a quieter "
    "model since. The caretaker has promised to oil its bearings twice a year and to write down the dates."
)
THIRD = (
    "Travellers book their trains through the secretariat, which holds a discount card for each of them. Those "
    "who lose the card pay for a new one, unless it was stolen and the police were told at once. Hotels are "
    "chosen from a list, and a room that costs more than the list allows needs the consent of the head."
)


def _wrap(text, width):
    return simpleSplit(text, FONT, SIZE, width)


def _pdf(*pages, outline=()):
    """Pages of (x, y, text) or (x, y, text, size), in that order in the file, or functions that draw."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842))
    for number, page in enumerate(pages, 1):
        for title, level, at in outline:
            if at == number:
                canvas.bookmarkPage(title)
                canvas.addOutlineEntry(title, title, level)
        if callable(page):
            page(canvas)
        else:
            for x, y, text, *size in page:
                canvas.setFont(FONT, *(size or [SIZE]))
                canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _column(text, x, top, width):
    return [(x, top - LEADING * i, line) for i, line in enumerate(_wrap(text, width))]


def _by_row(lines):
    return sorted(lines, key=lambda line: (-line[1], line[0]))


@pytest.mark.parametrize("order", ["by column", "by row", "foot and title first"])
def test_two_columns_below_a_title_across_them(outline, order):
    title = [(150, 780, "Notes on the offices of the company, spring and autumn", 16)]
    left, right = _column(LEFT, 60, 740, 225), _column(RIGHT, 310, 740, 225)
    foot = [
        (60, 60, "Approved by the board on the first of May and valid until it is replaced by a later one.")
    ]
    body = left + right if order == "by column" else _by_row(left + right)
    page = foot + title + body if order.startswith("foot") else title + body + foot
    texts = [text for kind, _, text in outline("a.pdf", _pdf(page)) if kind == "text"]
    assert texts == [LEFT, RIGHT, foot[0][2]] or texts == [f"{LEFT}\n{RIGHT}", foot[0][2]]


def test_a_sentence_goes_on_in_the_next_column(outline):
    lines = _wrap(f"{LEFT} {RIGHT}", 225)
    half = len(lines) // 2
    page = [(60, 740 - LEADING * i, line) for i, line in enumerate(lines[:half])]
    page += [(310, 740 - LEADING * i, line) for i, line in enumerate(lines[half:])]
    assert [text for _, _, text in outline("a.pdf", _pdf(page))] == [f"{LEFT} {RIGHT}"]


def test_cells_of_several_lines_are_not_columns(outline):
    pairs = [
        ("Loss of the key is to be told to the porter at once, by day or night, in person or by telephone.",
         "The porter changes the lock within a day, and the cost is borne by whoever had signed for the key."),
        ("Damage to the furniture that was found on arrival is written into the list that lies in each room.",
         "The caretaker looks at the list every Friday, and orders what is wanted from the supplier in town."),
        ("Guests who stay after ten are announced beforehand, because the alarm is set by then on all floors.",
         "The guard lets them out by the side door, and writes down their names and the hour in the book."),
    ]  # fmt: skip
    page, y = [], 740
    for left, right in pairs:
        cells = (_column(left, 60, y, 225), _column(right, 310, y, 225))
        page += cells[0] + cells[1]
        y = min(line[1] for line in cells[0] + cells[1]) - 24
    whole = " ".join(text for _, _, text in outline("a.pdf", _pdf(page)))
    first_words = [text.split(" ", 3)[:3] for pair in pairs for text in pair]
    places = [whole.index(" ".join(words)) for words in first_words]
    assert places == sorted(places)


FORMS = {
    "3": "{n}", "- 3 -": "- {n} -", "Page 3 of 4": "Page {n} of 4", "Seite 3": "Seite {n}", "3 / 4": "{n} / 4",
    "iii": "{roman}", "[3]": "[{n}]",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_alternating_heads_and_page_numbers_are_dropped(outline, form):
    bodies = [
        f"Body of page {word}, which is about something else." for word in ("one", "two", "three", "four")
    ]
    pages = []
    for n, body in enumerate(bodies, 1):
        head = "Nordwind GmbH" if n % 2 else "Handbook for employees"
        foot = form.format(n=n, roman=("i", "ii", "iii", "iv")[n - 1])
        pages.append([(60, 800, head, 8), (60, 740, body), (290, 30, foot, 8)])
    assert [text for _, _, text in outline("a.pdf", _pdf(*pages))] == bodies


def test_chinese_page_numbers_and_heads_of_two_pages_are_dropped(outline):
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))

    def page(n, body):
        def draw(canvas):
            canvas.setFont("STSong-Light", 9)
            canvas.drawString(60, 800, "北方贸易有限公司内部资料")
            canvas.drawString(250, 30, f"第{n}页 共2页")
            canvas.setFont("STSong-Light", 11)
            canvas.drawString(60, 740, body)

        return draw

    bodies = ["第一页的正文说明报销的范围。", "第二页的正文说明审批的流程。"]
    assert [t for _, _, t in outline("a.pdf", _pdf(*map(page, (1, 2), bodies)))] == bodies


def test_heads_that_change_with_the_chapter_go_with_their_page_numbers(outline):
    heads = ["1 Arrival", "1.1 Keys", "1.2 Rooms", "2 Departure", "2.1 Bills", "2.2 Luggage"]
    bodies = [
        f"This page speaks of {word} at length."
        for word in ("keys", "rooms", "beds", "bills", "bags", "cabs")
    ]
    pages = [
        [(60, 800, head), (520, 800, str(n)), (60, 740, body)]
        for n, (head, body) in enumerate(zip(heads, bodies, strict=True), 7)
    ]
    assert [text for _, _, text in outline("a.pdf", _pdf(*pages))] == bodies


def test_a_table_that_goes_on_keeps_its_header(outline):
    pages = [
        [
            (x, 760 - 14 * i, cell)
            for i, row in enumerate((("Item", "Price"), *rows))
            for x, cell in zip((60, 300), row, strict=False)
        ]
        for rows in (
            (("Bed", "120"), ("Desk", "80")),
            (("Lamp", "15"), ("Rug", "60")),
            (("Sofa", "300"), ("Bin", "9")),
        )
    ]
    assert [text.split("\n")[0] for _, _, text in outline("a.pdf", _pdf(*pages))] == ["Item | Price"] * 3


def test_the_outline_names_headings_and_their_ranks(outline):
    page = [
        (60, 780, "Moving house"), (60, 750, "Before you leave"), (60, 735, "Tell the landlord in writing."),
        (60, 700, "Keys"), (60, 685, "Count them twice."), (60, 650, "After you arrive"), (60, 635, "Ring the bell."),
    ]  # fmt: skip
    entries = [
        ("Moving house", 0, 1),
        ("Before you leave", 1, 1),
        ("1.1 Keys", 2, 1),
        ("After you arrive", 1, 1),
    ]
    assert outline("a.pdf", _pdf(page, outline=[*entries, ("Not on any page", 0, 1)])) == [
        ("heading", "", "Moving house"),
        ("heading", "Moving house", "Before you leave"),
        ("text", "Moving house > Before you leave", "Tell the landlord in writing."),
        ("heading", "Moving house > Before you leave", "Keys"),
        ("text", "Moving house > Before you leave > Keys", "Count them twice."),
        ("heading", "Moving house", "After you arrive"),
        ("text", "Moving house > After you arrive", "Ring the bell."),
    ]


def _grid(canvas, xs, ys, skip=()):
    for i, y in enumerate(ys):
        for j in range(len(xs) - 1):
            if ("level", i, j) not in skip:
                canvas.line(xs[j], y, xs[j + 1], y)
    for j, x in enumerate(xs):
        for i in range(len(ys) - 1):
            if ("upright", i, j) not in skip:
                canvas.line(x, ys[i], x, ys[i + 1])


def test_a_ruled_table_with_wrapped_and_joined_cells(outline):
    cells = [
        (62, 748, "Region"), (122, 748, "Rule"), (262, 748, "Limit"),
        (62, 724, "North"), (122, 728, "Hotels are booked by the"), (122, 718, "office, never privately"), (262, 724, "120"),
        (122, 698, "Trains"), (262, 698, "2nd class"),
        (62, 674, "Applies to all employees and their guests"), (262, 674, "always"),
    ]  # fmt: skip

    def draw(canvas):
        canvas.setFont(FONT, 9)
        skip = {("level", 2, 0), ("upright", 3, 1)}
        _grid(canvas, (60, 120, 260, 340), (760, 740, 712, 690, 666), skip)
        for x, y, text in cells:
            canvas.drawString(x, y, text)
        canvas.drawString(60, 640, "The text goes on below the table.")

    assert [text for _, _, text in outline("a.pdf", _pdf(draw))] == [
        "Region | Rule | Limit\n"
        "North | Hotels are booked by the office, never privately | 120\n"
        "North | Trains | 2nd class\n"
        "Applies to all employees and their guests |  | always",
        "The text goes on below the table.",
    ]


def test_rows_of_a_ruled_table_without_rules_between_them(outline):
    rows = [("Mon", "eight to five"), ("Tue", "nine to six"), ("Wed", "closed"), ("Thu", "nine to six")]

    def draw(canvas):
        canvas.setFont(FONT, 9)
        _grid(canvas, (60, 120, 260), (760, 740, 680))
        canvas.drawString(62, 748, "Day")
        canvas.drawString(122, 748, "Open")
        for i, (day, hours) in enumerate(rows):
            canvas.drawString(62, 728 - 12 * i, day)
            canvas.drawString(122, 728 - 12 * i, hours)

    expected = "\n".join(" | ".join(row) for row in [("Day", "Open"), *rows])
    assert [text for _, _, text in outline("a.pdf", _pdf(draw))] == [expected]


def test_wrapped_cells_without_rules(outline):
    page = [
        (60, 740, "Item"), (160, 740, "Use"), (400, 740, "Days"),
        (60, 718, "Drill"), (160, 718, "for walls of brick or of"), (400, 718, "3"),
        (160, 706, "concrete"),
        (60, 684, "Ladder"), (160, 684, "for ceilings of up to four"), (400, 684, "5"),
        (160, 672, "metres, indoors"), (400, 672, "(or 7)"),
    ]  # fmt: skip
    assert [text for _, _, text in outline("a.pdf", _pdf(page))] == [
        "Item | Use | Days\n"
        "Drill | for walls of brick or of concrete | 3\n"
        "Ladder | for ceilings of up to four metres, indoors | 5 (or 7)"
    ]


def test_lines_of_contents_captions_and_commands_are_no_headings(outline):
    def draw(canvas):
        canvas.setFont("Helvetica-Bold", SIZE)
        canvas.drawString(60, 780, "Arrival")
        canvas.drawRightString(500, 780, "7")
        canvas.drawString(60, 766, "Departure")
        canvas.drawRightString(500, 766, "19")
        canvas.drawString(60, 730, "Table 2: Rates of the northern hotels")
        canvas.setFont(FONT, SIZE)
        for i, line in enumerate(_wrap(LEFT, 440)):
            canvas.drawString(60, 700 - LEADING * i, line)
        canvas.drawString(60, 600, "# reboot now")

    kinds = [(kind, text.split(":")[0]) for kind, _, text in outline("a.pdf", _pdf(draw))]
    assert all(kind != "heading" for kind, _ in kinds)
    assert ("text", "Table 2") in kinds


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_page_reads_as_an_upright_one(outline, turn):
    lines = _column(LEFT, 60, 540, 400)

    def draw(canvas):
        canvas.setPageRotation(turn)
        moves = {0: (0, 0), 90: (595, 0), 180: (595, 842), 270: (0, 842)}
        canvas.translate(*moves[turn])
        canvas.rotate(turn)
        canvas.setFont(FONT, SIZE)
        for x, y, text in lines:
            canvas.drawString(x, y, text)

    assert [text for _, _, text in outline("a.pdf", _pdf(draw))] == [LEFT]


def test_text_from_top_to_bottom_and_a_stamp_in_the_margin(outline):
    pdfmetrics.registerFont(UnicodeCIDFont("HeiseiMin-W3"))
    columns = (
        "社員は出張後三十日以内に精算書を提出しな",
        "ければならない。領収書の原本を添付するこ",
        "と。宿泊費は一泊一万二千円を上限とする。",
    )

    def draw(canvas):
        canvas.setFont("HeiseiMin-W3", 12)
        for i, column in enumerate(columns):
            for j, character in enumerate(column):
                canvas.drawString(500 - 20 * i, 750 - 12 * j, character)
        canvas.setFont(FONT, 14)
        canvas.drawString(60, 60, "Draft")

    assert [text for _, _, text in outline("a.pdf", _pdf(draw))] == ["".join(columns), "Draft"]
