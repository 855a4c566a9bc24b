import dataclasses

import numpy as np
import pytest

from rag.answer_settings import AnswerSettings
from rag.calibration import load
from rag.evidence import group_of, merge_evidence, select_evidence, sentence_signals
from rag.types import Query
from tests.fakes.library import document_of, evidence_of, hit_of

RULES = document_of(
    "rules.md",
    [
        "Annual leave is granted by managers. Employees have 25 days of annual leave. They lapse in March.",
        "Parking fees are not refunded at all.",
    ],
    title="Leave rules",
    heading=("Scope of leave",),
)


def query(text="How many days of annual leave do employees have?", spoken="en", **weights):
    return Query(text, spoken, np.zeros(4, np.float32), weights or {"days": 1.0, "leave": 2.0, "salary": 1.0})


def words(texts):
    return [len(text.split()) for text in texts]


def settings(sentences=4, tokens=400):
    return AnswerSettings(evidence_sentences=sentences, evidence_tokens=tokens)


def hits(first=(1.0, 3.0, 0.5), second=(0.1,)):
    return [
        hit_of(RULES, 0, chunk_id=1, standing=2.0, cover=0.5, sentences=first),
        hit_of(RULES, 1, chunk_id=2, standing=0.5, cover=0.0, sentences=second),
    ]


def test_signals():
    got = sentence_signals(query(), hits()[0])
    assert got == [
        # nearby: neighbours, title and headings; fits: a number is asked for
        {"sentence": 1.0, "passage": 2.0, "cover": 0.5, "nearby": 0.75, "passage_cover": 0.5, "fits": -1.0},
        {"sentence": 3.0, "passage": 2.0, "cover": 0.75, "nearby": 0.75, "passage_cover": 0.5, "fits": 1.0},
        {"sentence": 0.5, "passage": 2.0, "cover": 0.0, "nearby": 0.75, "passage_cover": 0.5, "fits": -1.0},
    ]


@pytest.mark.parametrize(
    ("question", "sentence", "fits"),
    [
        ("How many?", "There are 5.", 1.0),
        ("How many?", "There are five.", 1.0),
        ("多少？", "共二十五天。", 1.0),
        ("How many?", "There are some.", -1.0),
        ("When?", "In 2026.", 1.0),
        ("什么时候？", "自3月起。", 1.0),
        ("When?", "It was 7 units.", -1.0),
        ("Who?", "It was 7 units.", 0.0),
    ],
)
def test_whether_a_number_or_date_is_there_when_one_is_asked_for(question, sentence, fits):
    hit = hit_of(document_of("x", [sentence]))
    assert sentence_signals(query(question), hit)[0]["fits"] == fits


def test_the_best_sentences_are_chosen_with_exact_offsets():
    asked = query()
    chosen = select_evidence(asked, hits(), settings(), words)
    assert chosen[0].quote == "Employees have 25 days of annual leave."
    assert [e.n for e in chosen] == [1, 2, 3, 4]
    for item in chosen:
        assert RULES.text[item.start : item.end] == item.quote
        assert item.document.id == RULES.id
        assert item.heading == ("Scope of leave",)
    scores = [item.score for item in chosen]
    assert scores == sorted(scores, reverse=True)
    signals = sentence_signals(asked, hits()[0])[1]
    assert scores[0] == load("evidence").probability("same", signals)


def test_neighbours_come_along_as_context():
    chosen = {e.quote: e.context for e in select_evidence(query(), hits(), settings(), words)}
    text = RULES.text
    first = text[: text.index("\n")]
    assert chosen["Employees have 25 days of annual leave."] == first
    assert chosen["They lapse in March."] == "Employees have 25 days of annual leave. They lapse in March."
    assert chosen["Parking fees are not refunded at all."] == "Parking fees are not refunded at all."


def test_number_and_tokens_are_bounded():
    assert len(select_evidence(query(), hits(), settings(sentences=2), words)) == 2
    full = select_evidence(query(), hits(), settings(), words)
    counts = [30, 25, 15, 10]
    small = select_evidence(query(), hits(), settings(tokens=50), lambda texts: counts[: len(texts)])
    assert [(e.n, e.quote) for e in small] == [(1, full[0].quote), (2, full[2].quote)]


def test_the_best_quote_is_given_even_if_it_is_too_long():
    chosen = select_evidence(query(), hits(), settings(tokens=50), lambda texts: [1000] * len(texts))
    assert [e.quote for e in chosen] == ["Employees have 25 days of annual leave."]


def test_headings_headers_and_two_words_are_no_evidence():
    document = document_of(
        "m.md",
        ["Scope of leave\nDear Fergal,\nName | Days | Place\nAnna | 25 | Cork"],
        heading=("Scope of leave",),
    )
    hit = hit_of(document, header="Name | Days | Place")
    assert [e.quote for e in select_evidence(query(), [hit], settings(), words)] == ["Anna | 25 | Cork"]


def test_the_same_words_are_quoted_once():
    twin = document_of("copy.md", RULES.text.split("\n\n"), title=RULES.title)
    twice = [*hits(), hit_of(twin, 0, chunk_id=9, standing=2.0, cover=0.5, sentences=(1.0, 3.0, 0.5))]
    quotes = [e.quote for e in select_evidence(query(), twice, settings(sentences=10), words)]
    assert len(quotes) == len(set(quotes)) == 4


def test_no_hits_no_evidence():
    assert select_evidence(query(), [], settings(), words) == []


def test_languages_are_compared_with_the_document():
    hit = hits()[0]
    assert group_of(query(), hit) == "same"
    assert group_of(query("多少天？", "zh"), hit) == "cross"


OLD = document_of(
    "old.md",
    ["Employees have 20 days of annual leave. Leave is not granted in August."],
    title="Leave rules",
)


def old_hit(yields=True, sentences=(5.0, 4.0)):
    found = hit_of(OLD, 0, chunk_id=7, standing=3.0, cover=0.5, sentences=sentences)
    return dataclasses.replace(found, yields_to=RULES.id if yields else "")


def test_of_two_wordings_only_that_of_the_leading_version_is_evidence():
    both = [old_hit(), *hits()]
    quotes = [e.quote for e in select_evidence(query(), both, settings(sentences=10), words)]
    assert "Employees have 25 days of annual leave." in quotes
    assert "Employees have 20 days of annual leave." not in quotes
    assert "Leave is not granted in August." in quotes
    free = select_evidence(query(), [old_hit(yields=False), *hits()], settings(sentences=10), words)
    assert free[0].quote == "Employees have 20 days of annual leave."


def test_what_only_an_older_version_says_comes_later_with_its_own_probability():
    asked = query()
    only = old_hit(sentences=(0.0, 2.6))
    chosen = select_evidence(asked, [only, *hits(first=(0.0, 2.5, 0.0))], settings(sentences=10), words)
    places = {e.quote: e for e in chosen}
    old, new = places["Leave is not granted in August."], chosen[0]
    assert new.quote == "Employees have 25 days of annual leave."
    assert old.score == load("evidence").probability("same", sentence_signals(asked, only)[1])


def test_an_older_version_alone_is_evidence():
    assert [e.quote for e in select_evidence(query(), [old_hit()], settings(), words)] == [
        "Employees have 20 days of annual leave.",
        "Leave is not granted in August.",
    ]


def quotes_of(*quotes, score=0.9):
    document = document_of("m.md", list(quotes))
    return [evidence_of(document, quote, n, score=score) for n, quote in enumerate(quotes, 1)]


def test_the_quotes_of_several_parts_take_turns():
    first, second = quotes_of("A one.", "B two.", "C three."), quotes_of("D four.", "A one.", score=0.95)
    merged = merge_evidence([first, (), second], settings(), words)
    assert [(e.n, e.quote, e.parts) for e in merged] == [
        (1, "A one.", (0, 2)),
        (2, "D four.", (2,)),
        (3, "B two.", (0,)),
        (4, "C three.", (0,)),
    ]
    assert merged[0].score == 0.95
    assert merge_evidence([(), ()], settings(), words) == []


def test_each_part_keeps_its_best_quote_beyond_the_budget():
    groups = [quotes_of("A one.", "B two."), quotes_of("D four.")]
    merged = merge_evidence(groups, settings(tokens=50), lambda texts: [50] * len(texts))
    assert [e.quote for e in merged] == ["A one.", "D four."]


def test_whole_passages_follow_the_chosen_quotes_within_the_budget():
    alone = AnswerSettings(evidence_sentences=1, evidence_tokens=400)
    whole = alone.model_copy(update={"whole_passages": True})
    first = select_evidence(query(), hits(), alone, words)
    assert [e.quote for e in first] == ["Employees have 25 days of annual leave."]
    chosen = select_evidence(query(), hits(), whole, words)
    assert chosen[0] == first[0]
    assert {e.quote for e in chosen[1:]} == {"Annual leave is granted by managers.", "They lapse in March."}
    assert [e.n for e in chosen] == [1, 2, 3]
    # 7 words are taken by the quote, 6 and 4 would follow
    small = whole.model_copy(update={"evidence_tokens": 12})
    fitting = select_evidence(query(), hits(), small, words)
    assert [e.quote for e in fitting[1:]] == ["They lapse in March."]


def test_whole_passages_of_several_parts_are_limited_by_the_budget_alone():
    one, two = (
        [evidence_of(RULES, quote, 1)]
        for quote in ("Annual leave is granted by managers.", "They lapse in March.")
    )
    more = [*one, evidence_of(RULES, "Parking fees are not refunded at all.", 2)]
    whole = AnswerSettings(evidence_sentences=1, whole_passages=True)
    merged = merge_evidence([more, two], whole, words)
    assert [e.n for e in merged] == [1, 2, 3]
    assert len(merge_evidence([more, two], AnswerSettings(evidence_sentences=1), words)) == 3
    assert len(merge_evidence([[*more, *more], [*two, *more[1:]]], whole, words)) == 3
