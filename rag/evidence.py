"""Step: hits -> the few sentences that answer, best first, with their neighbours, within a token budget.

Measured before the design: a small model given whole passages answered a third of the questions; the best two
or three sentences of the same passages held the answer in nine of ten. So sentences are chosen first, and the
generator and the reader see those. What speaks to an assistant instead of stating something is never chosen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rag.answer_settings import AnswerSettings
from rag.calibration import load
from rag.statement import counterpart
from rag.text import expects, fits, instructing, instructs, terms
from rag.types import Evidence, Hit, Query, Span

__all__ = ["group_of", "merge_evidence", "select_evidence", "sentence_signals"]

FEWEST_TERMS = 3
# The model was fitted where the answer stands in the other language for certain. Where the collection has
# passages in the question's own language too, it stands elsewhere in about one case of four.
ELSEWHERE = 0.25
# A sentence that only an older version has may hold the answer, but what the newer one says of it goes first
YIELDING = 0.3
# Of a section that is asked for as a whole, each sentence is as good an answer as any
WHOLE = 0.5
CELLS = " | "  # parts the cells of a table's row


def group_of(query: Query, found: Hit | Evidence) -> str:
    """Whether words of the question can be expected in the document at all."""
    return "same" if query.language == found.document.language else "cross"


@dataclass(frozen=True, slots=True)
class _Candidate:
    hit: Hit
    span: Span
    position: int
    score: float
    around: tuple[int, int] = (0, 0)  # neighbours before and after that may be shown with it

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
                "cover": query.cover(present[i]),
                "nearby": query.cover(nearby),
                "passage_cover": hit.cover,
                "fits": fits(wanted, text),
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


def _in_order(candidates: Sequence[_Candidate], hits: Sequence[Hit]) -> list[_Candidate]:
    """As they stand in the hits, what yields to another version last."""
    place = {hit.chunk.id: i for i, hit in enumerate(hits)}
    ordered = sorted(candidates, key=lambda c: (bool(c.hit.yields_to), place[c.hit.chunk.id], c.position))
    return [dataclasses.replace(candidate, score=WHOLE) for candidate in ordered]


def _leading(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    texts: dict[str, list[str]] = {}
    for candidate in candidates:
        texts.setdefault(candidate.hit.document.id, []).append(candidate.text)
    return [
        candidate
        for candidate in candidates
        if counterpart(candidate.text, texts.get(candidate.hit.yields_to, [])) is None
    ]


def _stating(candidates: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """Those that do not speak to an assistant, each with what is left of its passage. Only the passages of
    those that are asked for are looked through.
    """
    known: dict[int, list[bool]] = {}
    for candidate in candidates:
        chunk = candidate.hit.chunk
        if chunk.id not in known:
            spans = [(start - chunk.start, end - chunk.start) for start, end in chunk.sentences]
            known[chunk.id] = instructing(chunk.text, spans)
        spoken = known[chunk.id]
        if not spoken[candidate.position]:
            yield dataclasses.replace(candidate, around=_around(spoken, candidate.position))


def _around(spoken: Sequence[bool], position: int) -> tuple[int, int]:
    """How many sentences before and after, one at most, belong to what surrounds a sentence."""
    before = position > 0 and not spoken[position - 1]
    after = position + 1 < len(spoken) and not spoken[position + 1]
    return int(before), int(after)


def _context(candidate: _Candidate) -> str:
    """The sentence before and the one after: what "it" and "this" in a quote refer to."""
    chunk, (before, after) = candidate.hit.chunk, candidate.around
    first = chunk.sentences[candidate.position - before][0]
    last = chunk.sentences[candidate.position + after][1]
    return chunk.text[first - chunk.start : last - chunk.start]


def select_evidence(
    query: Query,
    hits: Sequence[Hit],
    settings: AnswerSettings,
    count_tokens: Callable[[Sequence[str]], list[int]],
    *,
    whole: bool = False,
) -> list[Evidence]:
    """Up to ``settings.evidence_sentences`` quotes within ``settings.evidence_tokens``, best first, numbered
    from 1; then, with ``settings.whole_passages``, the other sentences of their passages as far as the budget
    goes.

    ``score`` is the calibrated probability that the sentence holds the answer; sentences of a version that
    yields to another are put later than it says. The same words found twice are quoted once.

    ``whole``: the hits are what is asked for, and are quoted from their beginning, in the order given.
    """
    ranked = _candidates(query, hits)
    if whole:
        ranked = _in_order(ranked, hits)
    chosen = _within(list(islice(_stating(ranked), 3 * settings.evidence_sentences)), settings, count_tokens)
    if settings.whole_passages:
        passages = {candidate.hit.chunk.id for candidate in chosen}
        rest = [c for c in _stating([c for c in ranked if c.hit.chunk.id in passages]) if c not in chosen]
        unlimited = settings.model_copy(update={"evidence_sentences": len(chosen) + len(rest)})
        chosen = _within([*chosen, *rest], unlimited, count_tokens)
    return [_evidence(n, candidate) for n, candidate in enumerate(chosen, 1)]


def _within(
    candidates: Sequence[_Candidate],
    settings: AnswerSettings,
    count_tokens: Callable[[Sequence[str]], list[int]],
) -> list[_Candidate]:
    """Those that fit, in their order; the first always does."""
    if not candidates:
        return []
    chosen: list[_Candidate] = []
    seen: set[str] = set()
    left = settings.evidence_tokens
    counts = count_tokens([candidate.text for candidate in candidates])
    for candidate, count in zip(candidates, counts, strict=True):
        full = len(chosen) == settings.evidence_sentences
        if candidate.text in seen or (chosen and count > left) or full:
            continue
        seen.add(candidate.text)
        left -= count
        chosen.append(candidate)
    return chosen


def _evidence(n: int, candidate: _Candidate) -> Evidence:
    """Headings are shown to reader and model too: those that speak to the latter are left out."""
    header = candidate.hit.chunk.header if CELLS in candidate.text else ""
    return Evidence(
        n=n,
        document=candidate.hit.document,
        quote=candidate.text,
        start=candidate.span[0],
        end=candidate.span[1],
        score=candidate.score,
        page=candidate.hit.chunk.page,
        heading=tuple(one for one in candidate.hit.chunk.heading if not instructs(one)),
        header="" if instructs(header) else header,
        context=_context(candidate),
    )


def merge_evidence(
    groups: Sequence[Sequence[Evidence]],
    settings: AnswerSettings,
    count_tokens: Callable[[Sequence[str]], list[int]],
) -> list[Evidence]:
    """The quotes of a question's parts in turn, the best of each part first, numbered from 1 and within the
    same ``settings.evidence_tokens``; but two for each part where the documents have them. A quote that two
    parts chose is there once and serves both, with the higher of its scores. Those of a single part stay as
    they are.
    """
    if len(groups) == 1:
        return list(groups[0])
    ranked = sorted(
        ((rank, part, item) for part, group in enumerate(groups) for rank, item in enumerate(group)),
        key=lambda entry: entry[:2],
    )
    counts = count_tokens([item.quote for _, _, item in ranked]) if ranked else []
    most = max(settings.evidence_sentences, 2 * sum(map(bool, groups)))
    most = len(ranked) if settings.whole_passages else most
    chosen: dict[str, Evidence] = {}
    left = settings.evidence_tokens
    for (rank, part, item), count in zip(ranked, counts, strict=True):
        known = chosen.get(item.quote)
        if known is not None:
            score = max(known.score, item.score)
            chosen[item.quote] = dataclasses.replace(known, parts=(*known.parts, part), score=score)
        elif len(chosen) < most and (rank == 0 or count <= left):
            left -= count
            chosen[item.quote] = dataclasses.replace(item, n=len(chosen) + 1, parts=(part,))
    return list(chosen.values())
