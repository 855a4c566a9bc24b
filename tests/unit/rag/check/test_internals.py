import math

import pytest

from rag.check.contrast import contrast_signals
from rag.check.judge import judge_signals
from rag.errors import GeneratorUnavailableError
from tests.fakes.chat import FakeChat

QUOTED = [{"role": "user", "content": "[1] The pump needs oil."}]


def scored(messages, answer):
    return [-0.5, -0.5, -1.0, -1.0] if messages == QUOTED else [-1.5, -0.5, -4.0, -3.0]


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
    assert await judge_signals("It needs oil.", "The pump needs oil.", "en", chat) == {
        "judge": pytest.approx(odds)
    }
    system, user = chat.asked[0]
    assert "Yes" in system["content"]
    assert user["content"] == "The pump needs oil.\n\nIt needs oil."
