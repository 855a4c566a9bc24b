"""A text from elsewhere, checked against sources that are given with it, sentence by sentence."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag.check import SERVED, Checker, Local, Owned
from rag.check.alignment import Aligner
from rag.cite import cite
from rag.computing import computed
from rag.errors import QuestionError
from rag.generate import messages
from rag.models.protocols import ChatProtocol, EmbedderProtocol
from rag.settings import Settings
from rag.text import language, sentences, terms
from rag.types import AnswerVerdict, Citation, Claim, ClaimVerdict, DocumentRef, Evidence, Query

__all__ = ["Examined", "Given", "examine"]

# Sentences of the sources that one sentence is held to: the check was calibrated with few quotes
CONSIDERED = 4
MOST_SENTENCES = 2000
_MARKERS = re.compile(r"\s*(?:\[\d{1,3}(?:\s*[,，、]\s*\d{1,3})*\]\s*)+")


@dataclass(frozen=True, slots=True)
class Given:
    """A source as it was given."""

    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """Claims of a text (``text[start:end] == claim.text``), and the quotes that each was held to: the
    ``document_id`` of a citation is the number of its source, from 1, its offsets are those of its text.
    """

    verdict: AnswerVerdict
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]


async def examine(
    text: str,
    sources: Sequence[Given],
    question: str,
    embedder: EmbedderProtocol,
    chat: ChatProtocol | None,
    settings: Settings,
    local: Mapping[str, Local] | None = None,
) -> Examined:
    """Check each sentence of ``text``. One with markers [1], [2] is held to these sources, any other to all.

    ``question`` is what the text answers, for the layers that ask the served model; "" where there is none.
    ``local`` as in Checker.
    Raises QuestionError when there is no sentence to check, or too many to hold it to.
    """
    quotes = _quotes(sources)
    spans = _claims(text)
    if not spans or not quotes or len(quotes) > MOST_SENTENCES:
        raise QuestionError(
            f"There are {len(spans)} sentences to check against {len(quotes)} of the sources.",
            f"Send at least one of each, of the sources {MOST_SENTENCES} at most.",
        )
    aligner = Aligner(embedder, [quote.quote for quote in quotes])
    query = Query(question, language(question or text), np.zeros(0, np.float32), {})
    owned = Owned(chat, question, functools.partial(messages, query)) if chat else None
    check = settings.check
    if not settings.generator.enabled:  # one that is never there leaves no doubt
        check = check.model_copy(update={"layers": tuple(x for x in check.layers if x not in SERVED)})
    claims: list[Claim] = []
    cited: dict[int, Evidence] = {}
    for (start, end), numbers in spans:
        sentence = _MARKERS.sub(" ", text[start:end]).strip()
        among = [q for q in quotes if int(q.document.id) in numbers] or ([] if numbers else quotes)
        near = await computed(_nearest, aligner, sentence, among)
        folder = settings.calibration_dir
        checker = Checker(embedder, near, check, owned, folder=folder, local=local)
        checked = await checker.check(sentence, range(1, len(near) + 1))
        shown = _telling(sentence, near)
        cited |= {quote.n: quote for quote in shown}
        by = tuple(quote.n for quote in shown)
        score = round(checked.score, 4)
        claims.append(Claim(text[start:end], start, end, checked.verdict, score, by, checked.signals))
    return _renumbered(claims, cited)


def _quotes(sources: Sequence[Given]) -> list[Evidence]:
    quotes: list[Evidence] = []
    for number, source in enumerate(sources, start=1):
        document = DocumentRef(str(number), "", source.title, language(source.text))
        for start, end in sentences(source.text):
            quotes.append(Evidence(len(quotes) + 1, document, source.text[start:end], start, end, 1.0))
    return quotes


def _claims(text: str) -> list[tuple[tuple[int, int], set[int]]]:
    """Spans of the sentences, and the sources that their markers name; markers after a full stop belong to
    the sentence before it, and are not part of any.
    """
    found: list[tuple[tuple[int, int], set[int]]] = []
    for start, end in sentences(text):
        if found and (leading := _MARKERS.match(text, start, end)):
            found[-1][1].update(_numbers(leading[0]))
            start = leading.end()
        own = _numbers(" ".join(_MARKERS.findall(text[start:end])))
        if re.search(r"\w", _MARKERS.sub(" ", text[start:end])):
            found.append(((start, end), own))
    return found


def _numbers(markers: str) -> set[int]:
    return {int(number) for number in re.findall(r"\d+", markers)}


def _nearest(aligner: Aligner, sentence: str, among: Sequence[Evidence]) -> list[Evidence]:
    """The CONSIDERED quotes that are nearest to the sentence, the nearest first."""
    if not among:
        return []
    scores = aligner.best(sentence)
    return sorted(among, key=lambda quote: -scores[quote.n - 1])[:CONSIDERED]


def _telling(sentence: str, near: Sequence[Evidence]) -> list[Evidence]:
    """The nearest quote, and those after it that share words with the sentence which no other has."""
    wanted = set(terms(sentence))
    shown: list[Evidence] = []
    for quote in near:
        there = wanted & set(terms(quote.quote))
        if not shown or there:
            shown.append(quote)
            wanted -= there
    return shown


def _renumbered(claims: Sequence[Claim], cited: dict[int, Evidence]) -> Examined:
    """With the citations numbered from 1 in the order of the sources."""
    numbers = {old: new for new, old in enumerate(sorted(cited), start=1)}
    verdicts = {claim.verdict for claim in claims}
    if verdicts == {ClaimVerdict.SUPPORTED}:
        verdict = AnswerVerdict.SUPPORTED
    elif ClaimVerdict.NOT_CHECKED in verdicts:
        verdict = AnswerVerdict.NOT_CHECKED
    else:
        verdict = AnswerVerdict.PARTIAL
    return Examined(
        verdict,
        tuple(replace(c, citations=tuple(sorted(numbers[n] for n in c.citations))) for c in claims),
        tuple(cite(cited[old], new) for old, new in numbers.items()),
    )
