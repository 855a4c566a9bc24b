import datetime
import io

import openpyxl
import pytest
from openpyxl.styles import Font

from ingest.parse_rows import table_blocks


def _xlsx(fill):
    book = openpyxl.Workbook()
    fill(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _prices(book):
    sheet = book.active
    sheet.title = "价格表"
    sheet.append(["价格表 2024"])
    sheet.append([])
    sheet.append(["产品", "单价", "日期", "比例", "说明"])
    sheet.append(["A型", 1200, datetime.datetime(2024, 3, 1), 0.15, "含税\n不含运费"])
    sheet.append(["B型", 19.5, datetime.datetime(2024, 3, 2, 8, 30), None, True])
    sheet["D4"].number_format = "0%"
    sheet["B4"].number_format = '#,##0.00 "€"'
    sheet["B5"].number_format = "[$¥-804]#,##0.00"
    book.create_sheet("Empty")
    hidden = book.create_sheet("Hidden")
    hidden["A1"] = "secret"
    hidden.sheet_state = "hidden"
    notes = book.create_sheet("Notes")
    for r, row in enumerate((("Kategorie", "Teil", "Preis"), ("Sonden", "A", 1), (None, "B", 2)), 3):
        for c, value in enumerate(row, 2):
            notes.cell(r, c, value)
    notes.merge_cells("B4:B5")
    notes["B9"] = "A remark."


def test_xlsx(outline, read):
    data = _xlsx(_prices)
    first = "产品 | 单价 | 日期 | 比例 | 说明"
    assert outline("a.xlsx", data) == [
        ("heading", "", "价格表"),
        ("text", "价格表", "价格表 2024"),
        (
            "table",
            "价格表",
            f"{first}\nA型 | 1200 € | 2024-03-01 | 15% | 含税 不含运费\n"
            "B型 | ¥19.5 | 2024-03-02 08:30 |  | TRUE",
        ),
        ("heading", "", "Notes"),
        ("table", "Notes", "Kategorie | Teil | Preis\nSonden | A | 1\nSonden | B | 2"),
        ("text", "Notes", "A remark."),
    ]
    headers = [e.header for e in read("a.xlsx", data).elements if e.kind == "table"]
    assert headers == [first, "Kategorie | Teil | Preis"]


def test_xlsx_header_in_bold(read):
    def fill(book):
        book.active.append(["Kennwort", "Bedeutung"])
        book.active.append(["rot", "gesperrt"])
        for cell in book.active[1]:
            cell.font = Font(bold=True)

    assert read("a.xlsx", _xlsx(fill)).elements[1].header == "Kennwort | Bedeutung"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ('名称,价格\n苹果,3\n梨,"4,5"\n', "gb18030"),
        ("名称;价格\n苹果;3\n梨;4,5\n", "utf-8-sig"),
        ("名称\t价格\n苹果\t3\n梨\t4,5\n", "utf-16"),
    ],
)
def test_csv(read, text, encoding):
    document = read("水果.csv", text.encode(encoding))
    assert (document.title, document.text) == ("水果", "名称 | 价格\n苹果 | 3\n梨 | 4,5")
    assert document.elements[0].header == "名称 | 价格"


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["Item", "2024", "2025"], ["Revenue", "341", "386"]], "Item | 2024 | 2025"),
        ([["Name", "Ann"], ["Phone", "none"]], ""),
        ([["1", "2"], ["3", "4"]], ""),
        ([["A", "B", "C"]], ""),
    ],
)
def test_header_rows(rows, header):
    assert table_blocks(rows)[-1].header == header


def test_rows_keep_inner_empty_cells_and_drop_trailing_ones():
    block = table_blocks([["a", "b", "c"], ["1", "", "3"], ["1", "", ""]])[0]
    assert block.text == "a | b | c\n1 |  | 3\n1"


def test_csv_with_a_quotation_mark_that_is_never_closed(read):
    lines = ["name,size", 'monitor,"27 inch'] + ["cable,2"] * 30_000
    document = read("a.csv", "\n".join(lines).encode())
    assert document.text.startswith('name | size\nmonitor | "27 inch\ncable | 2\n')
