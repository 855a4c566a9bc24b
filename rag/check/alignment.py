"""L1: how well the evidence covers a sentence, by token vectors and by words.

Token vectors: each token of the sentence takes its best cosine among the evidence's tokens (the recall of
BERTScore, Zhang et al. 2020, arXiv:1904.09675), which works across languages; words: the share of the
sentence's terms, and of its neighbouring terms, that stand in the evidence (as in ROUGE, Lin 2004), and the
longest wording that it shares with one evidence sentence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.check.facts import Facts
from rag.check.names import names
from rag.check.numbers import quantities
from rag.models.protocols import EmbedderProtocol, TokenVectors
from rag.text import sentences, terms

__all__ = ["Aligner"]

# Neighbouring terms of the sentence may stand so far apart in the evidence
APART = 3
# What a writer says of himself and to his reader is in no document
_PERSONAL = re.compile(
    r"\b(?:i|my|me|mine|we|our|us|you|your|ich|mein\w*|mir|wir|unser\w*|je|mon|ma|yo|я|мы|мне|мой)\b|我|私は|أنا",
    re.I,
)
_QUESTION_MARKS = ("?", "？", "؟")
Floats = NDArray[np.float32]
T = TypeVar("T")


class Aligner:
    """Compares sentences with a fixed set of evidence texts, whose token vectors are computed once."""

    def __init__(self, embedder: EmbedderProtocol, evidence: Sequence[str]) -> None:
        self._embedder = embedder
        self._evidence = evidence
        self._terms = [terms(text) for text in evidence]
        self._lines = [sentences(text) for text in evidence]
        self._vectors: list[TokenVectors] | None = None
        self._last: tuple[str, Floats] | None = None

    def _tokens(self) -> list[TokenVectors]:
        if self._vectors is None:
            self._vectors = self._embedder.token_vectors(self._evidence, "passage")
        return self._vectors

    def _own(self, sentence: str) -> Floats:
        """The sentence's token vectors; what finds its evidence asks for them, then what compares it."""
        if self._last is None or self._last[0] != sentence:
            self._last = sentence, self._embedder.token_vectors([sentence], "passage")[0].vectors
        return self._last[1]

    def best(self, sentence: str) -> list[float]:
        """For each evidence text: mean best cosine plus word cover, to find what a sentence rests on."""
        tokens = self._own(sentence)
        words = set(terms(sentence))
        scores = []
        for text, known in zip(self._tokens(), self._terms, strict=True):
            there = len(tokens) and len(text.vectors)
            similarity = float((tokens @ text.vectors.T).max(axis=1).mean()) if there else 0.0
            scores.append(similarity + _share(words, set(known)))
        return scores

    def signals(self, facts: Facts, cited: Sequence[int]) -> dict[str, float]:
        """What speaks for the cited texts' backing the sentence; they are those of its ``facts``.

        ``tokens``: mean best cosine of its tokens; ``weakest``: mean of the worst fifth of these; ``cover``:
        share of its terms in the cited texts; ``pairs``: of its neighbouring terms; ``wording``: of its words
        that stand in one sentence there, in order. Against it: ``numbers`` and ``names``, the shares of these
        that are missing there; ``denies``: 1 where only the sentence denies; ``parity``: 1 where it denies
        and the sentence there that is nearest to it does not, or the other way round; ``personal``: 1 where
        it alone speaks of its writer or reader; ``asks``: 1 where it is a question.
        """
        sentence = facts.sentence
        own = terms(sentence)
        pairs = set(itertools.pairwise(own))
        known = [self._terms[i] for i in cited]
        return {
            **self._alike(facts, cited),
            "cover": _share(set(own), set().union(*known)),
            "pairs": _share(pairs, _near(known)) if pairs else _share(set(own), set().union(*known)),
            "wording": facts.repetition.share(facts.lines),
            "numbers": _part(facts.missing_numbers, quantities(sentence)),
            "names": _part(facts.missing_names, names(sentence, facts.spoken)),
            "denies": float(facts.denies),
            "personal": float(
                bool(_PERSONAL.search(sentence)) and not any(_PERSONAL.search(text) for text in facts.texts)
            ),
            "asks": float(sentence.rstrip("\"'”’»」 ").endswith(_QUESTION_MARKS)),
        }

    def _alike(self, facts: Facts, cited: Sequence[int]) -> dict[str, float]:
        tokens = self._own(facts.sentence)
        pool = [self._tokens()[i].vectors for i in cited if len(self._tokens()[i].vectors)]
        if not len(tokens) or not pool:
            return {"tokens": 0.0, "weakest": 0.0, "parity": 0.0}
        best = np.sort((tokens @ np.concatenate(pool).T).max(axis=1))
        nearest = self._nearest(tokens, cited)
        return {
            "tokens": float(best.mean()),
            "weakest": float(best[: max(1, len(best) // 5)].mean()),
            "parity": float(facts.contrary(nearest)),
        }

    def _nearest(self, tokens: Floats, cited: Sequence[int]) -> str:
        """The sentence of the cited texts that is nearest to ``tokens``, by their mean best cosine."""
        nearest, most = "", -1.0
        for i in cited:
            text = self._tokens()[i]
            for start, end in self._lines[i]:
                own = [row for row, (a, b) in enumerate(text.spans) if start <= a and b <= end]
                alike = float((tokens @ text.vectors[own].T).max(axis=1).mean()) if own else -1.0
                if alike > most:
                    nearest, most = self._evidence[i][start:end], alike
        return nearest


def _share(own: set[T], known: set[T]) -> float:
    return len(own & known) / len(own) if own else 0.0


def _part(some: Sequence[object], all_: Sequence[object]) -> float:
    return len(some) / max(1, len(all_))


def _near(texts: Sequence[Sequence[str]]) -> set[tuple[str, str]]:
    """Pairs of terms that stand near each other, in order."""
    return {
        (first, second)
        for known in texts
        for i, first in enumerate(known)
        for second in known[i + 1 : i + 1 + APART]
    }
