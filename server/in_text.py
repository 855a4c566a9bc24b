"""An answer as text for programs that show nothing else: sentences, marks of what did not pass, sources."""

from __future__ import annotations

from rag.prompts import phrase
from rag.types import Claim, ClaimVerdict
from server.schema import AnswerOut, CitationOut, ClaimOut

__all__ = ["SentenceText", "sources_text"]

_MARKED = (ClaimVerdict.UNSUPPORTED, ClaimVerdict.NOT_CHECKED)


class SentenceText:
    """The text of an answer, piece by piece, as its checked sentences come."""

    def __init__(self) -> None:
        self._said = False

    def piece(self, claim: Claim | ClaimOut, language: str) -> str:
        """One sentence with its [n] and what parts it from the one before. A sentence that has not passed
        its check says so itself: there may be no other place to show it.
        """
        quoted = claim.verdict is ClaimVerdict.QUOTED
        apart = ("\n" if quoted else " ") if self._said else ""
        self._said = True
        numbers = "".join(f" [{n}]" for n in claim.citations)
        mark = f" ({phrase(str(claim.verdict), language)})" if claim.verdict in _MARKED else ""
        return f"{apart}{claim.text}{numbers}{mark}"


def _source(citation: CitationOut, language: str) -> str:
    page = "" if citation.page is None else phrase("page", language).format(page=citation.page)
    where = ", ".join(part for part in (page, " › ".join(citation.heading), citation.edition) if part)
    quote = "\n".join(f"> {line}" for line in citation.quote.strip().splitlines())
    return f"[{citation.n}] {citation.title}{f' ({where})' if where else ''}\n{quote}"


def sources_text(answer: AnswerOut) -> str:
    """What follows the sentences: notices, the sources with their quotes, or the nearest documents. Empty
    when there is nothing to tell; begins with a blank line.
    """
    told = list(answer.notices)
    if answer.citations:
        told.append(f"{phrase('sources', answer.language)}:")
        told += [_source(citation, answer.language) for citation in answer.citations]
    elif answer.nearest:
        told.append(f"{phrase('nearest', answer.language)}:")
        told.append("\n".join(f"- {document.title} ({document.source})" for document in answer.nearest))
    return "".join(f"\n\n{part}" for part in told)
