"""Step: what was asked -> a question that can be answered at all."""

from __future__ import annotations

from rag.errors import QuestionError

__all__ = ["valid_question"]


def valid_question(question: str, limit: int) -> str:
    """The question without blanks around it. Raises QuestionError when it has no words or is longer than
    ``limit`` characters.
    """
    asked = question.strip()
    if not any(c.isalnum() for c in asked):
        raise QuestionError("The question is empty.", "Ask something in words.")
    if len(asked) > limit:
        raise QuestionError(
            f"The question has {len(asked)} characters; {limit} are allowed.",
            "Shorten it, or raise the setting answer.max_question_chars.",
        )
    return asked
