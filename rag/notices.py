"""What the assistant tells of an answer's gaps and of the versions behind it, in plain sentences."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from rag.prompts import phrase
from rag.text import HAN_KANA
from rag.text.edition import shown_edition
from rag.types import Citation, Disagreement, DocumentRef, Gap

__all__ = ["gap_notices", "version_label", "version_notices"]

_CJK = re.compile(f"[{HAN_KANA}]")


def version_label(title: str, edition: str, modified: float | None) -> str:
    """A document's title with its edition (as it is shown), or with the day of its last change where it
    states none: versions are often called alike.
    """
    day = "" if modified is None else time.strftime("%Y-%m-%d", time.gmtime(modified))
    told = edition or day
    if not told or told in title:
        return title
    return f"{title}（{told}）" if _CJK.search(title) else f"{title} ({told})"


def gap_notices(gaps: Sequence[Gap], language: str) -> list[str]:
    """What the answer leaves out, each gap once."""
    opening, closing = phrase("open_quote", language), phrase("close_quote", language)
    told = [
        phrase("part_missing", language).format(part=gap.text)
        if gap.kind == "part"
        else phrase("fact_missing", language).format(quote=f"{opening}{gap.text}{closing}", n=gap.n)
        for gap in gaps
    ]
    return list(dict.fromkeys(told))


def _label(document: DocumentRef | Citation) -> str:
    return version_label(document.title, shown_edition(document.edition), document.modified)


def version_notices(
    citations: Sequence[Citation], disagreements: Sequence[Disagreement], language: str
) -> list[str]:
    """Where versions disagree, and which cited documents supersede others or are superseded, each once."""
    opening, closing = phrase("open_quote", language), phrase("close_quote", language)
    notices = []
    told: set[tuple[str, str]] = set()
    cited = {citation.n: citation for citation in citations}
    for one in disagreements:
        quote = f"{opening}{one.quote}{closing}"
        says = phrase("newer_says" if one.newer else "older_says", language)
        notices.append(says.format(title=_label(one.document), quote=quote))
        told.add((cited[one.n].document_id, one.document.id))
    for citation in citations:
        after = citation.superseded_by
        pairs = [(_label(older), _label(citation), older.id) for older in citation.supersedes]
        pairs += [(_label(citation), _label(after), after.id)] if after else []
        for older, newer, other in pairs:
            if (citation.document_id, other) not in told:
                told |= {(citation.document_id, other), (other, citation.document_id)}
                notices.append(phrase("superseded", language).format(older=older, newer=newer))
    return list(dict.fromkeys(notices))
