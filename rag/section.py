"""Step: does the question ask for a section, or a document, as a whole? Then its beginning is the answer.

"What does the travel policy say about hotels?", "中国区的付款条件是什么？", "storage of the HS-410": nothing
particular is asked, so no sentence stands out as the one that holds the answer, and the signals of
rag.answerable, which were fitted where one does, refuse four of five such questions. What such a question
does is name a heading or a title. Rules, not a model: all words of a heading stand in the question, no
other word of weight (section.toml lists those that weigh nothing), and neither who, where, why, when nor how
many is asked, which is something particular again.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import tomllib
from collections.abc import Callable, Collection, Sequence
from importlib import resources

from rag.text import HAN_KANA, bare_heading, expects, fold, question_terms, terms
from rag.types import Document, Hit, Span

__all__ = ["named_section"]

_HAN = re.compile(f"[{HAN_KANA}]")


@functools.cache
def _words(kind: str) -> tuple[frozenset[str], re.Pattern[str]]:
    """Words of a table: those written with blanks between them, and the others."""
    told = tomllib.loads(resources.files("rag").joinpath("section.toml").read_text("utf-8"))[kind]
    words = [fold(word) for line in told.values() for word in line.split()]
    joined = sorted((word for word in words if _HAN.match(word)), key=len, reverse=True)
    return frozenset(words).difference(joined), re.compile("|".join(joined))


def _left(question: str, names: Sequence[str]) -> set[str]:
    """Terms of the question that neither ask, nor are general, nor stand in the names."""
    spaced, joined = _words("general")
    left = fold(question)
    for name in sorted(map(fold, names), key=len, reverse=True):
        left = left.replace(name, " ") if name else left
    return set(question_terms(joined.sub(" ", left))) - spaced - {t for name in names for t in terms(name)}


def _particular(question: str) -> bool:
    """Whether a person, a place, a reason, a number or a date is asked for: the beginning of a section need
    not say it, whatever the section is called.
    """
    spaced, joined = _words("particular")
    folded = fold(question)
    return bool(expects(question) or joined.search(folded) or spaced & set(terms(folded)))


def named_section(question: str, hits: Sequence[Hit], opened: Callable[[str], Document | None]) -> list[Hit]:
    """What the hits have of the sections, or documents, that the question asks for by name: with those
    sentences alone, under the heading that was named, documents in the order of their first hits; empty when
    it asks for none, or for more than that. ``opened`` gives a document by its id, None when it is gone.
    """
    core = set() if _particular(question) else _left(question, ())
    found: list[Hit] = []
    for key in dict.fromkeys(hit.document.id for hit in hits) if core else ():
        own = [hit for hit in hits if hit.document.id == key]
        if not any(_may_hold(core, hit) for hit in own) or (document := opened(key)) is None:
            continue
        if named := _named(question, document, own[0].document.title):
            narrowed = [within for hit in own if (within := _within(hit, *named))]
            found += sorted(narrowed, key=lambda hit: hit.chunk.start)
    return found


def _may_hold(core: Collection[str], hit: Hit) -> bool:
    """Whether all that is asked for stands in the passage or above it: only then is its document opened."""
    text = fold(hit.chunk.embedding_text(hit.document.title))
    return all(term in text for term in core)


def _named(question: str, document: Document, title: str) -> tuple[tuple[str, ...], Span] | None:
    """What the question asks for: a section's heading with those above it, and where its text stands; no
    heading and all of the text where it names the document alone.
    """
    asked = set(terms(question))
    headings = [one for one in document.elements if one.kind == "heading"]
    for i, one in enumerate(headings):
        heading = " ".join(document.text[one.start : one.end].split())
        name = bare_heading(heading)
        own = set(terms(name))
        if fold(name) == fold(title) or not own <= asked or all(term.isdecimal() for term in own):
            continue
        if not _left(question, [name, title, *map(bare_heading, one.heading)]):
            below = (h.start for h in headings[i + 1 :] if len(h.heading) <= len(one.heading))
            return (*one.heading, heading), (one.end, next(below, len(document.text)))
    whole = (own := set(terms(title))) and own <= asked and not _left(question, [title])
    return ((), (0, len(document.text))) if whole else None


def _within(hit: Hit, path: tuple[str, ...], span: Span) -> Hit | None:
    """The hit with those of its sentences that stand in the span, None when there are none."""
    chunk = hit.chunk
    kept = [i for i, (start, end) in enumerate(chunk.sentences) if span[0] <= start and end <= span[1]]
    if not kept:
        return None
    return dataclasses.replace(
        hit,
        chunk=dataclasses.replace(
            chunk, heading=path or chunk.heading, sentences=tuple(chunk.sentences[i] for i in kept)
        ),
        sentences=tuple(hit.sentences[i] for i in kept),
        directions=tuple(hit.directions[i] for i in kept),
    )
