"""A stored answer as its reader may see it when documents went, or were closed to him, meanwhile."""

import dataclasses

import pytest

from rag.cite import cite
from rag.conversations import Message
from rag.prompts import phrase
from rag.stored import Given, history, show, show_messages, so_far
from rag.types import (
    Answer,
    AnswerVerdict,
    Claim,
    ClaimVerdict,
    Disagreement,
    EvidenceFound,
    Finished,
    Gap,
    SentenceChecked,
    Turn,
    User,
)
from tests.fakes.library import evidence_of, put, reference_of, take_away

ANN = User("ann", ("staff", "board"))
BOB = User("bob", ("staff",))
FIRST, SECOND, OLD = "The fee is 20 EUR.", "The limit is 900 EUR.", "The fee was 10 EUR."
NOTICE = phrase("withheld", "en")


@pytest.fixture
def documents(store, embedder):
    return {
        "open": put(store, embedder, "open.md", [FIRST], groups=["staff"], title="Open"),
        "board": put(store, embedder, "board.md", [SECOND], groups=["board"], title="Board"),
        "old": put(store, embedder, "old.md", [OLD], groups=["board"], title="Old"),
    }


def answer_of(documents, *verdicts):
    """Two sentences, of the open and of the board's document."""
    evidence = [evidence_of(documents["open"], FIRST, 1), evidence_of(documents["board"], SECOND, 2)]
    text, claims = "", []
    for quote, verdict in zip(evidence, verdicts or (ClaimVerdict.SUPPORTED,) * 2, strict=True):
        cited = () if verdict is ClaimVerdict.UNSUPPORTED else (quote.n,)
        text += " " if text else ""
        claims.append(Claim(quote.quote, len(text), len(text) + len(quote.quote), verdict, 0.9, cited))
        text += quote.quote + "".join(f" [{n}]" for n in cited)
    cited = tuple(cite(quote, quote.n) for quote in evidence if any(quote.n in c.citations for c in claims))
    return Answer(
        "What is the fee?", text, AnswerVerdict.SUPPORTED, tuple(claims), cited, "en", None, {}, {},
        standalone_question="What is the fee, with the limit of 900 EUR?",
    )  # fmt: skip


def basis(documents):
    return (documents["open"].id, documents["board"].id)


def test_whole_for_who_may_read_all(store, documents):
    answer = answer_of(documents)
    shown = show(answer, basis(documents), store, ANN)
    assert not shown.lost
    assert shown.answer == answer
    assert answer.answer == f"{FIRST} [1] {SECOND} [2]"


def test_a_sentence_whose_source_is_closed_is_withheld(store, documents):
    shown = show(answer_of(documents), basis(documents), store, BOB)
    assert shown.lost
    answer = shown.answer
    assert answer.answer == f"{FIRST} [1] {NOTICE}"
    assert [answer.answer[claim.start : claim.end] for claim in answer.claims] == [FIRST, NOTICE]
    assert (answer.verdict, answer.claims[1].verdict) == (AnswerVerdict.PARTIAL, ClaimVerdict.NOT_CHECKED)
    assert [citation.document_id for citation in answer.citations] == [documents["open"].id]
    assert answer.standalone_question == answer.question
    assert "900" not in str(answer)


def test_several_in_a_row_are_one_notice(store, documents):
    take_away(store, "open.md", "board.md")
    answer = show(answer_of(documents), basis(documents), store, ANN).answer
    assert (answer.answer, answer.verdict) == (NOTICE, AnswerVerdict.NOT_CHECKED)
    assert len(answer.claims) == 1


def test_nobody_knows_what_an_unsupported_sentence_rests_on(store, documents):
    answer = answer_of(documents, ClaimVerdict.SUPPORTED, ClaimVerdict.UNSUPPORTED)
    assert show(answer, basis(documents), store, ANN).answer.answer == f"{FIRST} [1] {SECOND}"
    # all that it cites stands, but not all that it was made from
    shown = show(answer, basis(documents), store, BOB)
    assert (shown.answer.answer, shown.lost) == (f"{FIRST} [1] {NOTICE}", True)


def test_what_is_told_beside_it_goes_too(store, documents):
    old = documents["old"]
    gaps = (Gap("fact", SECOND, 2), Gap("part", "And the limit of 900 EUR?"), Gap("fact", FIRST, 1))
    says = phrase("older_says", "en").format(title="Old (2020)", quote=f"“{OLD}”")
    answer = dataclasses.replace(
        answer_of(documents),
        disagreements=(Disagreement(1, reference_of(old), OLD, 0, len(OLD), False),),
        gaps=gaps,
        nearest=(reference_of(documents["board"]), reference_of(documents["open"])),
        notices=(phrase("no_generator", "en"), says, "Not answered: And the limit of 900 EUR?"),
    )
    seen = show(answer, basis(documents), store, ANN).answer
    assert (len(seen.disagreements), seen.gaps, len(seen.nearest)) == (1, gaps, 2)
    assert any(OLD in notice for notice in seen.notices)
    told = show(answer, basis(documents), store, BOB).answer
    assert (told.disagreements, told.gaps) == ((), (gaps[2],))
    assert [document.title for document in told.nearest] == ["Open"]
    assert told.notices == (
        phrase("no_generator", "en"),
        phrase("fact_missing", "en").format(n=1, quote=f"“{FIRST}”"),
    )
    assert "900" not in str(told)
    assert OLD not in str(told)


def test_answers_after_a_withheld_one_do_not_tell_how_they_were_understood(store, documents):
    second = dataclasses.replace(
        answer_of(documents),
        claims=answer_of(documents).claims[:1],
        answer=f"{FIRST} [1]",
        citations=answer_of(documents).citations[:1],
    )
    messages = [
        Message("q1", None, "user", "a?", "done", 1.0),
        Message("a1", "q1", "assistant", "", "done", 2.0, answer_of(documents), basis(documents)),
        Message("q2", "a1", "user", "b?", "done", 3.0),
        Message("a2", "q2", "assistant", "", "done", 4.0, second, (documents["open"].id,)),
        Message("q3", None, "user", "b?", "done", 5.0),
        Message("a3", "q3", "assistant", "", "done", 6.0, second, (documents["open"].id,)),
    ]
    asked = {
        one.id: one.answer.standalone_question for one in show_messages(messages, store, BOB) if one.answer
    }
    assert asked == {"a1": second.question, "a2": second.question, "a3": second.standalone_question}
    assert history(messages[:2], store, BOB) == [
        Turn("user", "a?"), Turn("assistant", f"{FIRST} [1] {NOTICE}"),
    ]  # fmt: skip


def test_events_that_waited(store, documents):
    evidence = (evidence_of(documents["open"], FIRST, 1), evidence_of(documents["board"], SECOND, 2))
    given = Given("What is the fee?", evidence)
    answer = answer_of(documents)
    sentences = [
        SentenceChecked(claim, (citation,))
        for claim, citation in zip(answer.claims, answer.citations, strict=True)
    ]
    for user, kept in ((ANN, 2), (BOB, 1)):
        found = given.now(EvidenceFound(evidence), store, user)
        assert [(one.n, one.quote) for one in found.evidence] == [(1, FIRST), (2, SECOND)][:kept]
        told = [given.now(sentence, store, user) for sentence in sentences]
        assert [one.claim.text for one in told] == [FIRST, SECOND if kept == 2 else NOTICE]
        assert [len(one.citations) for one in told] == [1, kept - 1]
        whole = given.now(Finished(answer), store, user)
        assert whole.answer == show(answer, basis(documents), store, user).answer


def test_a_stopped_answer(store, documents):
    answer = answer_of(documents)
    given = Given(answer.question, (evidence_of(documents["open"], FIRST, 1),))
    assert so_far(given, []) is None
    stopped = so_far(given, [SentenceChecked(answer.claims[0], answer.citations[:1])])
    assert (stopped.answer, stopped.verdict) == (f"{FIRST} [1]", AnswerVerdict.PARTIAL)
    assert stopped.citations == answer.citations[:1]
    assert given.basis == (documents["open"].id,)
