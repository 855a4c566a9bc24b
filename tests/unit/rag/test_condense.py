import pytest

from rag.condense import condense, stands_alone
from rag.types import Turn
from tests.fakes.chat import FakeChat

HISTORY = [Turn("user", "What is the warranty of the HS-900 pump?"), Turn("assistant", "24 months [1].")]


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        ("What is the warranty of the HS-900 pump?", True),
        ("住宿费报销上限是多少？", True),
        ("Wie hoch ist die Hotelpauschale in Berlin?", True),
        ("And in Berlin?", False),
        ("How long does it take?", False),
        ("Who approved this travel request?", False),
        ("那上海呢？", False),
        ("它的保修期多长？", False),
        ("それはいくらですか", False),
        ("Wie lange dauert das dann auch dort?", False),
        ("А в Берлине?", False),
        ("Price?", False),
        ("Why?", False),
    ],
)
def test_whether_a_question_stands_alone(question, alone):
    assert stands_alone(question) is alone


async def test_a_question_without_history_or_need_is_left_alone():
    chat = FakeChat("never asked")
    assert await condense("How long does it take?", [], chat) == "How long does it take?"
    question = "What is the price of the HS-410 pump?"
    assert await condense(question, HISTORY, chat) == question
    assert chat.asked == []


async def test_the_generator_rewrites_from_the_last_turns():
    chat = FakeChat("What is the price ", "of the HS-900 pump?")
    turns = [Turn("user", "Old question."), Turn("assistant", "Old answer."), *HISTORY, *HISTORY]
    assert (
        await condense("What does it cost, the price?", turns, chat)
        == "What is the price of the HS-900 pump?"
    )
    (request,) = chat.asked
    assert [m["role"] for m in request] == ["system", "user"]
    lines = request[1]["content"].split("\n")
    assert lines[-1] == "user: What does it cost, the price?"
    assert lines[:-1] == [f"{t.role}: {t.content}" for t in (*HISTORY, *HISTORY)]
    assert chat.closed == 1


@pytest.mark.parametrize(
    "rewritten",
    ["It costs nine hundred euros in Germany.", "", "   ", "?"],
)
async def test_what_is_no_rewriting_is_not_used(rewritten):
    got = await condense("What does it cost?", HISTORY, FakeChat(rewritten))
    assert got == "What is the warranty of the HS-900 pump? What does it cost?"


@pytest.mark.parametrize("chat", [None, FakeChat("What is", " it", breaks_after=1)])
async def test_without_a_generator_the_previous_question_is_put_before(chat):
    got = await condense("What does it cost?", HISTORY, chat)
    assert got == "What is the warranty of the HS-900 pump? What does it cost?"
    assert await condense("What does it cost?", HISTORY[1:], chat) == "What does it cost?"


async def test_chinese_has_its_own_prompt():
    chat = FakeChat("HS-900泵的保修期多长？")
    got = await condense("它的保修期多长？", [Turn("user", "HS-900泵的价格是多少？")], chat)
    assert got == "HS-900泵的保修期多长？"
    assert "改写" in chat.asked[0][0]["content"]
