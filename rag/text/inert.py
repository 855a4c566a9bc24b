"""Text of documents in answers, so that whoever renders it loads nothing and offers no disguised link.

Answers are read as Markdown by many programs. A document's "![](https://elsewhere/?q=...)" would then fetch
a picture from elsewhere and "[our portal](https://elsewhere)" would hide where it leads; as text, both are
seen for what they are. Only answers are treated so: a citation holds the words as they stand in the document.
"""

from __future__ import annotations

import re

__all__ = ["inert"]

_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\(\s*<?([^)\s>]*)>?[^)\n]*\)")
_DEFINITION = re.compile(r"(\[[^\[\]\n]+\]):")
_TAG = re.compile(r"<(/?[A-Za-z!?][^<>\n]*)(>|$)", re.MULTILINE)
NESTED = 3  # a picture in a link in brackets


def inert(text: str) -> str:
    """``text`` with its Markdown links and pictures written out as "words (address)" and its tags in ‹›."""
    for _ in range(NESTED):
        text = _LINK.sub(_written_out, text)
    text = text.replace("![", "! [").replace("](", "] (")
    text = _DEFINITION.sub(r"\1 :", text)
    return _TAG.sub(lambda match: f"‹{match[1]}{'›' if match[2] else ''}", text)


def _written_out(link: re.Match[str]) -> str:
    words, address = link[1].strip(), link[2]
    return f"{words} ({address})" if words and address else words or address
