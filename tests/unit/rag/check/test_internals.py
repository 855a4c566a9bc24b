import math

import pytest

from rag.check.contrast import contrast_signals
from rag.check.judge import judge_signals
from rag.check.translation import translation_signals
from rag.errors import GeneratorUnavailableError
from rag.models.protocols import ScoredToken
from tests.fakes.chat import FakeChat

QUOTED = [{"role": "user", "content": "[1] The pump needs oil."}]


def scored(messages, answer):
    logprobs = [-0.5, -0.5, -1.0, -1.0] if messages == QUOTED else [-1.5, -0.5, -4.0, -3.0]
    return [ScoredToken(logprob, -0.1) for logprob in logprobs]


async def test_contrast_is_what_the_evidence_adds():
    chat = FakeChat(scored=scored)
    got = await contrast_signals("It needs oil.", (), chat, QUOTED, "What?")
    assert got == pytest.approx({"contrast": 1.5, "gain": 0.0, "surprise": 0.75})
    assert chat.asked == [QUOTED, [{"role": "user", "content": "What?"}]]


async def test_what_came_with_generation_is_not_asked_again():
    chat = FakeChat(scored=scored)
    got = await contrast_signals("It needs oil.", [-0.25, -0.25, -0.25, -0.25], chat, QUOTED, "What?")
    assert got == pytest.approx({"contrast": 2.0, "gain": 0.25, "surprise": 0.25})
    assert len(chat.asked) == 1


async def test_other_tokens_compare_by_their_means():
    got = await contrast_signals("It needs oil.", [-0.5, -0.5], FakeChat(scored=scored), QUOTED, "What?")
    assert got["gain"] == got["contrast"] == pytest.approx(1.75)


async def test_a_server_without_log_probabilities():
    with pytest.raises(GeneratorUnavailableError):
        await contrast_signals("It needs oil.", (), FakeChat(), QUOTED, "What?")


@pytest.mark.parametrize(
    ("shares", "odds"),
    [
        ({"Yes": 0.75, "No": 0.25}, math.log(3)),
        ({"Yes": 0.0, "No": 1.0}, math.log(1e-4 / (1 - 1e-4))),
        ({}, 0.0),
    ],
)
async def test_the_judge_answers_by_probabilities(shares, odds):
    chat = FakeChat(shares=shares)
    got = await judge_signals("It <quotes> oil.", "The pump needs oil.", "en", chat)
    assert got == {"judge": pytest.approx(odds)}
    system, user = chat.asked[0]
    assert "Yes or No only" in system["content"]
    assert user["content"] == "Rule: The pump needs oil.\n\nClaim: It <quotes> oil.\n\nIs the claim correct?"
    await judge_signals("水泵需要油。", "水泵需要油。", "zh", chat)
    assert chat.asked[1][1]["content"].startswith("规则：水泵需要油。")


def translated(messages, answer):
    """Surest of the third token, unlikely the fourth; "not" costs three nats."""
    told = [(-0.5, -0.5), (-1.0, -0.5), (-9.0, -0.01), (-12.0, -4.0)] + [(-3.0, -0.5)] * ("not" in answer)
    return [ScoredToken(logprob, best) for logprob, best in told]


async def test_a_translation_tells_where_another_token_was_sure():
    chat = FakeChat(scored=translated)
    got = await translation_signals("Die Pumpe braucht Öl.", "The pump needs oil.", "de", chat)
    assert got == pytest.approx(
        {"lapse": 8.99, "sure": 8.99 * math.exp(-0.01), "unlike": 22.5 / 4, "denial": 0.0}
    )
    assert chat.asked == [
        [
            {
                "role": "user",
                "content": "The pump needs oil.\n\nTranslate one sentence of this text into German.",
            }
        ]
    ]


async def test_a_denial_is_held_against_the_sentence_without_it():
    chat = FakeChat(scored=translated)
    got = await translation_signals("The pump does not need oil.", "水泵需要油。", "en", chat)
    assert got["denial"] == pytest.approx(3.0)
    assert len(chat.asked) == 2


async def test_a_translation_needs_log_probabilities():
    with pytest.raises(GeneratorUnavailableError):
        await translation_signals("It needs oil.", "水泵需要油。", "en", FakeChat())
