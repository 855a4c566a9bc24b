import math

import pytest

from rag.index import lexical
from rag.index.lexical import BODY_WEIGHT, HEADING_WEIGHT, rarest
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
    got = filled.lexical(terms(query), 10)
    want = brute_force(terms(query))
    assert [key for key, _ in got] == [key for key, _ in want]
    assert [score for _, score in got] == pytest.approx([score for _, score in want], rel=1e-4)


def test_only_the_best_are_given(filled):
    query = terms("pump valve")
    assert filled.lexical(query, 2) == filled.lexical(query, 10)[:2]


def test_nothing_asked_nothing_found(filled):
    assert filled.lexical([], 10) == []
    assert filled.lexical(["absent"], 10) == []


@pytest.mark.parametrize("term", ['"', 'a"b', "pump OR valve", "NEAR(", "*", "-pump", "body:pump", "'"])
def test_terms_are_never_read_as_search_syntax(filled, term):
    assert isinstance(filled.lexical([term], 10), list)


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
        assert [key for key, _ in store.lexical([term], 10)] == [1]


def test_how_many_chunks_hold_a_term(filled):
    total, got = filled.frequencies(["pump", "valve", "阀门", "hs-900", "absent", "pump"])
    assert (total, got) == (6, {"pump": 2, "valve": 2, "阀门": 1, "hs-900": 1})
    assert filled.frequencies([]) == (6, {})


def test_few_chunks_are_always_counted_anew(filled, embedder):
    assert filled.frequencies(["pump"]) == (6, {"pump": 2})
    put(filled, embedder, "g.md", ["Another pump."])
    assert filled.frequencies(["pump"]) == (7, {"pump": 3})


def test_common_terms_of_many_chunks_are_counted_now_and_then(filled, embedder, monkeypatch):
    monkeypatch.setattr(lexical, "COMMON", 1)
    monkeypatch.setattr(lexical, "CHUNKS_A_CHANGE", 3)
    assert filled.frequencies(["pump", "oil"]) == (6, {"pump": 2, "oil": 1})
    for count in (1, 2):
        put(filled, embedder, f"g{count}.md", ["Oil for the pump."])
        assert filled.frequencies(["pump", "oil"]) == (6, {"pump": 2, "oil": 2}), "oil is common now"
    put(filled, embedder, "g3.md", ["Oil for the pump."])
    assert filled.frequencies(["pump", "oil"]) == (9, {"pump": 5, "oil": 4})


def test_the_rarest_terms_are_sought():
    frequencies = {"the": 900, "pump": 60, "valve": 40, "hs-900": 2}
    assert rarest(frequencies, 2000) == ["hs-900", "valve", "pump", "the"]
    assert rarest(frequencies, 102) == ["hs-900", "valve", "pump"]
    assert rarest(frequencies, 101) == ["hs-900", "valve"]
    assert rarest({"the": 900}, 10) == ["the"]
    assert rarest({}, 10) == []


def test_what_others_may_read_does_not_shorten_the_list(filled, embedder):
    for number in range(20):
        put(filled, embedder, f"secret{number}.md", ["pump pump pump"])
    asked = []

    def first_two(ids):
        asked.append(len(ids))
        return ids <= 2

    assert {key for key, _ in filled.lexical(["pump"], 2, first_two)} == {1, 2}
    assert asked == [8, 22], "the best of all did not hold enough"
    assert filled.lexical(["pump"], 2, lambda ids: ids > 2) == filled.lexical(["pump"], 2)
    assert filled.lexical(["pump"], 2, lambda ids: ids < 0) == []


def test_the_same_is_found_in_either_script(filled):
    assert filled.lexical(terms("閥門"), 10) == filled.lexical(terms("阀门"), 10)
