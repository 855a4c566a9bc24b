"""Draft sentence against evidence -> verdict. Layers, cheapest first; each is one file.

L0 (numbers, names, negation) is deterministic and can only lower a verdict; L1 (alignment) says how well the
evidence covers the sentence.
"""

from rag.check.checker import Checker

__all__ = ["Checker"]
