"""Step: hits -> the few sentences that answer, best first, with their neighbours, within a token budget.

Measured before the design: a small model given whole passages answered a third of the questions; the best two
or three sentences of the same passages held the answer in nine of ten. So sentences are chosen first, and the
generator and the reader see those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rag.calibration import load
from rag.settings import AnswerSettings
from rag.statement import counterpart
from rag.text import Expects, expects, terms
from rag.types import Evidence, Hit, Query, Span

__all__ = ["group_of", "select_evidence", "sentence_signals"]

FEWEST_TERMS = 3
# The model was fitted where the answer stands in the other language for certain. Where the collection has
# passages in the question's own language too, it stands elsewhere in about one case of four.
ELSEWHERE = 0.25
# A sentence that only an older version has may hold the answer, but what the newer one says of it goes first
YIELDING = 0.3
CELLS = " | "  # parts the cells of a table's row
_NUMERAL = re.compile(
    r"\d|[一二三四五六七八九十百千万亿两半]|[٠-٩]|"
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|half|zwei|drei|vier)\b",
    re.I,
)
_DATE = re.compile(
    r"\d{4}|\d+\s*[月日号年]|\d{1,2}[./-]\d|[一二三四五六七八九十]+[月日号年]|世纪|century|Jahrhundert", re.I
)


def group_of(query: Query, found: Hit | Evidence) -> str:
    """Whether words of the question can be expected in the document at all."""
    return "same" if query.language == found.document.language else "cross"


def _fits(wanted: Expects, sentence: str) -> float:
    """1 when a number or date is asked for and stands here, -1 when it is missing, 0 when none is asked."""
    if not wanted:
        return 0.0
    pattern = _NUMERAL if wanted == "number" else _DATE
    return 1.0 if pattern.search(sentence) else -1.0


def _weighted(weights: Mapping[str, float], present: set[str]) -> float:
    total = sum(weights.values())
    return sum(w for term, w in weights.items() if term in present) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class _Candidate:
    hit: Hit
    span: Span
    position: int
    score: float

    @property
    def text(self) -> str:
        chunk = self.hit.chunk
        return chunk.text[self.span[0] - chunk.start : self.span[1] - chunk.start]

    @property
    def rank(self) -> float:
        return self.score * (YIELDING if self.hit.yields_to else 1.0)


def sentence_signals(query: Query, hit: Hit) -> list[dict[str, float]]:
    """For each sentence of a reranked hit, what speaks for its holding the answer."""
    chunk = hit.chunk
    texts = [chunk.text[a - chunk.start : b - chunk.start] for a, b in chunk.sentences]
    present = [set(terms(text)) for text in texts]
    above = set(terms(" ".join((hit.document.title, *chunk.heading, chunk.header))))
    wanted = expects(query.text)
    signals = []
    for i, text in enumerate(texts):
        nearby = set().union(above, *present[max(0, i - 1) : i + 2])
        signals.append(
            {
                "sentence": hit.sentences[i],
                "passage": hit.standing,
                "cover": _weighted(query.weights, present[i]),
                "nearby": _weighted(query.weights, nearby),
                "passage_cover": hit.cover,
                "fits": _fits(wanted, text),
            }
        )
    return signals


def _quotable(hit: Hit, text: str) -> bool:
    """A heading names the answer's place, it is not the answer; two words ("Dear Fergal,") state nothing."""
    bare = text.strip()
    return bare not in hit.chunk.heading and bare != hit.chunk.header and len(terms(bare)) >= FEWEST_TERMS


def _candidates(query: Query, hits: Sequence[Hit]) -> list[_Candidate]:
    """Quotable sentences, best first. Those of versions that yield come later, and not at all where the
    leading version has its own wording of the same.
    """
    model = load("evidence")
    found = []
    mixed = len({group_of(query, hit) for hit in hits}) > 1
    for hit in hits:
        group = group_of(query, hit)
        prior = ELSEWHERE if mixed and group == "cross" else 1.0
        for i, signals in enumerate(sentence_signals(query, hit)):
            candidate = _Candidate(hit, hit.chunk.sentences[i], i, prior * model.probability(group, signals))
            if _quotable(hit, candidate.text):
                found.append(candidate)
    return sorted(_leading(found), key=lambda c: (-c.rank, c.hit.chunk.id, c.position))


def _leading(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    texts: dict[str, list[str]] = {}
    for candidate in candidates:
        texts.setdefault(candidate.hit.document.id, []).append(candidate.text)
    return [
        candidate
        for candidate in candidates
        if counterpart(candidate.text, texts.get(candidate.hit.yields_to, [])) is None
    ]


def _neighbours(candidate: _Candidate) -> str:
    """The sentence before and the one after: what "it" and "this" in a quote refer to."""
    chunk = candidate.hit.chunk
    first = chunk.sentences[max(0, candidate.position - 1)][0]
    last = chunk.sentences[min(len(chunk.sentences) - 1, candidate.position + 1)][1]
    return chunk.text[first - chunk.start : last - chunk.start]


def select_evidence(
    query: Query,
    hits: Sequence[Hit],
    settings: AnswerSettings,
    count_tokens: Callable[[Sequence[str]], list[int]],
) -> list[Evidence]:
    """Up to ``settings.evidence_sentences`` quotes within ``settings.evidence_tokens``, best first, numbered
    from 1.

    ``score`` is the calibrated probability that the sentence holds the answer; sentences of a version that
    yields to another are put later than it says. The same words found twice are quoted once.
    """
    best = _candidates(query, hits)[: 3 * settings.evidence_sentences]
    if not best:
        return []
    quotes = [candidate.text for candidate in best]
    counts = count_tokens(quotes)
    chosen: list[Evidence] = []
    seen: set[str] = set()
    left = settings.evidence_tokens
    for candidate, quote, count in zip(best, quotes, counts, strict=True):
        if quote in seen or (chosen and count > left) or len(chosen) == settings.evidence_sentences:
            continue
        seen.add(quote)
        left -= count
        chosen.append(
            Evidence(
                n=len(chosen) + 1,
                document=candidate.hit.document,
                quote=quote,
                start=candidate.span[0],
                end=candidate.span[1],
                score=candidate.score,
                page=candidate.hit.chunk.page,
                heading=candidate.hit.chunk.heading,
                header=candidate.hit.chunk.header if CELLS in quote else "",
                context=_neighbours(candidate),
            )
        )
    return chosen
