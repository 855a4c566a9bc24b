"""Questions that may follow an answer, taken from the headings around what it cites; the generator is not
asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from rag.errors import NotFoundError
from rag.prompts import phrase
from rag.store import Store
from rag.text import bare_heading, fold, terms
from rag.types import Answer, Citation, Document, User

__all__ = ["MOST", "suggestions"]

MOST = 3
_SHORTEST, _LONGEST = 3, 60  # characters of a heading that says what its section is about
_LEAST_TEXT = 40  # characters below a heading, so that there is something to answer from


def suggestions(answer: Answer, store: Store, user: User, asked: Sequence[str] = ()) -> list[str]:
    """Up to MOST questions about sections of the cited documents that the answer does not cite, those that
    follow its citation first, in the language of the answer; none when there are no such sections.

    ``answer`` as the user may see it now (rag.stored). What ``asked`` speaks of already is left out.
    """
    known = {fold(text) for text in asked}
    said = [set(terms(text)) for text in (answer.question, *asked)]
    found: list[str] = []
    for title, heading in _sections(answer, store, user):
        wanted = set(terms(heading))
        if not wanted or any(wanted <= words for words in said):
            continue
        question = phrase("follow_up", answer.language).format(title=title, heading=heading)
        if question not in found and fold(question) not in known:
            found.append(question)
        if len(found) == MOST:
            break
    return found


def _sections(answer: Answer, store: Store, user: User) -> Iterator[tuple[str, str]]:
    """(title, heading) of the sections that are not cited, of each cited document in turn."""
    for key in dict.fromkeys(citation.document_id for citation in answer.citations):
        try:
            document = store.document(key, user)
        except NotFoundError:  # gone since the answer was confirmed
            continue
        mine = [citation for citation in answer.citations if citation.document_id == key]
        covered = {heading for citation in mine for heading in citation.heading}
        for heading in _around(document, mine[0]):
            name = bare_heading(heading)
            titled = fold(name) == fold(mine[0].title)
            if heading not in covered and not titled and _SHORTEST <= len(name) <= _LONGEST:
                yield mine[0].title, name


def _around(document: Document, cited: Citation) -> list[str]:
    """Headings with text below them, those after the citation first, then those before it, nearest first.

    None of a lower rank than that of the citation: what "Every six months" is about, the heading above tells.
    """
    told = []
    for one, after in itertools.pairwise(document.elements):
        below = after.end - after.start if after.kind != "heading" else 0
        if one.kind == "heading" and below >= _LEAST_TEXT and len(one.heading) < max(1, len(cited.heading)):
            told.append((one.start, " ".join(document.text[one.start : one.end].split())))
    later = [text for start, text in told if start > cited.start]
    return later + [text for start, text in reversed(told) if start <= cited.start]
