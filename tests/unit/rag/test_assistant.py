"""The whole answer path over a real database and index; only the models are fakes."""

import dataclasses
from contextlib import aclosing

import pytest

import rag.reading
from rag.access import access_scope
from rag.answer_settings import AnswerSettings
from rag.answering import NEAREST
from rag.assistant import Assistant
from rag.calibration import load
from rag.check import Checker
from rag.errors import QuestionError
from rag.index.dense import DenseIndex
from rag.prompts import phrase
from rag.scope import Topics
from rag.searcher import Searcher
from rag.types import (
    AnswerVerdict,
    ClaimVerdict,
    EvidenceFound,
    Finished,
    Gap,
    SentenceChecked,
    Turn,
    User,
)
from tests.fakes.chat import MODEL, FakeChat
from tests.fakes.company import SECRET, fill
from tests.fakes.library import put, take_away

EVERYTHING = User()
STRANGER = User("stranger", ())
LEAVE = "How many days of annual leave do employees have?"
HOTEL = "出差住宿费上限是多少？"
SALARY = "What is the salary of the managing director?"
QUOTE = "Employees have 25 days of annual leave."


@pytest.fixture
def open_it(settings, store, embedder):
    """Assistant with a given chat and answer settings."""
    fill(store, embedder)

    def run(chat=None, **answer):
        index = DenseIndex(store, settings.index_dir, embedder)
        chosen = settings.model_copy(update={"answer": AnswerSettings(**answer)})
        return Assistant(chosen, store, Searcher(store, embedder, index), chat)

    return run


async def ask(assistant, question=LEAVE, user=EVERYTHING, history=()):
    """The answer, after looking at what must hold for every answer."""
    async with aclosing(assistant.stream(question, user=user, history=history)) as stream:
        events = [event async for event in stream]
    found, *sentences, finished = events
    assert isinstance(found, EvidenceFound)
    assert all(isinstance(event, SentenceChecked) for event in sentences)
    assert isinstance(finished, Finished)
    answer = finished.answer
    assert answer.claims == tuple(event.claim for event in sentences)
    assert answer.citations == tuple(
        sorted((c for event in sentences for c in event.citations), key=lambda c: c.n)
    )
    numbers = {citation.n for citation in answer.citations}
    for claim in answer.claims:
        assert answer.answer[claim.start : claim.end] == claim.text
        assert set(claim.citations) <= numbers
    quotes = {evidence.n: evidence.quote for evidence in found.evidence}
    for citation in answer.citations:
        document = assistant.store.document(citation.document_id, user)
        assert document.text[citation.start : citation.end] == citation.quote == quotes[citation.n]
    return answer


@pytest.mark.parametrize(
    ("yes", "verdict"), [(0.9999, AnswerVerdict.SUPPORTED), (0.0001, AnswerVerdict.INSUFFICIENT_CONTEXT)]
)
async def test_the_passage_is_read_before_it_is_answered_from(open_it, monkeypatch, yes, verdict):
    every = dataclasses.replace(load("reading"), band=(0.0, 1.01), read=MODEL.name)
    monkeypatch.setattr(rag.reading, "load", lambda name: every)
    chat = FakeChat(f"{QUOTE} [1].", shares={"Yes": yes, "No": 1 - yes})
    answer = await ask(open_it(chat, reading="always"))
    assert answer.verdict is verdict
    assert answer.scores["reads"] == pytest.approx(yes)
    assert QUOTE in chat.asked[0][-1]["content"]
    assert "read" in answer.timings_ms


async def test_a_supported_draft_is_the_answer(open_it):
    chat = FakeChat("Employees have 25 days ", "of annual leave [1].", " The sun is a star.")
    answer = await ask(open_it(chat, max_sentences=1))
    assert answer.answer == f"{QUOTE} [1]"
    assert answer.verdict is AnswerVerdict.SUPPORTED
    (claim,) = answer.claims
    assert (claim.verdict, claim.citations) == (ClaimVerdict.SUPPORTED, (1,))
    assert [c.quote for c in answer.citations] == [QUOTE]
    assert (answer.language, answer.model, answer.notices, answer.nearest) == ("en", MODEL, (), ())
    assert (answer.question, answer.standalone_question) == (LEAVE, LEAVE)
    assert {"condense", "embed", "retrieve", "rerank", "evidence", "check", "generate", "total"} <= set(
        answer.timings_ms
    )
    assert chat.closed == 1
    assert f"[1] (leave) {QUOTE}" in chat.asked[0][1]["content"]


async def test_a_chinese_question_is_answered_in_chinese(open_it):
    chat = FakeChat("员工出差住宿费上限为每晚600元[1]。")
    answer = await ask(open_it(chat), HOTEL)
    assert answer.answer == "员工出差住宿费上限为每晚600元。 [1]"
    assert (answer.verdict, answer.language) == (AnswerVerdict.SUPPORTED, "zh")
    assert "中文" in chat.asked[0][0]["content"]


async def test_strict_replaces_a_failing_draft_by_quotes(open_it):
    answer = await ask(open_it(FakeChat("Employees have 28 days of annual leave [1].")))
    assert "28" not in answer.answer
    assert answer.answer.startswith(f"“{QUOTE}” [1]")
    assert answer.verdict is AnswerVerdict.QUOTED
    assert answer.notices == (phrase("replaced", "en"),)
    assert {claim.verdict for claim in answer.claims} == {ClaimVerdict.QUOTED}


async def test_flag_shows_a_failing_draft_marked(open_it):
    answer = await ask(open_it(FakeChat("Employees have 28 days of annual leave [1]."), policy="flag"))
    first = answer.claims[0]
    assert first.text == "Employees have 28 days of annual leave."
    assert first.verdict is ClaimVerdict.UNSUPPORTED
    assert first.score < 0.1
    assert first.signals["reason"] == "number not in the evidence: 28"
    assert answer.verdict is AnswerVerdict.PARTIAL
    assert answer.notices == ()


async def test_a_check_that_breaks_lets_nothing_pass(open_it, monkeypatch, caplog):
    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(Checker, "_check", broken)
    draft = "Employees have 25 days of annual leave [1]."
    answer = await ask(open_it(FakeChat(draft)))
    assert answer.verdict is AnswerVerdict.QUOTED
    flagged = await ask(open_it(FakeChat(draft), policy="flag"))
    assert flagged.claims[0].verdict is ClaimVerdict.NOT_CHECKED
    assert flagged.verdict is AnswerVerdict.NOT_CHECKED
    assert "A check failed" in caplog.text


@pytest.mark.parametrize("chat", [None, FakeChat(ready=False), FakeChat("It", breaks_after=0)])
async def test_without_a_generator_the_answer_is_quotes_and_says_why(open_it, chat):
    answer = await ask(open_it(chat))
    assert answer.answer.startswith(f"“{QUOTE}” [1]")
    assert answer.verdict is AnswerVerdict.QUOTED
    assert answer.notices == (phrase("no_generator", "en"),)


async def test_a_supported_draft_is_followed_by_quotes_until_the_answer_most_probably_stands_there(open_it):
    answer = await ask(open_it(FakeChat("Employees have 25 days of annual leave [1].")))
    verdicts = [claim.verdict for claim in answer.claims]
    assert verdicts[0] is ClaimVerdict.SUPPORTED
    assert set(verdicts[1:]) <= {ClaimVerdict.QUOTED}
    assert len(verdicts) <= 3
    assert answer.verdict is AnswerVerdict.SUPPORTED


async def test_a_generator_that_breaks_off_leaves_what_was_checked_and_quotes(open_it):
    chat = FakeChat("Employees have 25 days of annual leave [1]. ", "Unused", " days", breaks_after=2)
    answer = await ask(open_it(chat, draft_sentences=3))
    assert answer.claims[0].text == QUOTE
    assert answer.claims[0].verdict is ClaimVerdict.SUPPORTED
    assert answer.notices == (phrase("no_generator", "en"),)
    assert answer.verdict is AnswerVerdict.SUPPORTED
    assert chat.closed == 1


async def test_quotes_alone_ask_no_generator_and_need_no_notice(open_it):
    chat = FakeChat("Never said.")
    answer = await ask(open_it(chat, draft_sentences=0))
    assert answer.verdict is AnswerVerdict.QUOTED
    assert (answer.notices, answer.model, chat.asked) == ((), None, [])


async def test_what_the_documents_do_not_say_is_not_answered(open_it):
    chat = FakeChat("It costs 5 EUR [1].")
    answer = await ask(open_it(chat), "How much does the new turbine cost?")
    assert answer.answer == "The documents do not say."
    assert answer.verdict is AnswerVerdict.INSUFFICIENT_CONTEXT
    assert (answer.claims, answer.citations, answer.model) == ((), (), None)
    assert len(answer.nearest) == NEAREST == len({ref.id for ref in answer.nearest})
    assert chat.asked == []


async def test_a_question_outside_the_documents_is_off_topic(open_it, monkeypatch):
    monkeypatch.setattr("rag.found.in_scope", lambda group, hits: (0.1, False))
    answer = await ask(open_it(FakeChat("Yes [1].")), HOTEL)
    assert answer.verdict is AnswerVerdict.OFF_TOPIC
    assert answer.answer == phrase("off_topic", "zh")
    assert (answer.citations, answer.nearest) == ((), ())


async def test_an_empty_home_answers_nothing(settings, store, embedder):
    index = DenseIndex(store, settings.index_dir, embedder)
    answer = await ask(Assistant(settings, store, Searcher(store, embedder, index), None))
    assert answer.verdict is AnswerVerdict.INSUFFICIENT_CONTEXT
    assert answer.nearest == ()


async def test_a_forbidden_document_is_never_cited_named_or_shown_to_the_generator(open_it):
    chat = FakeChat(f"{SECRET} [1]")
    assistant = open_it(chat)
    answer = await ask(assistant, SALARY, User("chair", ["board"]))
    assert answer.verdict is AnswerVerdict.SUPPORTED
    assert [c.quote for c in answer.citations] == [SECRET]
    chat.asked.clear()
    answer = await ask(assistant, SALARY, STRANGER)
    assert answer.verdict is AnswerVerdict.INSUFFICIENT_CONTEXT
    assert "secret" not in {ref.title for ref in answer.nearest}
    assert chat.asked == []
    hits = await assistant.search(SALARY, k=50, user=STRANGER)
    assert len(hits) == 14
    assert "secret.md" not in {hit.document.source for hit in hits}


async def test_a_document_changed_after_retrieval_is_not_cited(open_it, store, embedder, monkeypatch):
    assistant = open_it()
    original = assistant._find

    def then_changed(*args):
        found = original(*args)
        put(store, embedder, "leave.md", ["Everything is new here."], title="leave")
        return found

    monkeypatch.setattr(assistant, "_find", then_changed)
    answer = await ask(assistant)
    assert QUOTE not in answer.answer
    assert all(c.source != "leave.md" for c in answer.citations)


async def test_a_new_document_is_answered_from_at_once(open_it, store, embedder):
    assistant = open_it()
    question = "How long is the warranty of the HS-77 compressor?"
    await ask(assistant, question)
    put(store, embedder, "new.md", ["The warranty of the HS-77 compressor is 60 months."], title="compressor")
    answer = await ask(assistant, question)
    assert answer.citations[0].quote == "The warranty of the HS-77 compressor is 60 months."
    take_away(store, "new.md")
    answer = await ask(assistant, question)
    assert all(c.source != "new.md" for c in answer.citations)


async def test_a_follow_up_is_understood_from_the_conversation(open_it):
    history = [Turn("user", LEAVE), Turn("assistant", "25 days [1].")]
    answer = await ask(open_it(), "And when do they lapse?", history=history)
    assert answer.standalone_question == f"{LEAVE} And when do they lapse?"
    assert answer.question == "And when do they lapse?"
    assert any("lapse on 31 March" in c.quote for c in answer.citations)


async def test_closing_the_stream_closes_the_generator(open_it):
    chat = FakeChat("Employees have 25 days of annual leave [1]. ", "More. ", *["And more. "] * 50)
    stream = open_it(chat, draft_sentences=9).stream(LEAVE, user=EVERYTHING)
    seen = []
    async for event in stream:
        seen.append(event)
        if isinstance(event, SentenceChecked):
            break
    assert chat.closed == 0
    await stream.aclose()
    assert chat.closed == 1
    assert chat.given < 5
    assert [type(event) for event in seen] == [EvidenceFound, SentenceChecked]


async def test_evidence_comes_before_the_generator_is_asked(open_it):
    chat = FakeChat("Employees have 25 days of annual leave [1].")
    async with aclosing(open_it(chat).stream(LEAVE, user=EVERYTHING)) as stream:
        first = await anext(stream)
        assert isinstance(first, EvidenceFound)
        assert [e.n for e in first.evidence] == list(range(1, len(first.evidence) + 1))
        assert chat.asked == []


async def test_ask_gives_what_stream_ends_with(open_it):
    assistant = open_it(FakeChat("Employees have 25 days of annual leave [1]."))
    asked = await assistant.ask(LEAVE, user=EVERYTHING)
    streamed = await ask(assistant)
    assert dataclasses.replace(asked, timings_ms={}) == dataclasses.replace(streamed, timings_ms={})


@pytest.mark.parametrize("question", ["", "  \n", "?!…", "x" * 2001])
async def test_what_is_no_question_is_refused(open_it, question):
    assistant = open_it()
    with pytest.raises(QuestionError) as raised:
        await assistant.ask(question, user=EVERYTHING)
    assert raised.value.remedy
    with pytest.raises(QuestionError):
        await assistant.search(question, k=3, user=EVERYTHING)


async def test_search_gives_the_best_passages(open_it):
    assistant = open_it()
    hits = await assistant.search(LEAVE, k=3, user=EVERYTHING)
    assert len(hits) == 3
    assert hits[0].chunk.text.startswith(QUOTE)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert assistant.find(LEAVE, k=3, user=EVERYTHING) == hits


async def test_readiness_is_that_of_the_generator(open_it):
    assert not await open_it().generator_ready()
    assert not await open_it(FakeChat(ready=False)).generator_ready()
    assert await open_it(FakeChat()).generator_ready()


async def test_each_part_of_a_question_gets_its_quotes_and_its_check(open_it):
    answer = await ask(
        open_it(), "How many days of annual leave do employees have? What does the canteen cook?"
    )
    assert QUOTE in answer.answer
    assert "canteen.md" in {citation.source for citation in answer.citations}
    assert not [gap for gap in answer.gaps if gap.kind == "part"]
    assert 0 < answer.scores["addressed"] <= 1


async def test_a_part_that_the_documents_do_not_answer_is_named(open_it):
    answer = await ask(open_it(), f"{LEAVE} {SALARY}", STRANGER)
    assert QUOTE in answer.answer
    assert Gap("part", SALARY) in answer.gaps
    assert phrase("part_missing", "en").format(part=SALARY) in answer.notices


async def test_a_blocked_topic_is_refused_with_its_own_phrase(open_it):
    assistant = open_it()
    assistant._blocked = Topics(("annual leave",))
    answer = await ask(assistant)
    assert answer.verdict is AnswerVerdict.OFF_TOPIC
    assert answer.answer == phrase("blocked_topic", "en").format(topic="annual leave")
    assert (answer.claims, answer.citations, answer.gaps) == ((), (), ())


async def test_an_allowed_topic_stays_in_scope(open_it, monkeypatch):
    monkeypatch.setattr("rag.found.in_scope", lambda group, hits: (0.1, False))
    assistant = open_it()
    assert (await ask(assistant)).verdict is AnswerVerdict.OFF_TOPIC
    assistant._allowed = Topics(("annual leave",))
    assert QUOTE in (await ask(assistant)).answer


async def test_the_generator_is_asked_within_the_readers_scope(open_it):
    chat = FakeChat("Employees have 25 days of annual leave [1].")
    await ask(open_it(chat))
    assert chat.scopes == [access_scope(EVERYTHING)]
