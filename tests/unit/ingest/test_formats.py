"""Formats that need no program and no Office library: data, writing, code, books."""

import io
import json
import zipfile

import pytest

from rag.errors import UnreadableFileError


def _zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return out.getvalue()


# ---------------------------------------------------------------- JSON


def test_json(outline, read):
    items = [
        {"id": 1, "名称": "探头", "price": {"eur": 3.5}},
        {"id": 2, "名称": "Kabel", "price": {"eur": 4}},
    ]
    value = {
        "title": "产品目录", "tags": ["a", "b"], "on": True, "none": None, "items": items,
        "config": {"host": "x", "port": {"a": {"b": {"c": [1, 2]}}}},
        "notes": ["A first remark. " * 8, "A second remark. " * 8],
        "mixed": [{"a": 1}, {"b": 2, "text": "two\nlines"}],
    }  # fmt: skip
    data = json.dumps(value, ensure_ascii=False).encode("utf-16")
    assert outline("a.json", data) == [
        ("text", "", "title: 产品目录\ntags: a, b\non: true"),
        ("heading", "", "items"),
        ("table", "items", "id | 名称 | price.eur\n1 | 探头 | 3.5\n2 | Kabel | 4"),
        ("heading", "", "config"),
        ("text", "config", "host: x"),
        ("heading", "config", "port"),
        ("heading", "config > port", "a"),
        ("text", "config > port > a", "b.c: 1, 2"),
        ("heading", "", "notes"),
        ("list", "notes", ("A first remark. " * 8).strip() + "\n" + ("A second remark. " * 8).strip()),
        ("heading", "", "mixed"),
        ("text", "mixed", "a: 1"),
        ("text", "mixed", "b: 2\ntext: two\nlines"),
    ]
    document = read("a.json", data)
    assert (document.title, document.mime) == ("产品目录", "application/json")


def test_numbers_stay_as_they_are_written(read):
    digits = "9" * 5000
    assert read("a.json", f'{{"a": 1.10, "b": 1E400, "c": {digits}}}'.encode()).text == (
        f"a: 1.10\nb: 1E400\nc: {digits}"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('// why\n{"a": 1}', '// why\n{"a": 1}'),
        ('{"a": 1, "b": "half of it', '{"a": 1, "b": "half of it'),
        ("This is no JSON at all.", "This is no JSON at all."),
        ('{"a": 1}\n{"a": 2}\n', "a\n1\n2"),
        ('"one string"', "one string"),
    ],
)
def test_what_is_no_whole_json_is_text(read, text, found):
    assert read("a.json", text.encode()).text.replace("a: ", "a\n", 1) in (found, found.replace("a: ", "a\n"))


def test_json_that_is_nested_too_deeply(read):
    for deep in (b"[" * 200_000 + b"]" * 200_000, b'{"a":' * 200_000 + b"1" + b"}" * 200_000):
        with pytest.raises(UnreadableFileError, match="nested too deeply"):
            read("a.json", deep)


def test_lines_of_json(outline):
    lines = '{"时间": "08:00", "事件": "启动"}\n\n{"时间": "09:00", "事件": "停机"}\n{"时间": "10:0'
    assert outline("a.jsonl", lines.encode("gb18030")) == [
        ("table", "", "时间 | 事件\n08:00 | 启动\n09:00 | 停机"),
        ("text", "", '{"时间": "10:0'),
    ]


# ---------------------------------------------------------------- XML


def test_data_in_xml(outline):
    xml = """<?xml version="1.0" encoding="gb18030"?>
    <catalog owner="QA"><item id="1"><name>探头</name><price cur="EUR">3</price></item>
    <item id="2"><name>Kabel</name><price cur="CHF">4</price></item><note>Only one.</note></catalog>"""
    assert outline("a.xml", xml.encode("gb18030")) == [
        ("text", "", "owner: QA\nnote: Only one."),
        ("heading", "", "item"),
        ("table", "item", "id | name | price.text | price.cur\n1 | 探头 | 3 | EUR\n2 | Kabel | 4 | CHF"),
    ]


DOCBOOK = """<?xml version="1.0"?>
<book xmlns="http://docbook.org/ns/docbook"><info><title>手册</title><author>A. Bee</author></info>
<chapter><title>安装</title><para>先安装<emphasis>软件</emphasis>,
then<indexterm><primary>no</primary></indexterm> go.</para>
<itemizedlist><listitem><para>One</para></listitem><listitem><para>Two</para></listitem></itemizedlist>
<programlisting>a  b
 c</programlisting>
<table><title>Prices</title><tgroup cols="2"><thead><row><entry>A</entry><entry>B</entry></row></thead>
<tbody><row><entry>1</entry><entry>2</entry></row></tbody></tgroup></table>
<section><title>Deep</title><para>Text &amp; more.</para></section></chapter></book>"""


def test_writing_in_xml(outline, read):
    assert outline("a.xml", DOCBOOK.encode()) == [
        ("heading", "", "手册"),
        ("text", "手册", "A. Bee"),
        ("heading", "手册", "安装"),
        ("text", "手册 > 安装", "先安装软件, then go."),
        ("list", "手册 > 安装", "One\nTwo"),
        ("text", "手册 > 安装", "a  b\n c"),
        ("text", "手册 > 安装", "Prices"),
        ("table", "手册 > 安装", "A | B\n1 | 2"),
        ("heading", "手册 > 安装", "Deep"),
        ("text", "手册 > 安装 > Deep", "Text & more."),
    ]
    assert read("a.xml", DOCBOOK.encode()).title == "手册"


def test_entities_are_not_followed(read, tmp_path):
    (tmp_path / "secret").write_text("secret")
    external = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]><a><b>see &x;</b></a>'
    assert read("a.xml", f'<?xml version="1.0"?>{external}'.encode()).text == "b: see&x;"
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><a>&l11;</a>'
    with pytest.raises(UnreadableFileError, match="the XML is damaged: Maximum entity amplification"):
        read("b.xml", bomb.encode())


@pytest.mark.parametrize(
    "data", [b"<?xml version='1.0'?><a><b></a>", b"<a>" * 50_000, b"<?xml version='1.0'?>"]
)
def test_damaged_xml(read, data):
    with pytest.raises(UnreadableFileError, match="the XML is damaged"):
        read("a.xml", data)


# ---------------------------------------------------------------- OpenDocument

ODF = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" ' + " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in (
        ("text", "text"), ("table", "table"), ("draw", "drawing"), ("presentation", "presentation"),
        ("style", "style"),
    )
)  # fmt: skip
ODT = """<office:automatic-styles><style:style style:name="P1" style:parent-style-name="Title"/>
</office:automatic-styles><office:body><office:text><text:tracked-changes><text:p>gone</text:p>
</text:tracked-changes><text:p text:style-name="P1">差旅管理办法</text:p>
<text:h text:outline-level="1">第一章 总则</text:h>
<text:p>本办法<text:span>适用于</text:span>全体<text:s text:c="2"/>员工<text:note>
<text:note-citation>1</text:note-citation><text:note-body><text:p>含实习生</text:p></text:note-body></text:note>。<text:line-break/>新行</text:p>
<text:p>第一条 为规范差旅管理，制定本办法。</text:p>
<text:h text:outline-level="2">Hotels</text:h>
<text:list><text:list-item><text:p>Item one</text:p><text:list><text:list-item><text:p>inner</text:p>
</text:list-item></text:list></text:list-item>
<text:list-item><text:p>Item two</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell><text:p>Stadt</text:p></table:table-cell>
<table:table-cell><text:p>Preis</text:p></table:table-cell></table:table-row><table:table-row>
<table:table-cell><text:p>Bern</text:p></table:table-cell><table:table-cell><text:p>120</text:p></table:table-cell>
</table:table-row></table:table>
<text:p><draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame></text:p>
</office:text></office:body>"""


def _odf(body, flat=False, manifest="<x/>"):
    xml = f'<?xml version="1.0"?><office:document{"" if flat else "-content"} {ODF}>{body}'
    xml += f"</office:document{'' if flat else '-content'}>"
    if flat:
        return xml.encode()
    mime = "application/vnd.oasis.opendocument.text"
    return _zipped(mimetype=mime, content_xml=xml, **{"META-INF__manifest_xml": manifest})


@pytest.mark.parametrize("flat", [False, True])
def test_odt(outline, read, flat):
    top = "差旅管理办法 > 第一章 总则"
    assert outline("a.odt", _odf(ODT, flat)) == [
        ("heading", "", "差旅管理办法"),
        ("heading", "差旅管理办法", "第一章 总则"),
        ("text", top, "本办法适用于全体 员工 (含实习生)。\n新行"),
        ("text", f"{top} > 第一条", "第一条 为规范差旅管理，制定本办法。"),
        ("heading", top, "Hotels"),
        ("list", f"{top} > Hotels", "Item one\ninner\nItem two"),
        ("table", f"{top} > Hotels", "Stadt | Preis\nBern | 120"),
        ("text", f"{top} > Hotels", "In a box."),
    ]
    assert read("a.odt", _odf(ODT, flat)).title == "差旅管理办法"


def test_ods_is_not_filled_to_its_edge(outline):
    def cell(text, more=""):
        inner = f"<text:p>{text}</text:p>" if text else ""
        return f"<table:table-cell {more}>{inner}</table:table-cell>"

    once, twice = (f'table:number-columns-repeated="{times}"' for times in (1, 2))
    edge = cell("", 'table:number-columns-repeated="16384"')
    body = f"""<office:body><office:spreadsheet><table:table table:name="价格">
    <table:table-row>{cell("产品")}{cell("Preis")}{cell("Ort")}{edge}</table:table-row>
    <table:table-row>{cell("A")}{cell("", once)}{cell("Bern")}{edge}</table:table-row>
    <table:table-row table:number-rows-repeated="2">{cell("B", twice)}</table:table-row>
    <table:table-row table:number-rows-repeated="1048570">{edge}</table:table-row>
    <table:table-row>{cell("A remark.")}</table:table-row>
    </table:table></office:spreadsheet></office:body>"""
    assert outline("a.ods", _odf(body)) == [
        ("heading", "", "价格"),
        ("table", "价格", "产品 | Preis | Ort\nA |  | Bern\nB | B\nB | B"),
        ("text", "价格", "A remark."),
    ]


def test_odp(read):
    def frame(kind, inner):
        box = f"<draw:text-box>{inner}</draw:text-box>"
        return f'<draw:frame presentation:class="{kind}">{box}</draw:frame>'

    notes = f"<presentation:notes>{frame('notes', '<text:p>备注在此</text:p>')}</presentation:notes>"
    lines = "<text:p>收入增长</text:p><text:p>成本下降</text:p>"
    body = f"""<office:body><office:presentation>
    <draw:page>{frame("title", "<text:p>季度总结</text:p>")}{frame("outline", lines)}{notes}</draw:page>
    <draw:page>{frame("outline", "<text:p>No title</text:p>")}</draw:page>
    </office:presentation></office:body>"""
    document = read("a.odp", _odf(body))
    assert [(e.kind, e.page, document.text[e.start : e.end]) for e in document.elements] == [
        ("heading", 1, "季度总结"),
        ("list", 1, "收入增长\n成本下降"),
        ("text", 1, "备注在此"),
        ("heading", 2, "2"),
        ("list", 2, "No title"),
    ]


def test_protected_and_damaged_odf(read):
    with pytest.raises(UnreadableFileError, match="protected by a password"):
        read("a.odt", _odf(ODT, manifest="<manifest:encryption-data/>"))
    with pytest.raises(UnreadableFileError, match="a part of it is missing"):
        read("a.odt", _zipped(mimetype="application/vnd.oasis.opendocument.text"))


# ---------------------------------------------------------------- RTF


def _rtf(body, head=""):
    return rf"{{\rtf1\ansi\ansicpg936\deff0{{\fonttbl{{\f0\fcharset134 SimSun;}}}}{head}\f0 {body}}}".encode(
        "ascii"
    )


def _hex(text, encoding="gbk"):
    return "".join(f"\\'{byte:02x}" if byte > 127 else chr(byte) for byte in text.encode(encoding))


def test_rtf(outline, read):
    styles = r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0\b heading 1;}{\s9\qc Title;}}{\info{\title Reise}}"
    rows = "".join(
        rf"\trowd\intbl {a}\cell {b}\cell\row" + "\n" for a, b in ((_hex("城市"), "Preis"), ("Bern", "120"))
    )
    body = rf"""\pard\s9 {_hex("差旅管理办法")}\par\pard\s1\outlinelevel0 {_hex("适用范围")}\par
\pard {_hex("丂本办法适用于全体员工。")}\par \u24046?\u26053? caf\u233?, a | b \u-10179?\u-8697?\par
\pard\outlinelevel1 Hotels\par{rows}\pard{{\listtext\u61623?\tab}}Item one\par
{{\pict\pngblip {"89" * 400}}}{{\*\generator x}}\par"""
    assert outline("a.rtf", _rtf(body, styles)) == [
        ("heading", "", "差旅管理办法"),
        ("heading", "差旅管理办法", "适用范围"),
        ("text", "差旅管理办法 > 适用范围", "丂本办法适用于全体员工。"),
        ("text", "差旅管理办法 > 适用范围", "差旅 café, a | b 😇"),
        ("heading", "差旅管理办法 > 适用范围", "Hotels"),
        ("table", "差旅管理办法 > 适用范围 > Hotels", "城市 | Preis\nBern | 120"),
        ("list", "差旅管理办法 > 适用范围 > Hotels", "• Item one"),
    ]
    assert read("a.doc", _rtf(body, styles)).title == "Reise"


def test_cut_rtf(read):
    assert read("a.rtf", _rtf("All that is left.")[:-6]).text == "All that is"


# ---------------------------------------------------------------- EPUB

CONTAINER = '<container xmlns="urn:x"><rootfiles><rootfile full-path="OEBPS/c.opf"/></rootfiles></container>'
OPF = """<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>三国</dc:title></metadata><manifest>
<item id="b" href="2.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="1.xhtml" media-type="application/xhtml+xml"/>
<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<item id="gone" href="gone.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="gone"/><itemref idref="b"/></spine>
</package>"""


def _epub(**more):
    page = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'
    return _zipped(
        mimetype="application/epub+zip",
        **{
            "META-INF__container_xml": CONTAINER, "OEBPS__c_opf": OPF,
            "OEBPS__2_xhtml": page.format("<h1>第二回</h1><p>张飞怒打督邮。</p>"),
            "OEBPS__1_xhtml": page.format("<h1>第一回</h1><p>话说天下大势。</p>"),
            "OEBPS__nav_xhtml": page.format("<ol><li>第一回</li></ol>"), **more,
        },
    )  # fmt: skip


def test_epub(outline, read):
    assert outline("a.zip", _epub()) == [
        ("heading", "", "第一回"),
        ("text", "第一回", "话说天下大势。"),
        ("heading", "", "第二回"),
        ("text", "第二回", "张飞怒打督邮。"),
    ]
    assert read("a.epub", _epub()).title == "三国"


def test_locked_and_damaged_epub(read):
    with pytest.raises(UnreadableFileError, match="digital rights management"):
        read("a.epub", _epub(**{"META-INF__encryption_xml": "<enc:EncryptedData/>"}))
    font = '<enc:EncryptedData><x Algorithm="http://www.idpf.org/2008/embedding"/></enc:EncryptedData>'
    assert read("a.epub", _epub(**{"META-INF__encryption_xml": font})).title == "三国"
    with pytest.raises(UnreadableFileError, match="the book is damaged"):
        read("a.epub", _zipped(mimetype="application/epub+zip", **{"META-INF__container_xml": CONTAINER}))


# ---------------------------------------------------------------- notebooks, code, markup


def test_notebook(outline):
    cells = [
        {"cell_type": "markdown", "source": ["# 分析\n", "\n", "Text *here*."]},
        {
            "cell_type": "code",
            "source": "x = 1\nprint(x)",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31m1\x1b[0m\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "'abc'", "image/png": "xx"}},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": ["no"]},
                {"output_type": "display_data", "data": {"image/png": "xx"}},
            ],
        },
        {"cell_type": "raw", "source": ""},
    ]
    data = json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}).encode()
    assert outline("a.ipynb", data) == [
        ("heading", "", "分析"),
        ("text", "分析", "Text here."),
        ("text", "分析", "x = 1\nprint(x)"),
        ("text", "分析", "1"),
        ("text", "分析", "'abc'"),
        ("text", "分析", "ValueError: bad"),
    ]
    old = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["y"], "outputs": []}]}]}
    assert outline("a.ipynb", json.dumps(old).encode()) == [("text", "", "y")]


def test_damaged_notebook(read):
    with pytest.raises(UnreadableFileError, match="the notebook is damaged"):
        read("a.ipynb", b'{"nbformat": 4, "cells": [')


@pytest.mark.parametrize(
    ("name", "code", "labels"),
    [
        ("a.py", "import x\n\n\ndef f(a):\n    return a\n\n\nclass B:\n    def g(self):\n\n        pass\n",
         ["", "def f(a)", "class B"]),
        ("a.ts", "export interface A {\n  x: number;\n}\n\nexport async function f(): void {\n}\n",
         ["export interface A", "export async function f(): void"]),
        ("a.go", "package main\n\nfunc Add(a int) int {\n\treturn a\n}\n",
         ["package main", "func Add(a int) int"]),
        ("a.c", "#include <x>\n\nint add(int a)\n{\n  return a;\n}\n", ["", "int add(int a)"]),
        ("a.sql", "CREATE TABLE 员工 (id int);\n\nCREATE OR REPLACE VIEW v AS\nSELECT 1;\n",
         ["CREATE TABLE 员工 (id int);", "CREATE OR REPLACE VIEW v AS"]),
        ("a.toml", "[server]\nport = 80\n\n[[client]]\nname = 1\n", ["[server]", "[[client]]"]),
        ("a.yaml", "server:\n  port: 80\n\nclient:\n  name: 张\n", ["server", "client"]),
        ("a.sh", "set -e\n\nrun() {\n  ls\n}\n", ["", "run()"]),
    ],
)  # fmt: skip
def test_code(read, name, code, labels):
    document = read(name, code.encode())
    assert document.text == "\n\n".join(part.strip("\n") for part in document.text.split("\n\n"))
    assert "".join(document.text.split()) == "".join(code.split())
    assert [" > ".join(e.heading) for e in document.elements] == labels
    assert document.title == name


def test_code_keeps_its_blanks(read):
    code = "def f():\n    if x:\n\n        return  1\n"
    assert read("a.py", code.encode("utf-16")).text == code.strip("\n")
    assert read("a.py", code.encode()).mime == "text/x-python"


RST = """手册
====

Intro text here.

Part
----

.. _anchor:

Text of it::

   literal

.. code-block:: python
   :linenos:

   x = 1

   y = 2

After.

Deeper
~~~~~~

* a
* b
"""
ORG = "#+TITLE: 计划\n* First :tag:\nText.\n** TODO Second\n#+BEGIN_SRC sh\nls  -l\n#+END_SRC\nmore\n"
ADOC = "= Doc\n:toc:\n\n== Section\n\nSome text.\n\n----\ncode  x\n----\n\n=== Deeper\n\nText.\n"
TEX = r"""\documentclass{article}
\title{差旅 \emph{Policy}}
\begin{document}\maketitle
\section{Scope}
This \textbf{applies to \emph{all}} staff, 50\% of them. % a comment
\begin{itemize}
\item One
\item Two
\end{itemize}
\begin{verbatim}
x  y % z
\end{verbatim}
\subsection*{Deep}
Text~here.
\end{document}"""


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.rst", RST, [
            ("heading", "", "手册"), ("text", "手册", "Intro text here."), ("heading", "手册", "Part"),
            ("text", "手册 > Part", "Text of it::"), ("text", "手册 > Part", "literal"),
            ("text", "手册 > Part", "   x = 1\n\n   y = 2"), ("text", "手册 > Part", "After."),
            ("heading", "手册 > Part", "Deeper"), ("list", "手册 > Part > Deeper", "* a\n* b"),
        ]),
        ("a.org", ORG, [
            ("heading", "", "First"), ("text", "First", "Text."), ("heading", "First", "Second"),
            ("text", "First > Second", "ls  -l"), ("text", "First > Second", "more"),
        ]),
        ("a.adoc", ADOC, [
            ("heading", "", "Doc"), ("heading", "Doc", "Section"), ("text", "Doc > Section", "Some text."),
            ("text", "Doc > Section", "code  x"), ("heading", "Doc > Section", "Deeper"),
            ("text", "Doc > Section > Deeper", "Text."),
        ]),
        ("a.tex", TEX, [
            ("heading", "", "Scope"), ("text", "Scope", "This applies to all staff, 50% of them."),
            ("list", "Scope", "- One\n- Two"), ("text", "Scope", "x  y"), ("heading", "Scope", "Deep"),
            ("text", "Scope > Deep", "Text here."),
        ]),
    ],
)  # fmt: skip
def test_markup(outline, name, text, found):
    assert outline(name, text.encode()) == found


def test_titles_of_markup(read):
    assert read("a.org", ORG.encode()).title == "计划"
    assert read("a.tex", TEX.encode()).title == "差旅 Policy"
    assert read("a.rst", RST.encode("gb18030")).title == "手册"
