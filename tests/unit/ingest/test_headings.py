import pytest

from ingest.parse_headings import Heading, heading_of
from ingest.parse_lines import blocks_of, join, unwrap


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("第一编 总则", Heading(1)),
        ("第三章 劳动合同", Heading(2)),
        ("第１２章　雑則", Heading(2)),
        ("第二节 年休假", Heading(3)),
        ("第五条", Heading(4)),
        ("第十二条 请假天数", Heading(4)),
        ("第五条 员工每年享有十天年假。", Heading(4, "第五条")),
        ("第三条之一 补充规定。", Heading(4, "第三条之一")),
        ("第五条规定的情形除外", None),
        ("第一次会议纪要", None),
        ("一、适用范围", Heading(3)),
        ("十二、附则", Heading(3)),
        ("一、员工应当遵守本制度。", None),
        ("（一）报销标准", Heading(4)),
        ("(三)审批流程", Heading(4)),
        ("（一）员工出差前须提交申请。", None),
        ("# Title", Heading(1)),
        ("### 1.2 Scope ###", Heading(3)),
        ("Chapter 2", Heading(2)),
        ("Kapitel 3: Reisekosten", Heading(2)),
        ("§ 4 Arbeitszeit", Heading(3)),
        ("Anhang B", Heading(2)),
        ("2 Scope", Heading(2)),
        ("2.3 Hotel rates", Heading(3)),
        ("4.1.2 Tarife", Heading(4)),
        ("1. Purpose", Heading(2)),
        ("3.5 kg of flour", None),
        ("12. März 2024 war ein Dienstag.", None),
        ("2024 was a good year.", None),
        ("TOP 3: Haushalt", Heading(5)),
        ("GENERAL TERMS OF DELIVERY", Heading(2)),
        ("（二）乙级投诉，20个工作日内提交8D报告。", None),
        ("An ordinary line of text", None),
        ("", None),
    ],
)  # fmt: skip
def test_heading_of_a_line_that_stands_alone(line, expected):
    assert heading_of(line, alone=True) == expected


@pytest.mark.parametrize("line", ["1. Purpose", "2.3 Hotel rates", "（一）报销标准", "Chapter 2"])
def test_numbered_lines_among_others_are_list_items(line):
    assert heading_of(line, alone=False) is None


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("Der Reise-", "kostenantrag", "Der Reisekostenantrag"),
        ("Vor-", "und Nachteile", "Vor- und Nachteile"),
        ("the E-", "Mail", "the E- Mail"),
        ("员工应当在返回", "后三十日内", "员工应当在返回后三十日内"),
        ("精算書を", "提出する", "精算書を提出する"),
        ("uses HS-410", "for it", "uses HS-410 for it"),
        ("中文与English", "混排", "中文与English 混排"),
        ("hy\u00adphen\u00ad", "ated", "hy\u00adphenated"),
    ],
)
def test_join(first, second, whole):
    assert join(first, second) == whole


def test_wrapped_lines_are_joined_and_meant_ones_kept():
    wrapped = [
        "This paragraph was set with line ends at the seventieth column, as",
        "mail and old manuals do, and therefore has to be put together again",
        "before sentences can be found in it.",
    ]
    assert unwrap(wrapped, wrapped=True) == [" ".join(wrapped)]
    address = ["Heronsee GmbH", "Reiherweg 12", "79098 Freiburg"]
    assert unwrap(address, wrapped=False) == address


def test_text_with_chinese_articles():
    text = (
        "第一章 总则\n第一条 为规范管理，制定本办法。\n第二条 本办法适用于全体员工。\n包括外派人员。\n\n"
        "第二章 附则\n\n第三条 自发布之日起施行。"
    )
    blocks = [(b.kind, b.text, b.level, b.label) for b in blocks_of(text)]
    assert blocks == [
        ("heading", "第一章 总则", 2, ""),
        ("text", "第一条 为规范管理，制定本办法。", 4, "第一条"),
        ("text", "第二条 本办法适用于全体员工。", 4, "第二条"),
        ("text", "包括外派人员。", 0, ""),
        ("heading", "第二章 附则", 2, ""),
        ("text", "第三条 自发布之日起施行。", 4, "第三条"),
    ]


def test_underlines_rules_and_columns():
    text = (
        "Release notes\n=============\n\n-------------\nRelease 2 (May)\n-------------\nNew\n* one\n* two\n\n"
        + ("  Nr.  Aufgabe      Wer\n  1    Abnahme      Harder\n  2    Plan\n")
    )
    blocks = [(b.kind, b.text, b.level, b.header) for b in blocks_of(text)]
    assert blocks == [
        ("heading", "Release notes", 1, ""),
        ("heading", "Release 2 (May)", 2, ""),
        ("list", "New\n* one\n* two", 0, ""),
        ("table", "Nr. | Aufgabe | Wer\n1 | Abnahme | Harder\n2 | Plan", 0, "Nr. | Aufgabe | Wer"),
    ]
