"""What every step needs to know of written language: folding, terms, sentences, language, and what in
documents speaks to machines instead of readers.
"""

from rag.text.fold import HAN_KANA, fold, standing_terms, terms
from rag.text.heading import bare_heading
from rag.text.inert import inert
from rag.text.instructions import instructing, instructs
from rag.text.language import language
from rag.text.question import Expects, expects, fits, question_terms
from rag.text.sentences import sentences

__all__ = [
    "HAN_KANA",
    "Expects",
    "bare_heading",
    "expects",
    "fits",
    "fold",
    "inert",
    "instructing",
    "instructs",
    "language",
    "question_terms",
    "sentences",
    "standing_terms",
    "terms",
]
