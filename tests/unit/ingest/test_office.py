import io
import subprocess
import sys

import docx
import pptx
import pytest


def _saved(document):
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _docx():
    document = docx.Document()
    document.core_properties.title = "Vorlage"
    document.add_heading("差旅管理办法", 0)
    document.add_heading("第一章 总则", 1)
    document.add_paragraph("本办法适用于全体员工。")
    document.add_paragraph("第一条 为规范差旅管理，制定本办法。")
    document.add_heading("Hotels", 2)
    for text in ("Item one", "Item two"):
        document.add_paragraph(text, style="List Bullet")
    table = document.add_table(rows=3, cols=3)
    for r, row in enumerate((("Stadt", "Preis", "Zeit"), ("Bern", "120", "2 h"), ("Köln", "90", "3 h"))):
        for c, text in enumerate(row):
            table.cell(r, c).text = text
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Bern"
    document.add_paragraph().add_run("Bold heading").bold = True
    document.add_paragraph("是")
    document.sections[0].header.paragraphs[0].text = "HR-05, version 3"
    document.sections[0].footer.paragraphs[0].text = "Seite 1 von 3"
    return document


def test_docx(outline, read):
    data = _saved(_docx())
    top = "差旅管理办法 > 第一章 总则"
    assert outline("a.docx", data) == [
        ("text", "", "HR-05, version 3"),
        ("heading", "", "差旅管理办法"),
        ("heading", "差旅管理办法", "第一章 总则"),
        ("text", top, "本办法适用于全体员工。"),
        ("text", f"{top} > 第一条", "第一条 为规范差旅管理，制定本办法。"),
        ("heading", top, "Hotels"),
        ("list", f"{top} > Hotels", "Item one\nItem two"),
        ("table", f"{top} > Hotels", "Stadt | Preis | Zeit\nBern | 120 | 2 h\nBern | 90 | 3 h"),
        ("heading", f"{top} > Hotels", "Bold heading"),
        ("text", f"{top} > Hotels > Bold heading", "是"),
    ]
    document = read("a.docx", data)
    assert (document.title, document.language) == ("差旅管理办法", "zh")
    assert [e.header for e in document.elements if e.kind == "table"] == ["Stadt | Preis | Zeit"]


def test_docx_without_headings_takes_the_title_of_its_properties(read):
    document = docx.Document()
    document.core_properties.title = "Lieferbedingungen"
    document.add_paragraph("Es gelten die folgenden Bedingungen für alle Lieferungen.")
    assert read("x.docx", _saved(document)).title == "Lieferbedingungen"


def test_pptx(read):
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "季度总结"
    slide.placeholders[1].text = "收入增长\n成本下降"
    slide.notes_slide.notes_text_frame.text = "备注在此"
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    second.shapes.title.text = "Prices"
    table = second.shapes.add_table(2, 2, 0, 0, 1000000, 1000000).table
    for r, row in enumerate((("Item", "EUR"), ("Probe", "3,990"))):
        for c, text in enumerate(row):
            table.cell(r, c).text = text
    document = read("a.pptx", _saved(presentation))
    assert document.title == "季度总结"
    assert [
        (e.kind, e.page, e.heading, document.text[e.start : e.end], e.header) for e in document.elements
    ] == [
        ("heading", 1, (), "季度总结", ""),
        ("list", 1, ("季度总结",), "收入增长\n成本下降", ""),
        ("text", 1, ("季度总结",), "备注在此", ""),
        ("heading", 2, (), "Prices", ""),
        ("table", 2, ("Prices",), "Item | EUR\nProbe | 3,990", "Item | EUR"),
    ]


HTML = """<html><head><title>Die &amp; Seite</title><style>p{}</style></head><body>
<nav><a href=x>Home</a></nav>
<script>var a=1</script><h1>Haupt</h1><p>Absatz <b>eins</b> mit
Umbruch.<br>Neue Zeile</p><h2>请假制度</h2><p>员工每年享有
十天年假。</p><p>是</p><ul><li>eins<ul><li>innen</li></ul></li><li>zwei</li></ul>
<table><tr><th>Ort</th><th>Preis</th></tr>
<tr><td rowspan=2>Bern</td><td>1</td></tr><tr><td>2</td></tr></table>
<pre>code  1
  code 2</pre></body></html>"""


def test_html(outline, read):
    assert outline("a.html", HTML.encode()) == [
        ("heading", "", "Haupt"),
        ("text", "Haupt", "Absatz eins mit Umbruch.\nNeue Zeile"),
        ("heading", "Haupt", "请假制度"),
        ("text", "Haupt > 请假制度", "员工每年享有十天年假。"),
        ("text", "Haupt > 请假制度", "是"),
        ("list", "Haupt > 请假制度", "eins\ninnen\nzwei"),
        ("table", "Haupt > 请假制度", "Ort | Preis\nBern | 1\nBern | 2"),
        ("text", "Haupt > 请假制度", "code  1\n  code 2"),
    ]
    assert read("a.html", HTML.encode()).title == "Die & Seite"


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [("gb2312", "gb18030"), ("utf-8", "gb18030"), ("shift_jis", "cp932"), ("", "gb18030")],
)
def test_html_in_the_encoding_that_it_declares_or_not(read, declared, encoding):
    text = "社員は精算書を提出する。" if encoding == "cp932" else "员工应当在每年三月以前提交申请。"
    page = f'<html><head><meta charset="{declared}"></head><body><p>{text}</p></body></html>'
    assert read("a.htm", page.encode(encoding)).text == text


MD = """---
title: "Reisen"
---
# 标题

**Author:** Ann Lee
**Date:** 5 May 2024

员工应当在返回公司以后的三十个日历日之内向财务部门提交
报销单。

## Zwei

- a
- b
  more

| Ort | Preis |
|---|---|
| Bern | 1 |

```
code  x
# no heading
```

第一章 总则

第一条 员工应当遵守。
"""


def test_markdown(outline, read):
    assert outline("a.md", MD.encode()) == [
        ("heading", "", "标题"),
        ("text", "标题", "Author: Ann Lee\nDate: 5 May 2024"),
        ("text", "标题", "员工应当在返回公司以后的三十个日历日之内向财务部门提交报销单。"),
        ("heading", "标题", "Zwei"),
        ("list", "标题 > Zwei", "a\nb more"),
        ("table", "标题 > Zwei", "Ort | Preis\nBern | 1"),
        ("text", "标题 > Zwei", "code  x\n# no heading"),
        ("heading", "标题 > Zwei", "第一章 总则"),
        ("text", "标题 > Zwei > 第一章 总则 > 第一条", "第一条 员工应当遵守。"),
    ]
    assert read("a.md", MD.encode()).title == "Reisen"


def test_private_names_of_unstructured_are_still_there():
    """A fresh process: the module replaces them when imported and raises when one is gone."""
    code = (
        "import sys; from ingest.parse_unstructured import REPLACED, tame; tame()\n"
        "import unstructured.nlp.tokenize as t, unstructured.partition.html.parser as h\n"
        "assert [s.text for s in t._load_spacy_model()('One. Two.').sents] == ['One.', 'Two.']\n"
        "assert h.derive_element_type_from_text('A').__name__ == 'Text'\n"
        "assert 'torch' not in sys.modules\n"
        "print(len(REPLACED))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "5"), done.stderr
