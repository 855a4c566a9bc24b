"""Drafts come from the documents, word for word, and read back after a person had them."""

from rag.eval.make import GAP, draft_questions
from rag.eval.matching import holds
from rag.eval.public_sets import read_set
from rag.eval.questions import write_questions
from rag.prompts import phrase
from rag.types import User
from tests.fakes.chat import FakeChat
from tests.fakes.company import fill
from tests.fakes.library import put

PUMP = "The large pump in hall 3 weighs 480 kg and was made in 2019."


def silent(stage, done, total):
    pass


async def drafts(store, chat=None, count=4, seed=1):
    return await draft_questions(store, chat, count, seed, silent)


async def test_gaps_are_filled_by_what_stands_in_the_document(store, embedder):
    fill(store, embedder)
    found = await drafts(store)
    assert len(found) == 4
    assert len({question.sources for question in found}) == 4  # spread over the documents
    for question in found:
        (answer,) = question.answers
        assert GAP in question.question
        assert question.question.replace(GAP, answer) == phrase("gap", question.language).replace(
            "{sentence}", question.note
        )
        assert holds(question.note, question.answers)
    uris = {reference.source for reference in store.references(store.document_ids(), User()).values()}
    assert {question.sources[0] for question in found} <= uris


async def test_the_same_seed_drafts_the_same(store, embedder):
    fill(store, embedder)
    assert await drafts(store, seed=1) == await drafts(store, seed=1)
    assert await drafts(store, seed=1) != await drafts(store, seed=2)


async def test_no_sentence_is_asked_about_twice(store, embedder):
    put(store, embedder, "pump.md", [PUMP, "The small valve in hall 4 weighs 12 kg all in all."])
    found = await drafts(store, count=10)
    assert sorted(question.note[:9] for question in found) == ["The large", "The small"]


async def test_the_generator_s_question_is_taken(store, embedder):
    put(store, embedder, "pump.md", [PUMP])
    chat = FakeChat("Q: How much does the large", ' pump weigh?\nA: "480 kg".\nThat is it.')
    (question,) = await drafts(store, chat)
    assert (question.question, question.answers) == ("How much does the large pump weigh?", ("480 kg",))
    assert (question.note, question.id, question.language) == (PUMP, "q001", "en")
    assert PUMP in chat.asked[0][1]["content"]


async def test_a_generator_that_does_not_keep_to_the_rules(store, embedder):
    put(store, embedder, "pump.md", [PUMP])
    for reply in (
        "I cannot help with that.",
        "Q: How much does it weigh?\nA: 500 kg",  # is not in the document
        "Q: Does the pump weigh 480 kg?\nA: 480 kg",  # stands in the question
        "Q: ?\nA: ",
    ):
        (question,) = await drafts(store, FakeChat(reply))
        assert GAP in question.question, reply


async def test_nothing_to_ask(store, embedder):
    put(store, embedder, "a.md", ["nothing here states any fact whatsoever."])
    assert await drafts(store) == []


async def test_drafts_go_to_a_person_and_back(store, embedder, tmp_path):
    fill(store, embedder)
    found = await drafts(store)
    for name in ("drafts.csv", "drafts.jsonl"):
        write_questions(tmp_path / name, found)
        assert read_set(tmp_path / name) == found
