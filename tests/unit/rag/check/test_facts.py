"""What rules and alignment share is found once, and is what each of its parts finds."""

from difflib import SequenceMatcher

import pytest

from rag.check import facts as module
from rag.check import wording
from rag.check.agreement import objection
from rag.check.alignment import Aligner
from rag.check.facts import Facts

TEXTS = ["Leave rules\nEmployees have 25 days of annual leave. They lapse on 31 March.", "Ask Keller."]
QUOTES = ["Employees have 25 days of annual leave.", "Ask Keller."]
SENTENCE = "Employees have 25 days of annual leave, says Miller of HS-900, and not 12."


def test_what_is_missing_and_who_denies():
    facts = Facts(SENTENCE, TEXTS, QUOTES, "en")
    assert facts.missing_numbers == ["900", "12"]
    assert facts.missing_names == ["Miller", "HS-900"]
    assert (facts.negations, facts.denies) == (1, True)
    assert not Facts(SENTENCE, [*TEXTS, "It is not so."], QUOTES, "en").denies
    assert not Facts(QUOTES[0], TEXTS, QUOTES, "en").denies
    # across languages only what is written alike in all of them is a name
    assert Facts(SENTENCE, TEXTS, QUOTES, "").missing_names == ["HS-900"]


def test_across_languages_a_word_may_say_what_a_denial_says():
    said = "这种动物没有触须。"
    lacking = "These animals lack tentacles."
    assert not Facts(said, [lacking], [lacking], "").denies
    assert Facts(said, ["These animals have tentacles."], ["These animals have tentacles."], "").denies
    # in one language the words themselves are compared
    assert Facts("It has no tentacles.", [lacking], [lacking], "en").denies


def test_either_denies_unless_a_word_of_the_other_language_says_as_much():
    unequal = "Incomes are unequal."
    assert not Facts("收入不平等。", [unequal], [unequal], "").contrary(unequal)
    assert Facts("收入不平等。", [unequal], [unequal], "").contrary("Incomes are equal.")
    assert Facts("Incomes are not equal.", [unequal], [unequal], "en").contrary(unequal)
    assert Facts("收入平等。", [unequal], [unequal], "").contrary("Incomes are not equal.")
    assert not Facts("收入不平等。", [unequal], [unequal], "").contrary("Incomes are not equal.")


def test_what_stands_there_word_for_word_is_repeated():
    for sentence in ("Employees have 25 days of annual leave.", "“they lapse on 31 march”", "Leave rules"):
        assert Facts(sentence, TEXTS, QUOTES, "en").repeated
    for sentence in ("Employees have 25 days.", "They lapse on 31 May.", SENTENCE):
        assert not Facts(sentence, TEXTS, QUOTES, "en").repeated


def test_sentences_of_quotes_come_first_and_none_twice():
    facts = Facts(SENTENCE, TEXTS, QUOTES, "en")
    assert facts.lines == ["Leave rules", QUOTES[0], "They lapse on 31 March.", "Ask Keller."]
    assert facts.quoted_lines == [QUOTES[0], "Ask Keller.", "Leave rules", "They lapse on 31 March."]


def test_each_of_several_sentences_has_its_own():
    facts = Facts("It has 25 days. Ask Keller.", TEXTS, QUOTES, "en")
    assert [part.sentence for part in facts.parts()] == ["It has 25 days.", "Ask Keller."]
    one = Facts(SENTENCE, TEXTS, QUOTES, "en")
    assert one.parts() == [one]


@pytest.mark.parametrize(
    "sentence", ["Employees have 25 days of annual leave, too.", "Ask about their leave."]
)
def test_rules_and_alignment_find_it_once(embedder, monkeypatch, sentence):
    counted = []

    def count(name, original):
        def run(*given):
            counted.append((name, given[0]))
            return original(*given)

        return run

    class Counted(SequenceMatcher):
        def __init__(self, isjunk, theirs, mine, autojunk):
            counted.append(("align", " ".join(theirs)))
            super().__init__(isjunk, theirs, mine, autojunk)

    for name in ("missing_numbers", "missing_names"):
        monkeypatch.setattr(module, name, count(name, getattr(module, name)))
    monkeypatch.setattr(wording, "SequenceMatcher", Counted)
    facts = Facts(sentence, TEXTS, QUOTES, "en")
    assert objection(facts) == ""
    signals = Aligner(embedder, TEXTS).signals(facts, [0, 1])
    assert signals["wording"] == facts.repetition.nearest(facts.lines).share > 0
    assert len(counted) == len(set(counted))
    assert {name for name, _ in counted} == {"missing_numbers", "missing_names", "align"}
