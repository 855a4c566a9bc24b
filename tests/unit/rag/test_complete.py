"""What an answer leaves out, and whether it addresses what was asked."""

import pytest

from rag.addressed import Addressed
from rag.calibration import load
from rag.complete import MOST_FACTS, missing_facts, missing_parts
from rag.types import Gap, Query
from tests.fakes.embedder import HashingEmbedder
from tests.fakes.library import document_of, evidence_of

LEAVE = "Unused leave lapses on 31 March unless the manager agrees in writing."
NEXT = "However, parents keep it for two years."


def facts(question, answer, quote, context=""):
    document = document_of("a.md", [context or quote])
    return missing_facts(question, answer, [evidence_of(document, quote, n=3, context=context)])


def test_a_condition_that_is_left_out_is_told():
    (gap,) = facts("When does leave lapse?", "Unused leave lapses on 31 March.", LEAVE)
    assert gap == Gap("fact", "unless the manager agrees in writing.", 3)
    assert facts("When does leave lapse?", f"“{LEAVE}”", LEAVE) == []


def test_the_next_sentence_counts_when_it_opens_with_a_condition():
    said = f"“{LEAVE}”"
    assert facts("When does leave lapse?", said, LEAVE, f"{LEAVE} {NEXT}") == [Gap("fact", NEXT, 3)]
    assert facts("When does leave lapse?", said, LEAVE, f"{LEAVE} Parents keep it, however.") == []


def test_chinese_conditions():
    quote = "住宿费每晚不超过600元，除非部门经理事先批准。"
    (gap,) = facts("住宿费上限是多少？", "住宿费每晚不超过600元。", quote)
    assert gap.text == "除非部门经理事先批准。"


def test_further_numbers_of_the_unit_that_was_asked_for():
    quote = "Notice is 30 days, for managers 90 days, and it is given on form 7."
    assert facts("How many days of notice?", "Notice is 30 days.", quote) == [
        Gap("fact", "for managers 90 days", 3)
    ]
    assert facts("Who gives notice?", "Notice is 30 days.", quote) == []


def test_no_more_facts_than_a_reader_takes_in():
    quote = ", ".join(f"for group {name} {n} days" for n, name in enumerate("abcdefgh", 10))
    assert len(facts("How many days?", "It is 99 days.", quote)) == MOST_FACTS


def test_parts_below_the_threshold_are_missing():
    threshold = load("addressed").threshold
    scores = [threshold, threshold - 0.01, 1.0]
    assert missing_parts(["a?", "b?", "c?"], scores) == [Gap("part", "b?")]


def query(text, **weights):
    (asked,) = HashingEmbedder().token_vectors([text], "query")
    return Query(text, "en", asked.whole, weights, asked.vectors)


def test_signals_are_told_beside_the_best_quote():
    best = "The pump needs 2 litres of oil."
    addressed = Addressed(HashingEmbedder(), ["The valve is red.", f"“{best}”"])
    asked = query("How many litres of oil does the pump need?", pump=1.0, oil=2.0, litres=1.0)
    other, same = addressed.signals(asked, best)
    assert same == pytest.approx(
        {"weakest": 0.0, "cover": 0.0, "covered": 1.0, "fits": 1.0, "same": 1.0}, abs=0.1
    )
    assert (other["cover"], other["covered"], other["fits"], other["same"]) == (-1.0, 0.0, -1.0, 0.0)
    assert other["weakest"] < 0
    model = load("addressed")
    assert addressed.score("same", asked, best) == pytest.approx(model.probability("same", same))
    assert Addressed(HashingEmbedder(), []).score("same", asked, best) == 0.0
