import pytest

from rag.errors import QuestionError
from rag.question import valid_question


@pytest.mark.parametrize("question", ["Why?", "为什么？", "5?", "x" * 10])
def test_what_can_be_answered(question):
    assert valid_question(f"  {question}\n", 10) == question


@pytest.mark.parametrize("question", ["", " \n", "?!…", "x" * 11])
def test_what_cannot(question):
    with pytest.raises(QuestionError) as raised:
        valid_question(question, 10)
    assert raised.value.remedy
