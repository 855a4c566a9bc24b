"""Answers that are being given while documents are deleted or closed to the reader, over a real database."""

from contextlib import aclosing

import pytest

import rag.assistant
from ingest.index import Ledger
from rag.answer_settings import AnswerSettings
from rag.answering import NEAREST
from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.prompts import phrase
from rag.searcher import Searcher
from rag.types import AnswerVerdict, ClaimVerdict, EvidenceFound, Finished, Place, SentenceChecked, User
from tests.fakes.chat import FakeChat
from tests.fakes.company import fill
from tests.fakes.library import put, take_away

READER = User("reader", ())
LEAVE = "How many days of annual leave do employees have?"
DRAFT = "Employees have 25 days of annual leave"
MORE = "Unused days of leave lapse on 31 March of the next year"
WITHDRAWN = phrase("withdrawn", "en")


@pytest.fixture
def open_it(settings, store, embedder):
    fill(store, embedder)

    def run(chat=None, **answer):
        index = DenseIndex(store, settings.index_dir, embedder)
        chosen = settings.model_copy(update={"answer": AnswerSettings(**answer)})
        return Assistant(chosen, store, Searcher(store, embedder, index), chat)

    return run


async def told(assistant, question=LEAVE, user=READER, after=None, act=lambda: None):
    """The events, split where ``act`` was called: after the event of that number."""
    before, later = [], []
    async with aclosing(assistant.stream(question, user=user)) as stream:
        async for event in stream:
            (before if not later and after is not None and len(before) <= after else later).append(event)
            if len(before) == (after if after is not None else -2) + 1 and not later:
                act()
                after = -2
    return before, later


def says(events, *words):
    return any(word in repr(event) for event in events for word in words)


def check_whole(answer):
    numbers = {citation.n for citation in answer.citations}
    for claim in answer.claims:
        assert answer.answer[claim.start : claim.end] == claim.text
        assert set(claim.citations) <= numbers


async def test_a_document_deleted_while_its_sentence_is_drafted_is_not_quoted(open_it, store):
    chat = FakeChat(DRAFT, " [1]. ", "The end.", meanwhile={1: lambda: take_away(store, "leave.md")})
    before, later = await told(open_it(chat), after=0)
    assert says(before, DRAFT)
    assert not says(later, "leave.md", DRAFT, "31 March")
    answer = later[-1].answer
    assert WITHDRAWN in answer.notices
    assert answer.verdict is AnswerVerdict.INSUFFICIENT_CONTEXT, "what is left does not answer the question"


async def test_a_sentence_that_was_sent_is_not_in_the_final_answer(open_it, store, embedder):
    put(
        store,
        embedder,
        "guide.md",
        ["Employees have 25 days of annual leave, says the guide."],
        title="Guide",
    )
    chat = FakeChat(f"{DRAFT} [1]. ", f"{DRAFT} [2]. ", f"{DRAFT}, says the guide [2].")
    assistant = open_it(chat, draft_sentences=3, max_sentences=4)
    before, _ = await told(assistant, after=0)
    first, second = (evidence.document.source for evidence in before[0].evidence[:2])
    assert {first, second} == {"leave.md", "guide.md"}
    before, later = await told(assistant, after=1, act=lambda: take_away(store, first))
    assert [type(event) for event in before] == [EvidenceFound, SentenceChecked]
    assert before[1].citations[0].source == first
    assert not says(later, first)
    answer = later[-1].answer
    assert answer.answer.startswith(f"{DRAFT}. [2]"), "numbers stay, offsets move"
    assert {citation.source for citation in answer.citations} >= {second}
    assert answer.verdict is AnswerVerdict.PARTIAL
    assert WITHDRAWN in answer.notices
    check_whole(answer)


async def test_what_is_closed_to_the_reader_is_like_deleted(open_it, store):
    chat = FakeChat(f"{DRAFT} [1]. ", f"{MORE} [2].")
    assistant = open_it(chat, draft_sentences=2)

    def close():
        Ledger(store).touch(Place("leave.md", "leave.md", groups=("board",)))

    before, later = await told(assistant, after=1, act=close)
    assert says(before, "leave.md")
    assert not says(later, "leave.md", DRAFT)
    assert WITHDRAWN in later[-1].answer.notices
    # who may read it is told nothing of the kind
    _, later = await told(assistant, user=User("chair", ["board"]))
    assert later[-1].answer.claims[0].verdict is ClaimVerdict.SUPPORTED
    assert WITHDRAWN not in later[-1].answer.notices


async def test_when_nothing_is_left_the_documents_do_not_say(open_it, store):
    names = ["leave", "travel", "pump", "vpn", "canteen", "history", "差旅", "水泵", "食堂"]
    assistant = open_it(FakeChat(f"{DRAFT} [1]. ", "More."))
    before, later = await told(assistant, after=1, act=lambda: take_away(store, *(f"{n}.md" for n in names)))
    assert len(before) == 2
    (finished,) = later
    assert isinstance(finished, Finished)
    answer = finished.answer
    assert answer.verdict is AnswerVerdict.INSUFFICIENT_CONTEXT
    assert answer.answer == phrase("insufficient_context", "en")
    assert (answer.claims, answer.citations, answer.nearest, answer.disagreements) == ((), (), (), ())
    assert WITHDRAWN in answer.notices


async def test_quotes_are_confirmed_one_by_one(open_it, store):
    assistant = open_it()
    _, events = await told(assistant)
    assert sum(isinstance(event, SentenceChecked) for event in events) > 1
    assert says(events[2:3], MORE)
    before, later = await told(assistant, after=1, act=lambda: take_away(store, "leave.md"))
    assert says(before, DRAFT)
    assert not says(later, "leave.md", DRAFT, MORE)


async def test_what_goes_before_anything_is_said_is_never_said(open_it, store, monkeypatch):
    assistant = open_it(FakeChat(f"{DRAFT} [1]."))
    original = rag.assistant.gathered

    def then_gone(*args):
        found = original(*args)
        assert found.evidence[0].document.source == "leave.md"
        take_away(store, "leave.md")
        return found

    monkeypatch.setattr(rag.assistant, "gathered", then_gone)
    _, events = await told(assistant)
    assert not says(events, "leave.md", DRAFT)


async def test_documents_that_are_named_as_the_nearest_are_there(open_it, store, monkeypatch):
    assistant = open_it()
    question = "How much does the new turbine cost?"
    _, events = await told(assistant, question)
    nearest = events[-1].answer.nearest
    assert len(nearest) == NEAREST
    gone = nearest[0]
    _, later = await told(assistant, question, after=0, act=lambda: take_away(store, gone.source))
    assert not says(later, gone.source)
    assert len(later[-1].answer.nearest) == NEAREST


async def test_a_version_that_goes_is_not_named_any_more(open_it, store, embedder):
    rule = [
        "All trips of the staff are booked by the travel office in the second class of the train.",
        "The mileage allowance for a private bicycle is {} cents per kilometre.",
        "All claims are handed in to the travel office in the month after the trip.",
    ]
    old = put(store, embedder, "bike-2024.md", [p.format(20) for p in rule], title="Bicycle rules 2024")
    put(store, embedder, "bike-2026.md", [p.format(35) for p in rule], title="Bicycle rules 2026")
    question = "What is the mileage allowance for a private bicycle?"
    assistant = open_it()
    _, events = await told(assistant, question)
    assert says(events[-1:], "20 cents")
    assert [d.document.id for d in events[-1].answer.disagreements] == [old.id]
    before, later = await told(assistant, question, after=1, act=lambda: take_away(store, "bike-2024.md"))
    assert says(before, "Bicycle rules 2024")
    assert not says(later, "Bicycle rules 2024", "20 cents")
    assert later[-1].answer.claims[0].text == f"“{rule[1].format(35)}”"
    assert WITHDRAWN not in later[-1].answer.notices


@pytest.mark.parametrize("position", range(6))
async def test_at_whatever_moment_a_document_goes_it_is_in_no_later_event(open_it, store, position):
    chunks = (DRAFT, " [1]. ", MORE, " [2]. ", "Parental leave is granted for six months", " [3]. ")
    events, gone_after = [], []

    def remove():
        gone_after.append(len(events))
        take_away(store, "leave.md")

    assistant = open_it(FakeChat(*chunks, meanwhile={position: remove}), draft_sentences=3, max_sentences=5)
    async with aclosing(assistant.stream(LEAVE, user=READER)) as stream:
        async for event in stream:
            events.append(event)
    (at,) = gone_after
    assert not says(events[at:], "leave.md", DRAFT, "31 March", "six months")
    check_whole(events[-1].answer)
