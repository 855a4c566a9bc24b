"""Questions that may follow, from the headings around what an answer cites."""

import dataclasses

from ingest.embed import embed
from ingest.index import Ledger, Prepared
from ingest.kin import sign
from rag.assistant import Assistant
from rag.index.dense import DenseIndex
from rag.prompts import phrase
from rag.searcher import Searcher
from rag.suggest import suggestions
from rag.types import Answer, AnswerVerdict, Citation, Document, Element, Place, User
from tests.fakes.library import chunks_of, document_of

BODY = "Every employee may do this as long as the manager agrees to it."
SECTIONS = [
    "1. Scope",
    "2. Remote work",
    "3. Working hours",
    "4. Equipment",
    "5. Insurance",
    "6. Empty",
    "7. IT",
]


def handbook(sections=SECTIONS):
    """Each section a heading with a paragraph, but for "Empty"."""
    elements, text = [], ""
    for name in sections:
        elements.append(Element("heading", len(text), len(text) + len(name)))
        text += f"{name}\n"
        if "Empty" not in name:
            elements.append(Element("text", len(text), len(text) + len(BODY), None, (name,)))
            text += f"{BODY}\n"
    base = document_of("handbook.md", [text], title="Handbook")
    return dataclasses.replace(base, text=text, elements=tuple(elements))


def put(store, embedder, document: Document, groups=()):
    chunks = [chunk for chunk in chunks_of(document) if chunk.heading]
    (embedded,) = embed([(document.title, chunks)], embedder)
    ledger = Ledger(store)
    space = ledger.active_space(embedder.fingerprint, embedder.dimension)
    place = Place("handbook.md", "handbook.md", size=1, modified=1.0, groups=groups)
    ledger.put(Prepared(document, chunks, embedded, sign(document)), [place], "test", space)


def answer_citing(document: Document, *names, spoken="en"):
    citations = []
    for n, name in enumerate(names, 1):
        start = document.text.index(BODY, document.text.index(name))
        citations.append(
            Citation(n, document.id, "Handbook", "handbook.md", None, (name,), BODY, start, start + len(BODY))
        )
    return Answer("May I?", BODY, AnswerVerdict.QUOTED, (), tuple(citations), spoken, None, {}, {})


def test_sections_after_the_cited_one_come_first(store, embedder):
    document = handbook()
    put(store, embedder, document)
    found = suggestions(answer_citing(document, "3. Working hours"), store, User())
    assert found == [
        "What does “Handbook” say about “Equipment”?",
        "What does “Handbook” say about “Insurance”?",
        "What does “Handbook” say about “Remote work”?",
    ]


def test_neither_what_is_cited_nor_what_was_asked(store, embedder):
    document = handbook()
    put(store, embedder, document)
    answer = answer_citing(document, "3. Working hours", "4. Equipment")
    found = suggestions(answer, store, User(), ["What insurance is there?", "And remote work?"])
    assert found == ["What does “Handbook” say about “Scope”?"]
    again = suggestions(answer, store, User(), [*found, "insurance", "remote work"])
    assert again == []


def test_sections_of_a_lower_rank_say_too_little(store, embedder):
    document = handbook(["1. Scope", "2. Service", "2.1 Every six months", "3. Spare parts"])
    six = document.text.index("2.1 Every")
    deeper = [
        dataclasses.replace(e, heading=("2. Service",)) if e.start == six else e for e in document.elements
    ]
    put(store, embedder, dataclasses.replace(document, elements=tuple(deeper)))
    found = suggestions(answer_citing(document, "1. Scope"), store, User())
    assert [text.split("“")[2] for text in found] == ["Service”?", "Spare parts”?"]


def test_in_the_language_of_the_answer(store, embedder):
    document = handbook(["一、适用范围", "二、远程办公", "三、工作时间"])
    put(store, embedder, document)
    found = suggestions(answer_citing(document, "一、适用范围", spoken="zh"), store, User())
    assert found == ["《Handbook》中关于“远程办公”是怎么说的？", "《Handbook》中关于“工作时间”是怎么说的？"]


def test_none_without_sections_or_citations_or_rights(store, embedder):
    document = handbook()
    put(store, embedder, document, groups=["board"])
    answer = answer_citing(document, "3. Working hours")
    assert len(suggestions(answer, store, User("x", ("board",)))) == 3
    assert suggestions(answer, store, User("x", ("staff",))) == []
    assert suggestions(dataclasses.replace(answer, citations=()), store, User()) == []


async def test_a_suggested_question_is_answered(settings, store, embedder):
    document = handbook()
    put(store, embedder, document)
    index = DenseIndex(store, settings.index_dir, embedder)
    assistant = Assistant(settings, store, Searcher(store, embedder, index), None)
    for question in suggestions(answer_citing(document, "3. Working hours"), store, User()):
        answer = await assistant.ask(question, user=User())
        assert answer.verdict is AnswerVerdict.QUOTED, question
        (cited,) = answer.citations
        assert cited.heading[-1].endswith(question.split("“")[2].rstrip("”?"))
        assert answer.notices == (phrase("no_generator", "en"),)
