"""What every step needs to know of written language: folding, terms, sentences, language."""

from rag.text.fold import fold, terms
from rag.text.language import language
from rag.text.sentences import sentences

__all__ = ["fold", "language", "sentences", "terms"]
