"""What every step needs to know of written language: folding, terms, sentences, language."""

from rag.text.fold import HAN_KANA, fold, terms
from rag.text.language import language
from rag.text.question import Expects, expects, fits, question_terms
from rag.text.sentences import sentences

__all__ = [
    "HAN_KANA",
    "Expects",
    "expects",
    "fits",
    "fold",
    "language",
    "question_terms",
    "sentences",
    "terms",
]
