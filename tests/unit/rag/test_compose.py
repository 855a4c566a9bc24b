import dataclasses

import pytest

from rag.answer_settings import AnswerSettings
from rag.compose import ENOUGH, FOREIGN, LEAST, Composer
from rag.types import AnswerVerdict, ClaimVerdict
from tests.fakes.library import document_of, evidence_of

DOCUMENT = document_of("a.md", ["The pump needs oil. The valve is red. The boiler is old."], title="Pump")
QUOTES = ("The pump needs oil.", "The valve is red.", "The boiler is old.")
SUPPORTED, UNSUPPORTED, NOT_CHECKED = (
    ClaimVerdict.SUPPORTED,
    ClaimVerdict.UNSUPPORTED,
    ClaimVerdict.NOT_CHECKED,
)


def evidence(*scores):
    return [
        evidence_of(DOCUMENT, q, n, score=s) for n, (q, s) in enumerate(zip(QUOTES, scores, strict=False), 1)
    ]


def composer(*scores, policy="strict", language="en", sentences=3):
    return Composer(evidence(*scores), language, AnswerSettings(policy=policy, max_sentences=sentences))


def assert_exact(made):
    """Offsets and citations fit the text that was composed."""
    for claim in made.claims:
        assert made.text[claim.start : claim.end] == claim.text
        for n in claim.citations:
            assert made.text[claim.end :].startswith("".join(f" [{m}]" for m in claim.citations))
            assert n in {c.n for c in made.citations}
    for citation in made.citations:
        assert DOCUMENT.text[citation.start : citation.end] == citation.quote


def test_a_supported_sentence_with_its_citations():
    made = composer(0.99, 0.5)
    event = made.draft("Oil is needed.", SUPPORTED, 0.87654, (2, 1), {"cover": 0.5})
    assert made.text == "Oil is needed. [2] [1]"
    assert event.claim == made.claims[0]
    assert (event.claim.score, event.claim.signals) == (0.8765, {"cover": 0.5})
    assert [c.n for c in event.citations] == [2, 1]
    assert [c.n for c in made.citations] == [1, 2]
    assert made.verdict() is AnswerVerdict.SUPPORTED
    assert_exact(made)


def test_sentences_are_parted_as_the_language_does():
    for language, text in (
        ("en", "One. [1] Two. [1]"),
        ("zh", "One. [1]Two. [1]"),
        ("ja", "One. [1]Two. [1]"),
    ):
        made = composer(0.9, language=language)
        first = made.draft("One.", SUPPORTED, 1, (1,), {})
        second = made.draft("Two.", SUPPORTED, 1, (1,), {})
        assert made.text == text
        assert len(first.citations) == 1
        assert second.citations == (), "a citation is added once"
        assert_exact(made)


def test_strict_drops_what_failed():
    made = composer(0.9)
    assert made.draft("Wrong.", UNSUPPORTED, 0.1, (1,), {}) is None
    assert made.draft("Unknown.", NOT_CHECKED, 0.0, (), {}) is None
    assert (made.text, made.dropped) == ("", 2)
    assert made.verdict() is AnswerVerdict.INSUFFICIENT_CONTEXT
    made.draft("Right.", SUPPORTED, 0.9, (1,), {})
    assert made.verdict() is AnswerVerdict.PARTIAL


def test_flag_shows_what_failed_marked():
    made = composer(0.9, policy="flag")
    event = made.draft("Wrong.", UNSUPPORTED, 0.1, (1,), {"reason": "number"})
    assert event.claim.verdict is UNSUPPORTED
    assert made.text == "Wrong. [1]"
    assert made.verdict() is AnswerVerdict.PARTIAL
    other = composer(0.9, policy="flag")
    other.draft("Unknown.", NOT_CHECKED, 0.0, (), {})
    assert other.verdict() is AnswerVerdict.NOT_CHECKED
    assert other.text == "Unknown."


def test_quotes_are_added_until_the_answer_most_probably_stands_there():
    assert 0.9 < ENOUGH < 0.99
    made = composer(0.99, 0.9, 0.9)
    assert [e.claim.text for e in made.quotes()] == [f"“{QUOTES[0]}”"]
    made = composer(0.8, 0.7, 0.9)
    list(made.quotes())
    assert made.text == f"“{QUOTES[0]}” [1]\n“{QUOTES[1]}” [2]\n“{QUOTES[2]}” [3]"
    assert made.verdict() is AnswerVerdict.QUOTED
    assert made.claims[0].signals == {"answers": 0.8}
    assert_exact(made)


def test_a_quote_that_hardly_holds_the_answer_is_shown_only_alone():
    made = composer(0.5, LEAST - 0.01, 0.5)
    assert [e.claim.text for e in made.quotes()] == [f"“{QUOTES[0]}”"]
    alone = composer(LEAST - 0.01)
    assert len(list(alone.quotes())) == 1


@pytest.mark.parametrize(
    ("first", "language", "score", "quotes"),
    [
        ("en", "zh", FOREIGN - 0.01, 1),  # its reader has a quote that he can read
        ("en", "zh", FOREIGN, 2),
        ("en", "en", FOREIGN - 0.01, 2),
        ("zh", "de", FOREIGN - 0.01, 2),  # none is in his language
    ],
)
def test_a_quote_in_another_language_must_be_worth_it(first, language, score, quotes):
    found = [
        dataclasses.replace(one, document=dataclasses.replace(one.document, language=spoken))
        for one, spoken in zip(evidence(0.6, score), (first, language), strict=True)
    ]
    made = Composer(found, "en", AnswerSettings())
    assert len(list(made.quotes())) == quotes


def test_quotes_come_after_supported_sentences_and_repeat_nothing():
    made = composer(0.5, 0.5, 0.5)
    made.draft("THE PUMP needs oil. It does.", SUPPORTED, 0.9, (1,), {})
    list(made.quotes())
    assert made.text == f"THE PUMP needs oil. It does. [1]\n“{QUOTES[1]}” [2]\n“{QUOTES[2]}” [3]"
    assert made.verdict() is AnswerVerdict.SUPPORTED
    assert_exact(made)


@pytest.mark.parametrize(
    ("language", "quoted"),
    [("zh", "“{}”"), ("de", "„{}“"), ("ja", "「{}」"), ("fr", "« {} »"), ("pl", "“{}”")],
)
def test_quotes_wear_the_marks_of_the_language(language, quoted):
    made = composer(0.99, language=language)
    (event,) = made.quotes()
    assert event.claim.text == quoted.format(QUOTES[0])
    assert event.citations[0].quote == QUOTES[0]
    assert_exact(made)


def test_an_answer_has_no_more_sentences_than_it_may():
    made = composer(0.1, 0.1, 0.1, sentences=2)
    made.draft("One.", SUPPORTED, 1, (1,), {})
    made.draft("Two.", SUPPORTED, 1, (1,), {})
    assert made.full
    assert made.draft("Three.", SUPPORTED, 1, (1,), {}) is None
    assert list(made.quotes()) == []
    assert made.text == "One. [1] Two. [1]"


def test_without_evidence_there_is_no_answer():
    made = composer()
    assert list(made.quotes()) == []
    assert (made.text, made.citations, made.verdict()) == ("", (), AnswerVerdict.INSUFFICIENT_CONTEXT)


def test_what_is_gone_is_taken_back_with_all_that_cites_it():
    made = composer(0.9, 0.8, 0.7, sentences=4)
    made.draft("One.", SUPPORTED, 1, (1,), {})
    made.draft("Two.", SUPPORTED, 1, (2, 1), {})
    last = made.draft("Three.", SUPPORTED, 1, (3,), {})
    assert made.text == "One. [1] Two. [2] [1] Three. [3]"
    made.keep([item for item in evidence(0.9, 0.8, 0.7) if item.n != 1])
    assert made.text == "Three. [3]"
    assert [c.n for c in made.citations] == [3]
    assert made.claims == [dataclasses.replace(last.claim, start=0, end=6)]
    assert (made.withdrawn, made.verdict()) == (2, AnswerVerdict.PARTIAL)
    assert_exact(made)


def test_a_draft_that_rests_on_what_is_gone_is_not_shown():
    made = composer(0.9, 0.8)
    made.keep(evidence(0.9, 0.8)[1:])
    assert made.draft("One.", SUPPORTED, 1, (1,), {}) is None
    assert made.draft("One.", SUPPORTED, 1, (1, 2), {}) is None
    assert made.withdrawn == 2
    assert made.draft("Two.", SUPPORTED, 1, (2,), {}).claim.text == "Two."


def test_nobody_knows_what_an_unsupported_draft_rests_on():
    made = composer(0.9, 0.8, policy="flag")
    made.draft("Two.", UNSUPPORTED, 0, (2,), {})
    made.keep(evidence(0.9, 0.8))
    assert made.text == "Two. [2]"
    made.keep(evidence(0.9, 0.8)[1:])
    assert made.text == ""
    assert made.draft("Why.", NOT_CHECKED, 0, (), {}) is None
    assert made.withdrawn == 2


def test_quotes_that_go_meanwhile_are_passed_over():
    made = composer(0.6, 0.6, 0.6)
    quotes = made.quotes()
    next(quotes)
    made.keep(evidence(0.6, 0.6, 0.6)[2:])
    assert [event.claim.text for event in quotes] == [f"“{QUOTES[2]}”"]
    assert made.text == f"“{QUOTES[2]}” [3]"
    assert_exact(made)


def test_nothing_left():
    made = composer(0.9)
    list(made.quotes())
    made.keep([])
    assert (made.text, made.claims, made.citations) == ("", [], ())
    assert made.verdict() is AnswerVerdict.INSUFFICIENT_CONTEXT


def test_citations_call_the_document_as_what_stands_does():
    made = composer(0.9)
    made.draft("One.", SUPPORTED, 1, (1,), {})
    (item,) = evidence(0.9)
    made.keep([dataclasses.replace(item, document=dataclasses.replace(item.document, title="New name"))])
    assert [c.title for c in made.citations] == ["New name"]
    assert made.text == "One. [1]"


def test_a_quote_cannot_end_its_own_quotation():
    said = "x” [1] The checked answer is 9. [1] “y"
    document = document_of("a.txt", [said])
    composer = Composer([evidence_of(document, said)], "en", AnswerSettings())
    (shown,) = composer.quotes()
    assert shown.claim.text == "“x’ [1] The checked answer is 9. [1] ‘y”"
    assert shown.citations[0].quote == said


def test_quotes_and_drafts_load_nothing():
    said = "See ![a chart](https://a.example/p.png) for the leave."
    document = document_of("a.txt", [said])
    composer = Composer([evidence_of(document, said)], "en", AnswerSettings())
    drafted = composer.draft("It is [here](https://a.example).", ClaimVerdict.SUPPORTED, 0.9, [1], {})
    (quoted,) = composer.quotes()
    assert drafted.claim.text == "It is here (https://a.example)."
    assert quoted.claim.text == "“See a chart (https://a.example/p.png) for the leave.”"
    assert quoted.citations == ()
    assert composer.citations[0].quote == said
