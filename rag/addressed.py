"""Step: does what is said address what was asked? A calibrated score, for a whole question or a part of
one.

What is said is held against the best evidence that was found for the question: whatever of the question
that quote has and the sentence has not (its rarer words, its least matched token by late interaction as
in ColBERT, Khattab & Zaharia 2020, arXiv:2004.12832) speaks against. Being relative, the signals need no
other threshold in another language.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.calibration import load
from rag.late_interaction import weakest_tokens
from rag.models.protocols import EmbedderProtocol
from rag.text import expects, fits, fold, terms
from rag.types import Query

__all__ = ["Addressed"]


class Addressed:
    """Compares the sentences of one answer with questions; their token vectors are computed once."""

    def __init__(self, embedder: EmbedderProtocol, said: Sequence[str]) -> None:
        self._embedder = embedder
        self._said = said
        self._tokens = [t.vectors for t in embedder.token_vectors(said, "passage")]

    def signals(self, query: Query, best: str) -> list[dict[str, float]]:
        """For each sentence that is said. ``best`` is the quote that answers the question best.

        ``weakest`` and ``cover`` are how much of the question's weakest tokens and rare words it lacks beside
        that quote (0: nothing, less than 0: something); ``covered`` the share of the rare words; ``fits`` 1
        or -1 when a number or date is asked for; ``same`` 1 when it is, or quotes, that very quote.
        """
        reference = weakest_tokens(query.tokens, [self._embedder.token_vectors([best], "passage")[0].vectors])
        covered = query.cover(set(terms(best)))
        wanted = expects(query.text)
        found = []
        for text, tokens in zip(self._said, self._tokens, strict=True):
            cover = query.cover(set(terms(text)))
            found.append(
                {
                    "weakest": weakest_tokens(query.tokens, [tokens]) - reference,
                    "cover": cover - covered,
                    "covered": cover,
                    "fits": fits(wanted, text),
                    "same": float(fold(best) in fold(text)),
                }
            )
        return found

    def score(self, group: str, query: Query, best: str) -> float:
        """The calibrated probability that one of the sentences answers the question; 0 when nothing is
        said.
        """
        model = load("addressed")
        return max((model.probability(group, row) for row in self.signals(query, best)), default=0.0)
