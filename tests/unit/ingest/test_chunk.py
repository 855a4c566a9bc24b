import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunk import chunk
from ingest.parse_blocks import Block, Parsed, to_document
from tests.fakes.embedder import HashingEmbedder

COUNT = HashingEmbedder().count_tokens


def _document(*blocks, title="Title"):
    return to_document(
        Parsed(title, tuple(blocks), "text/plain"), "/docs/a.txt", hashlib.sha256(b"").hexdigest(), 1
    )


def _heading(text, level=1, page=None):
    return Block("heading", text, level, page)


def _text(text, page=None):
    return Block("text", text, page=page)


SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank today."
LONG = " ".join([SENTENCE] * 20)


def _texts(document, budget=120):
    return [c.text for c in _chunks(document, budget)]


def _chunks(document, budget=120):
    """Chunks, with what must hold for any of them."""
    chunks = chunk(document, COUNT, budget)
    assert [c.position for c in chunks] == list(range(len(chunks)))
    for one in chunks:
        assert one.text == document.text[one.start : one.end]
        assert one.document_id == document.id
        assert one.tokens == COUNT([one.embedding_text(document.title)])[0]
        assert one.sentences
        assert list(one.sentences) == sorted(one.sentences)
        for start, end in one.sentences:
            assert one.start <= start < end <= one.end
            assert document.text[start:end].strip() == document.text[start:end]
    for one, after in pairwise(chunks):
        assert one.end <= after.start
    return chunks


def test_a_short_document_is_one_chunk():
    document = _document(
        _heading("Title", 0), _text("One sentence. Another."), _heading("Part"), _text("Third.")
    )
    (only,) = _chunks(document)
    assert only.text == "One sentence. Another.\n\nPart\n\nThird."
    assert only.heading == ("Title",)
    assert [document.text[a:b] for a, b in only.sentences] == ["One sentence.", "Another.", "Third."]


def test_sections_are_not_mixed():
    document = _document(_heading("A"), _text(LONG), _heading("B"), _text(LONG))
    chunks = _chunks(document)
    assert {c.heading for c in chunks} == {("A",), ("B",)}
    assert all(c.tokens <= 120 for c in chunks)
    assert [c.heading for c in chunks] == sorted(c.heading for c in chunks)
    # a heading that the path holds is not repeated in the text
    assert chunks[0].text.startswith("The quick")


def test_chunks_of_a_section_are_of_like_size():
    sizes = [c.tokens for c in _chunks(_document(_heading("A"), _text(LONG)))]
    assert min(sizes) >= 0.6 * max(sizes)


def test_tiny_siblings_are_merged_and_their_headings_kept():
    articles = [(f"第{n}条", f"第{n}条 员工应当遵守第{n}项规定，不得违反。") for n in "一二三四五六七八"]
    blocks = [Block("text", text, 4, label=label) for label, text in articles]
    document = _document(
        _heading("第一章 总则", 2), *blocks, _heading("第二章 附则", 2), _text("本办法自发布之日起施行。")
    )
    chunks = _chunks(document, 80)
    assert len(chunks) < 6
    assert all(c.tokens <= 80 for c in chunks)
    assert [c.heading[0] for c in chunks] == ["第一章 总则"] * (len(chunks) - 1) + ["第二章 附则"]
    # what several articles share is the chapter; one alone has its own number
    assert chunks[0].heading == ("第一章 总则",)
    assert len(chunks[0].sentences) == 2
    joined = "\n".join(c.text for c in chunks)
    assert all(text in joined for _, text in articles)


def test_headings_without_text_are_kept():
    document = _document(
        _text(LONG), _heading("Empty"), _heading("Also empty"), _heading("Full"), _text(LONG)
    )
    together = "\n".join(" ".join((*c.heading, c.text)) for c in _chunks(document))
    assert "Empty" in together
    assert "Also empty" in together


def test_a_heading_that_states_something_can_be_quoted():
    document = _document(_heading("Valid from 1 May 2024"), _text(LONG), _heading("3.2 Scope"), _text(LONG))
    chunks = _chunks(document)
    assert chunks[0].text.startswith("Valid from 1 May 2024\n\nThe quick")
    assert document.text[slice(*chunks[0].sentences[0])] == "Valid from 1 May 2024"
    assert not any(c.text.startswith("3.2 Scope") for c in chunks)


def test_pages_are_not_mixed():
    document = _document(_text("First page.", 1), _text("Second page.", 2), _text("Still the second.", 2))
    assert [(c.page, c.text) for c in _chunks(document)] == [
        (1, "First page."),
        (2, "Second page.\n\nStill the second."),
    ]


def test_tables_are_cut_by_rows_and_keep_their_header():
    header = "Item | Price | Unit"
    rows = [f"Probe number {n} | {n * 10}.50 | EUR per piece. Net" for n in range(40)]
    document = _document(_heading("Prices"), Block("table", "\n".join([header, *rows]), header=header))
    chunks = _chunks(document)
    assert len(chunks) > 3
    assert all(c.header == header and header not in c.text and c.tokens <= 120 for c in chunks)
    assert [document.text[a:b] for c in chunks for a, b in c.sentences] == rows
    assert all(
        c.embedding_text("Title").startswith("Title > Prices\nItem | Price | Unit\nProbe") for c in chunks
    )


def test_two_tables_are_not_mixed():
    one, two = "A | B | C", "D | E | F"
    document = _document(
        Block("table", f"{one}\n1 | 2 | 3", header=one),
        Block("table", f"{two}\n4 | 5 | 6", header=two),
        title="T",
    )
    assert [(c.header, c.text) for c in _chunks(document)] == [(one, "1 | 2 | 3"), (two, "4 | 5 | 6")]


def test_a_table_of_nothing_but_its_header_is_kept():
    document = _document(_text(LONG), Block("table", "A | B"), title="T")
    assert "A | B" in "\n".join(_texts(document))


@pytest.mark.parametrize(
    "sentence",
    [
        "员工应当在返回公司以后提交报销单，" * 30 + "逾期不予受理。",
        "a clause that goes on, " * 60 + "and ends.",
        "word " * 400 + "end.",
        "x" * 3000,
        "字" * 900,
    ],
)
def test_a_sentence_over_the_budget_is_cut(sentence):
    document = _document(_text(sentence))
    chunks = _chunks(document, 100)
    assert all(c.tokens <= 100 for c in chunks)
    assert "".join("".join(c.text.split()) for c in chunks) == "".join(sentence.split())
    if "，" in sentence:
        assert all(c.text.endswith(("，", "。")) for c in chunks)


def test_long_paths_leave_room_for_the_text():
    deep = [_heading(f"Heading {n} " + "with many words " * 4, n) for n in range(1, 6)]
    for one in _chunks(_document(*deep, _text(LONG)), 100):
        assert one.tokens <= 100
        assert len(one.heading) >= 1
        assert one.heading[-1].startswith("Heading 5")


def test_tokens_are_counted_in_few_calls():
    embedder = HashingEmbedder()
    blocks = [block for n in range(60) for block in (_heading(f"Part {n}"), _text(LONG))]
    assert len(chunk(_document(*blocks), embedder.count_tokens, 120)) > 150
    assert embedder.count_calls <= 8


_WORD = st.text("abcdefghij", min_size=1, max_size=9)
_LATIN = st.lists(_WORD, min_size=1, max_size=40).map(lambda words: " ".join(words) + ".")
_HAN = st.text("员工应当提交报销单年假休管理办法，", min_size=1, max_size=80).map(lambda text: text + "。")
_PARAGRAPH = st.lists(st.one_of(_LATIN, _HAN), min_size=1, max_size=8).map(" ".join)
_BLOCK = st.one_of(
    st.builds(_text, _PARAGRAPH, st.sampled_from([None, 1, 2])),
    st.builds(_heading, st.one_of(_WORD, st.just("第三章 总则"), st.just("2.1 Scope")), st.integers(0, 5)),
    st.builds(
        lambda head, rows: Block("table", "\n".join([head, *rows]), header=head),
        st.just("Ort | Preis | Zeit"),
        st.lists(st.lists(_WORD, min_size=3, max_size=3).map(" | ".join), min_size=1, max_size=30),
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_BLOCK, min_size=1, max_size=12))
def test_any_document(blocks):
    document = _document(*blocks)
    chunks = _chunks(document, 60)
    assert all(c.tokens <= 60 for c in chunks)
    # every line stands in the chunks' texts one after the other (a long sentence is cut), or above a chunk
    texts = "".join("".join(c.text.split()) for c in chunks)
    above = {"".join(part.split()) for c in chunks for part in (*c.heading, c.header, document.title)}
    for element in document.elements:
        for line in document.text[element.start : element.end].split("\n"):
            bare = "".join(line.split())
            assert bare in texts or bare in above
