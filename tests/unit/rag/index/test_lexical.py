import math

import pytest

from rag.index.lexical import BODY_WEIGHT, HEADING_WEIGHT
from rag.text import terms
from rag.types import User
from tests.fakes.library import put

EVERYTHING = User()
PASSAGES = {
    "a.md": "The pump has a red valve. The valve closes the pump.",
    "b.md": "A pump needs oil.",
    "c.md": "The valve of the boiler is blue and the boiler is large and old and loud.",
    "d.md": "泵的阀门是红色的，阀门要关闭。",
    "e.md": "使用HS-900型泵之前请阅读说明书。",
    "f.md": "Nothing of interest here.",
}


@pytest.fixture
def filled(store, embedder):
    for source, text in PASSAGES.items():
        put(store, embedder, source, [text], title=f"Title {source[0]}")
    return store


def brute_force(query):
    """BM25 as SQLite documents it: k1 1.2, b 0.75, idf at least 1e-6, over both columns together."""
    rows = {
        i: [*terms(f"Title {source[0]}  "), *terms(text)]
        for i, (source, text) in enumerate(PASSAGES.items(), start=1)
    }
    average = sum(map(len, rows.values())) / len(rows)
    scores = dict.fromkeys(rows, 0.0)
    for term in dict.fromkeys(query):
        holding = sum(term in row for row in rows.values())
        idf = max(math.log((len(rows) - holding + 0.5) / (holding + 0.5)), 1e-6)
        for i, row in rows.items():
            f = row.count(term)
            scores[i] += idf * f * 2.2 / (f + 1.2 * (0.25 + 0.75 * len(row) / average))
    found = [(i, score) for i, score in scores.items() if score > 0]
    return sorted(found, key=lambda item: (-item[1], item[0]))


@pytest.mark.parametrize(
    "query",
    ["pump", "red valve", "oil boiler pump", "阀门", "HS-900", "hs", "the pump the valve", "泵", "title"],
)
def test_scores_equal_brute_force(filled, query):
    assert HEADING_WEIGHT == BODY_WEIGHT == 1.0
    got = filled.lexical(terms(query), 10, EVERYTHING)
    want = brute_force(terms(query))
    assert [key for key, _ in got] == [key for key, _ in want]
    assert [score for _, score in got] == pytest.approx([score for _, score in want], rel=1e-4)


def test_only_the_best_are_given(filled):
    query = terms("pump valve")
    assert filled.lexical(query, 2, EVERYTHING) == filled.lexical(query, 10, EVERYTHING)[:2]


def test_nothing_asked_nothing_found(filled):
    assert filled.lexical([], 10, EVERYTHING) == []
    assert filled.lexical(["absent"], 10, EVERYTHING) == []


@pytest.mark.parametrize("term", ['"', 'a"b', "pump OR valve", "NEAR(", "*", "-pump", "body:pump", "'"])
def test_terms_are_never_read_as_search_syntax(filled, term):
    assert isinstance(filled.lexical([term], 10, EVERYTHING), list)


def test_titles_and_headings_are_found(store, embedder):
    put(
        store,
        embedder,
        "a.md",
        ["Some text."],
        title="Reisekosten",
        heading=("Hotel",),
        header="Stadt | Betrag",
    )
    for term in ("reisekosten", "hotel", "betrag", "text"):
        assert [key for key, _ in store.lexical([term], 10, EVERYTHING)] == [1]


def test_document_frequencies(filled):
    got = filled.document_frequencies(["pump", "valve", "阀门", "hs-900", "absent"])
    assert got == {"pump": 2, "valve": 2, "阀门": 1, "hs-900": 1}
    assert filled.document_frequencies([]) == {}


def test_the_same_is_found_in_either_script(filled):
    assert filled.lexical(terms("閥門"), 10, EVERYTHING) == filled.lexical(terms("阀门"), 10, EVERYTHING)
