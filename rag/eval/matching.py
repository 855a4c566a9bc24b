"""When is something right? An answer that holds an accepted one, a passage or a quote of the right document.

Case, width, script variant (traditional or simplified), blanks and punctuation never count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rag.eval.questions import Question
from rag.text import HAN_KANA, fold, sentences

__all__ = ["holds", "is_source", "relevant", "same_words", "token_f1"]

_MARKER = re.compile(r"\[\d+\]")
# Han and Kana are compared by characters: the words of Chinese and Japanese are not marked
_TOKEN = re.compile(rf"[{HAN_KANA}]|[^\W_{HAN_KANA}]+")
MOST = 0.5


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", fold(text))


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the accepted answers stands in the text."""
    bare = _bare(text)
    return any(_bare(answer) in bare for answer in answers)


def _tokens(text: str) -> Counter[str]:
    return Counter(_TOKEN.findall(fold(_MARKER.sub(" ", text))))


def token_f1(text: str, answers: Sequence[str]) -> float:
    """The best overlap in tokens with an accepted answer, as SQuAD counts it (harmonic mean of precision and
    recall); 0 where nothing is shared. Markers [n] do not count.
    """
    said = _tokens(text)
    best = 0.0
    for answer in answers:
        wanted = _tokens(answer)
        shared = (said & wanted).total()
        if shared:
            best = max(best, 2 * shared / (said.total() + wanted.total()))
    return best


def is_source(name: str, document_id: str, title: str, uri: str) -> bool:
    """Whether ``name`` in a question set means this document: its id, title, uri, or the end of that."""
    return name in (document_id, title, uri) or uri.endswith("/" + name.lstrip("/"))


def same_words(text: str, passage: str) -> bool:
    """Whether ``text`` is from ``passage``: most of its sentences stand there, or the whole passage in it."""
    whole = _bare(passage)
    if whole and whole in _bare(text):
        return True
    pieces = [bare for start, end in sentences(text) if (bare := _bare(text[start:end]))]
    inside = sum(len(piece) for piece in pieces if piece in whole)
    return bool(pieces) and inside > MOST * sum(map(len, pieces))


def relevant(question: Question, document_id: str, title: str, uri: str, text: str) -> list[int]:
    """Which of the question's sources this passage or quote belongs to, by number; of its passages, where it
    names no sources.
    """
    if question.sources:
        return [i for i, name in enumerate(question.sources) if is_source(name, document_id, title, uri)]
    return [i for i, passage in enumerate(question.passages) if same_words(text, passage)]
