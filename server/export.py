"""A conversation as Markdown: the shown branch, each answer with its sources."""

from __future__ import annotations

from collections.abc import Iterable

from server.schema import CitationOut
from server.schema_conversations import ConversationWholeOut, MessageOut

__all__ = ["markdown"]


def markdown(conversation: ConversationWholeOut) -> str:
    """The branch that is shown. Ends with a line feed."""
    lines = [f"# {_plain(conversation.title) or conversation.id}", ""]
    for one in _shown(conversation):
        if one.role == "user":
            lines += [f"## {_plain(one.content)}", ""]
            continue
        lines += [*_answer(one), ""]
    return "\n".join(lines).rstrip() + "\n"


def _shown(conversation: ConversationWholeOut) -> list[MessageOut]:
    known = {one.id: one for one in conversation.messages}
    tip, found = conversation.active, []
    while tip is not None and tip in known:
        found.append(known[tip])
        tip = known[tip].parent
    return found[::-1]


def _answer(one: MessageOut) -> Iterable[str]:
    if one.answer is None:
        yield f"*({one.status})*"
        return
    # a line of its own for each sentence that has one on the page
    yield one.answer.answer.replace("\n", "\n\n")
    for notice in one.answer.notices:
        yield f"\n*{_plain(notice)}*"
    for citation in one.answer.citations:
        yield f"\n{_source(citation)}\n\n> {_plain(citation.quote)}"


def _source(citation: CitationOut) -> str:
    place = [part for part in (" › ".join(citation.heading), citation.edition) if part]
    page = [f"p. {citation.page}"] if citation.page is not None else []
    return f"[{citation.n}] " + ", ".join((f"**{_plain(citation.title)}**", *page, *map(_plain, place)))


def _plain(text: str) -> str:
    """One line."""
    return " ".join(text.split())
