import dataclasses

import pytest

from rag.section import named_section
from rag.types import Chunk, Document, DocumentRef, Element, Hit

TEXT = """Travel policy

1. Hotels

The maximum rate is 165 EUR. Breakfast is included.

2. Winter operation

Heat the cabinet below 5 degrees.

2.1 Storage and disposal

Drain the pump. Return it.

附录 付款条件

预付百分之三十。验收后付余款。"""


def element(kind, words, heading=(), text=TEXT):
    start = text.index(words)
    return Element(kind, start, start + len(words), heading=heading)


def spans(text, *quotes):
    return tuple((start := text.index(quote), start + len(quote)) for quote in quotes)


ELEMENTS = (
    element("heading", "Travel policy"),
    element("heading", "1. Hotels", ("Travel policy",)),
    element(
        "paragraph", "The maximum rate is 165 EUR. Breakfast is included.", ("Travel policy", "1. Hotels")
    ),
    element("heading", "2. Winter operation", ("Travel policy",)),
    element("paragraph", "Heat the cabinet below 5 degrees.", ("Travel policy", "2. Winter operation")),
    element("heading", "2.1 Storage and disposal", ("Travel policy", "2. Winter operation")),
    element("paragraph", "Drain the pump. Return it.", ("Travel policy", "2. Winter operation")),
    element("heading", "附录 付款条件", ("Travel policy",)),
    element("paragraph", "预付百分之三十。验收后付余款。", ("Travel policy",)),
)
SENTENCES = (
    "The maximum rate is 165 EUR.", "Breakfast is included.", "Heat the cabinet below 5 degrees.",
    "Drain the pump.", "Return it.", "预付百分之三十。", "验收后付余款。",
)  # fmt: skip
DOCUMENT = Document(id="d", title="Travel policy", titled=True, text=TEXT, elements=ELEMENTS, language="en",
                    mime="text/plain", sha256="", size=0)  # fmt: skip


def hit_of(begin, end, key=1):
    """A hit with the sentences from ``begin`` to before ``end``, its text from the first to the last."""
    kept = spans(TEXT, *SENTENCES[begin:end])
    # with the heading above, as chunks have
    start = TEXT.rindex("\n\n", 0, kept[0][0] - 2) + 2
    chunk = Chunk("d", key, TEXT[start : kept[-1][1]], start, kept[-1][1], kept, id=key)
    numbers = tuple(float(i) for i in range(begin, end))
    return Hit(
        chunk, DocumentRef("d", "t.md", "Travel policy", "en"), 1.0, sentences=numbers, directions=numbers
    )


HITS = [hit_of(2, 7, key=2), hit_of(0, 2, key=1)]


def found(question, hits=HITS, opened=lambda key: DOCUMENT):
    return [
        (hit.chunk.heading[-1], [TEXT[a:b] for a, b in hit.chunk.sentences], hit.sentences)
        for hit in named_section(question, hits, opened)
    ]


HOTELS = [("1. Hotels", list(SENTENCES[:2]), (0.0, 1.0))]
STORAGE = [("2.1 Storage and disposal", list(SENTENCES[3:5]), (3.0, 4.0))]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What does “Travel policy” say about “Hotels”?", HOTELS),
        ("What does the travel policy say about hotels?", HOTELS),
        ("hotels", HOTELS),
        ("Tell me the rules about hotels, please.", HOTELS),
        ("What must I know about storage and disposal in winter operation?", STORAGE),
        # something particular is asked, or no section is named
        ("Which hotels in Berlin are allowed?", []),
        ("What is the maximum rate of hotels?", []),
        ("What does the travel policy say about taxis?", []),
        ("What is said here?", []),
        ("How much are hotels?", []),
        ("When is the winter operation?", []),
        ("Who is told of storage and disposal?", []),
        ("Where are hotels?", []),
        ("What is this about?", []),
    ],
)
def test_a_section_is_asked_for_by_its_heading_and_nothing_else(question, expected):
    assert found(question) == expected


@pytest.mark.parametrize("question", ["What does the travel policy say?", "What does “Travel policy” say?"])
def test_a_document_that_is_named_alone_is_asked_for_as_a_whole(question):
    hits = [
        dataclasses.replace(hit, chunk=dataclasses.replace(hit.chunk, heading=("Above",))) for hit in HITS
    ]
    assert found(question, hits) == [
        ("Above", list(SENTENCES[:2]), (0.0, 1.0)),
        ("Above", list(SENTENCES[2:]), (2.0, 3.0, 4.0, 5.0, 6.0)),
    ]


def test_a_section_ends_where_one_of_its_rank_begins():
    (one,) = found("winter operation")
    assert one == ("2. Winter operation", list(SENTENCES[2:5]), (2.0, 3.0, 4.0))


def test_chinese_names_need_no_blanks():
    text = "价格政策\n\n四、付款条件\n\n预付百分之三十。\n\n五、目录价\n\n详见附表。"
    elements = (
        element("heading", "价格政策", text=text),
        element("heading", "四、付款条件", ("价格政策",), text),
        element("paragraph", "预付百分之三十。", ("价格政策", "四、付款条件"), text),
        element("heading", "五、目录价", ("价格政策",), text),
        element("paragraph", "详见附表。", ("价格政策", "五、目录价"), text),
    )
    document = dataclasses.replace(DOCUMENT, title="价格政策", text=text, elements=elements, language="zh")
    chunk = Chunk("d", 0, text, 0, len(text), spans(text, "预付百分之三十。", "详见附表。"), id=1)
    hit = Hit(
        chunk, DocumentRef("d", "p.md", "价格政策", "zh"), 1.0, sentences=(1.0, 2.0), directions=(1.0, 2.0)
    )
    for question in (
        "价格政策的付款条件是什么？",
        "《价格政策》中关于“付款条件”是怎么说的？",
        "请介绍一下付款条件",
    ):
        (one,) = named_section(question, [hit], lambda key: document)
        assert [text[a:b] for a, b in one.chunk.sentences] == ["预付百分之三十。"]
        assert one.chunk.heading == ("价格政策", "四、付款条件")
    for question in (
        "付款条件适用于哪些地区？",
        "付款条件为什么要有？",
        "付款条件由谁规定？",
        "付款条件有多少？",
    ):
        assert named_section(question, [hit], lambda key: document) == []


def test_only_documents_that_may_hold_it_are_opened():
    opened = []

    def opening(key):
        opened.append(key)
        return DOCUMENT

    assert found("What does the travel policy say about taxis?", opened=opening) == []
    assert opened == []
    assert found("hotels", opened=opening) == HOTELS
    assert opened == ["d"]
    assert found("hotels", opened=lambda key: None) == []
