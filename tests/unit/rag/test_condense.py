import pytest

from rag.condense import condense, stands_alone
from rag.prompts import followups
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
        ("出现E55漏液报警时应该怎么办？", True),  # 该 in 应该 refers to nothing
        ("该泵的保修期多长？", False),
        ("Combien de temps les enregistrements sont-ils conservés ?", True),
        ("Combien de temps sont-ils conservés, leurs enregistrements ?", False),
        ("¿A cuántos sitios afectó esta avería?", False),
        ("¿Cuánto cuesta la bomba HS-900 y su garantía?", False),
        ("¿Cuánto cuestan la bomba y la garantía?", True),
        ("E ogni quanto si cambiano i reagenti?", False),
        ("En hoe vaak moet dat?", False),
        ("그 시약은 며칠마다 교체합니까?", False),
        ("서비스 통화 녹음은 얼마 동안 보관됩니까?", True),
        ("Сколько объектов он затронул?", False),
        ("وكم مدة الضمان؟", False),
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
    assert lines == [
        "Conversation:",
        *(f"{t.role}: {t.content}" for t in (*HISTORY, *HISTORY)),
        "Last question: What does it cost, the price?",
        "Rewritten question:",
    ]
    assert chat.closed == 1


@pytest.mark.parametrize(
    "rewritten",
    [
        "It costs nine hundred euros in Germany.",  # an answer
        "The HS-900 pump costs 24 months.",
        "What is the warranty of the HS-900 pump?",  # asked before, and nothing of what is asked now
        "What does the red bicycle of Anna cost in Paris?",  # nobody spoke of that
        "",
        "   ",
        "?",
    ],
)
async def test_what_is_no_rewriting_is_not_used(rewritten):
    got = await condense("What does it cost?", HISTORY, FakeChat(rewritten))
    assert got == "What is the warranty of the HS-900 pump? What does it cost?"


@pytest.mark.parametrize("chat", [None, FakeChat("What is", " it", breaks_after=1)])
async def test_without_a_generator_the_previous_question_is_put_before(chat):
    got = await condense("What does it cost?", HISTORY, chat)
    assert got == "What is the warranty of the HS-900 pump? What does it cost?"
    assert await condense("What does it cost?", HISTORY[1:], chat) == "What does it cost?"


@pytest.mark.parametrize(
    ("question", "before", "rewritten"),
    [
        ("它的保修期多长？", "HS-900泵的价格是多少？", "HS-900泵的保修期多长？"),
        ("その保証期間は？", "HS-900の価格はいくらですか。", "HS-900の保証期間はどのくらいですか。"),
        ("¿Y cuánto dura su garantía?", "¿Cuánto cuesta la HS-900?", "¿Cuánto dura la garantía de HS-900?"),
        ("А сколько длится его гарантия?", "Сколько стоит HS-900?", "Сколько длится гарантия HS-900?"),
        ("وكم مدة ضمانها؟", "كم سعر المضخة HS-900؟", "كم مدة ضمانها المضخة HS-900؟"),
    ],
)  # fmt: skip
async def test_languages(question, before, rewritten):
    got = await condense(question, [Turn("user", before)], FakeChat(rewritten))
    assert got == rewritten


def test_every_language_of_the_table_has_words_that_make_a_question_lean():
    for told in followups().values():
        assert set(told) <= {"refers", "connects", "except"}
        for key in ("refers", "connects"):
            assert all(word.strip() for word in told[key].split("|"))
