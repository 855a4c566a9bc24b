import pytest

from rag.text import expects, question_terms


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the daily hotel limit?", ["daily", "hotel", "limit"]),
        ("How many days of leave do I have?", ["days", "leave"]),
        ("出差住宿费的上限是多少？", ["出差", "差住", "住宿", "宿费", "费的", "的上", "上限", "限是"]),
        ("請問誰負責？", ["负责"]),
        ("ポンプはどこですか", ["ポン", "ンプ", "プは"]),
        ("Wie hoch ist die Pauschale?", ["hoch", "pauschale"]),
        ("Сколько стоит насос?", ["стоит", "насос"]),
        ("leave leave Leave", ["leave"]),
        ("Who?", []),
    ],
)
def test_only_what_is_asked_for_is_searched(question, expected):
    assert question_terms(question) == expected


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many days of leave do I have?", "number"),
        ("What percentage is refunded?", "number"),
        ("How long is the warranty?", "number"),
        ("住宿费上限是多少？", "number"),
        ("有几个月的保修期？", "number"),
        ("保証期間は何年ですか", "date"),
        ("何人いますか", "number"),
        ("Wie viele Tage?", "number"),
        ("Combien de jours ?", "number"),
        ("Сколько дней?", "number"),
        ("When was the policy changed?", "date"),
        ("制度什么时候生效？", "date"),
        ("いつ開始しますか", "date"),
        ("Wann beginnt die Schicht?", "date"),
        ("Когда начинается смена?", "date"),
        ("When and how many?", "date"),
        ("Who approves travel?", ""),
        ("谁批准出差？", ""),
    ],
)
def test_what_kind_of_answer_is_expected(question, kind):
    assert expects(question) == kind
