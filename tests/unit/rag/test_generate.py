from contextlib import aclosing

import numpy as np
import pytest

from rag.errors import GeneratorUnavailableError
from rag.generate import TOKENS_PER_SENTENCE, Draft, generate, messages
from rag.types import Query
from tests.fakes.chat import FakeChat
from tests.fakes.library import document_of, evidence_of

DOCUMENT = document_of("a.md", ["The pump needs oil. A | 12"], title="Pump", heading=("Care",))
EVIDENCE = [
    evidence_of(DOCUMENT, "The pump needs oil.", 1, heading=("Care",)),
    evidence_of(DOCUMENT, "A | 12", 2, header="Model | Price"),
]
QUERY = Query("What does the pump need?", "en", np.zeros(4, np.float32), {})


async def drafted(chat, limit=3):
    draft = Draft()
    found = [(s.text, s.cited) async for s in generate(messages(QUERY, EVIDENCE), chat, limit, draft)]
    return found, draft


def test_the_fixed_part_comes_first_then_quotes_then_the_question():
    system, user = messages(QUERY, EVIDENCE)
    assert system["role"] == "system"
    assert "English" in system["content"]
    assert user["content"] == (
        "[1] (Pump > Care) The pump needs oil.\n[2] (Pump) Model | Price\nA | 12\n\nWhat does the pump need?"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It needs oil [1].", [("It needs oil.", (1,))]),
        ("It needs oil. [1]", [("It needs oil.", (1,))]),
        ("It needs oil.[1][2]", [("It needs oil.", (1, 2))]),
        ("It needs oil [1, 2]. It is red [2].", [("It needs oil.", (1, 2)), ("It is red.", (2,))]),
        ("It needs oil. [1] It is red. [2]", [("It needs oil.", (1,)), ("It is red.", (2,))]),
        ("[1] It needs oil.", [("It needs oil.", (1,))]),
        ("需要加油[1]。颜色是红色。【2】", [("需要加油。", (1,)), ("颜色是红色。", (2,))]),
        ("需要加油。[1]颜色是红色。［1、2］", [("需要加油。", (1,)), ("颜色是红色。", (1, 2))]),
        ("It needs oil [1] and [1] care.", [("It needs oil and care.", (1,))]),
        ("It needs oil", [("It needs oil", ())]),
        ("It costs 12.5 EUR [12].", [("It costs 12.5 EUR.", (12,))]),
        ("", []),
        ("[1]", []),
        ("\n\n", []),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_markers_are_taken_out_however_the_text_is_cut_into_chunks(text, expected, size):
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    found, draft = await drafted(FakeChat(*chunks))
    assert found == expected
    assert draft.usage == {"prompt_tokens": 11, "completion_tokens": len(chunks)}


async def test_a_sentence_is_given_as_soon_as_it_is_finished():
    chat = FakeChat("It needs oil", " [1].", " It", " is", " red.")
    async with aclosing(generate(messages(QUERY, EVIDENCE), chat, 3, Draft())) as stream:
        first = await anext(stream)
        assert (first.text, chat.given) == ("It needs oil.", 3)


@pytest.mark.parametrize(
    "chunks", [("One. [1] Two. [2] Thr", "ee. Four.", "Five."), ("One. [1] ", "Two. ", "Three.")]
)
async def test_the_generator_is_stopped_at_the_limit(chunks):
    chat = FakeChat(*chunks, *["More. "] * 50)
    found, _ = await drafted(chat, limit=1)
    assert found == [("One.", (1,))]
    assert chat.given <= 2
    assert chat.closed == 1
    assert chat.max_tokens == [TOKENS_PER_SENTENCE]


async def test_closing_early_closes_the_stream():
    chat = FakeChat("One. ", "Two. ", "Three. ")
    async with aclosing(generate(messages(QUERY, EVIDENCE), chat, 9, Draft())) as stream:
        await anext(stream)
    assert chat.closed == 1
    assert chat.given == 2


async def test_a_sentence_cut_off_by_the_token_limit_is_dropped():
    found, _ = await drafted(FakeChat("It needs oil. ", "It is very", finish="length"))
    assert found == [("It needs oil.", ())]


async def test_a_broken_connection_is_told_after_the_finished_sentences():
    chat = FakeChat("One. ", "Two. ", "Three.", breaks_after=2)
    stream = generate(messages(QUERY, EVIDENCE), chat, 9, Draft())
    found = [(await anext(stream)).text]
    with pytest.raises(GeneratorUnavailableError):
        await anext(stream)
    assert found == ["One."]
    assert chat.closed == 1


async def test_sentences_carry_the_log_probabilities_of_their_tokens():
    chat = FakeChat("It ", "needs ", "oil ", "[1]", ". ", "It ", "is ", "red.")
    found = [s async for s in generate(messages(QUERY, EVIDENCE), chat, 3, Draft())]
    # the marker's token is no part of the sentence
    assert [(s.text, s.logprobs) for s in found] == [
        ("It needs oil.", (-0.1,) * 4),
        ("It is red.", (-0.1,) * 3),
    ]


def test_whole_passages_are_shown_in_reading_order_by_section():
    rules = document_of(
        "r.md", ["It is oiled. It is washed. Rust harms it."], title="Pump", heading=("Care",)
    )
    other = document_of("o.md", ["Oil | 12"], title="Prices")
    evidence = [
        evidence_of(rules, "Rust harms it.", 1, heading=("Care",)),
        evidence_of(other, "Oil | 12", 2, header="Item | Price"),
        evidence_of(rules, "It is oiled.", 3, heading=("Care",)),
    ]
    system, user = messages(QUERY, evidence, whole=True)
    assert "English" in system["content"]
    assert user["content"] == (
        "(Pump > Care)\n[3] It is oiled.\n[1] Rust harms it.\n(Prices)\nItem | Price\n[2] Oil | 12\n\n"
        "What does the pump need?"
    )
