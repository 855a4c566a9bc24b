"""An answer as Slack's blocks: its text, and below it verdict, sources and buttons.

Limits are those of https://docs.slack.dev/reference/block-kit/blocks/.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from rag.compose import appended
from rag.notices import version_label
from rag.prompts import phrase
from rag.store import Store
from rag.text.edition import shown_edition
from rag.types import Answer, AnswerVerdict, Citation, Claim, ClaimVerdict, DocumentRef, User
from server.slack.rendering import escaped, linked, plain, split, tables
from server.slack.words import say

__all__ = [
    "MOST_CHARS",
    "Block",
    "View",
    "answer_text",
    "button",
    "closing",
    "context",
    "message_parts",
    "section",
    "source_blocks",
    "streamed",
]

Block = dict[str, Any]

MOST_CHARS = 9000  # of an answer's text in one message; Slack takes 12,000 of Markdown
_SECTION, _LABEL = 3000, 75
_WORDS = 16  # characters of a quote in an address
_FLAGGED = (ClaimVerdict.UNSUPPORTED, ClaimVerdict.NOT_CHECKED)
_MARKS = {
    AnswerVerdict.SUPPORTED: ":white_check_mark:",
    AnswerVerdict.PARTIAL: ":large_yellow_circle:",
    AnswerVerdict.QUOTED: ":left_speech_bubble:",
    AnswerVerdict.INSUFFICIENT_CONTEXT: ":heavy_minus_sign:",
    AnswerVerdict.OFF_TOPIC: ":heavy_minus_sign:",
    AnswerVerdict.NOT_CHECKED: ":grey_question:",
}
_NOTHING = (AnswerVerdict.INSUFFICIENT_CONTEXT, AnswerVerdict.OFF_TOPIC)


@dataclass(frozen=True, slots=True)
class View:
    """How an answer is shown. ``answer`` is the id of its message, ``base`` the address of the web page ("":
    there is none that people reach), ``shared_channel``: others read it, too; ``alone``: only one person
    sees it, and may share it; ``person``: it can be passed on.
    """

    language: str
    answer: str
    conversation: str
    base: str = ""
    shared_channel: bool = True
    alone: bool = False
    person: bool = False

    def document(self, key: str) -> str:
        """Address of a document in the web page."""
        return f"{self.base}/d/{key}" if self.base else ""

    def cited(self, one: Citation) -> str:
        """Address of a document at the quoted words; it tells their beginning, so that the page marks them
        only while they are there.
        """
        at = {"start": one.start, "end": one.end, "words": one.quote[:_WORDS]}
        return f"{self.document(one.document_id)}?{urlencode(at)}" if self.base else ""


def _said(text: str, claim: Claim, language: str) -> str:
    """The answer so far with one more sentence, marked where it was not found to be supported."""
    if claim.verdict in _FLAGGED and not claim.signals.get("withheld"):
        mark = phrase(str(claim.verdict), language)
        claim = dataclasses.replace(claim, text=f"{claim.text} ({mark})")
    return appended(text, claim, language)[0]


def answer_text(answer: Answer) -> str:
    """The sentences of a finished answer as they are said, or what it says without any."""
    text = ""
    for claim in answer.claims:
        text = _said(text, claim, answer.language)
    return text or answer.answer


def section(text: str) -> Block:
    """A paragraph of mrkdwn."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def context(text: str) -> Block:
    """A small line of mrkdwn."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def button(name: str, label: str, value: str, **more: object) -> Block:
    """A button that the action ``name`` answers to."""
    text = {"type": "plain_text", "text": label[:_LABEL], "emoji": True}
    return {"type": "button", "action_id": name, "text": text, "value": value, **more}


def _sections(text: str, cited: Mapping[int, Citation], view: View, most: int = 2000) -> Iterator[Block]:
    def link(n: int) -> str:
        return view.cited(cited[n])

    for piece in split(text, most):
        shown = linked(piece, cited, link, "mrkdwn")
        if len(shown) <= _SECTION:
            yield section(shown)
        else:  # links and escapes are longer than what they stand for
            yield from _sections(piece, cited, view, max(most // 2, 100))


def message_parts(answer: Answer, view: View, *, ended: bool = True) -> list[tuple[str, list[Block]]]:
    """The messages that hold an answer: for each what notifications say, and its blocks. When it has ended,
    the last has what stands below.
    """
    cited = {one.n: one for one in answer.citations}
    parts = split(answer_text(answer), MOST_CHARS)
    found = [(plain(part)[:_SECTION], list(_sections(part, cited, view))) for part in parts]
    found = found or [("", [])]
    if ended:
        found[-1][1].extend(closing(answer, view))
    return found


def streamed(answer: Answer, view: View) -> str:
    """The text of an answer as Markdown, for a stream."""
    cited = {one.n: one for one in answer.citations}

    def link(n: int) -> str:
        return view.cited(cited[n])

    return linked(answer_text(answer), cited, link, "markdown")


def closing(answer: Answer, view: View) -> list[Block]:
    """What stands below an answer: its verdict in words, notices, sources or nearest documents, buttons."""
    narrowed = view.shared_channel and answer.verdict is AnswerVerdict.INSUFFICIENT_CONTEXT
    name = "insufficient_here" if narrowed else str(answer.verdict)
    lines = [f"{_MARKS[answer.verdict]} {say(f'verdict_{name}', view.language)}"]
    lines += [f":information_source: {escaped(notice, 'mrkdwn')}" for notice in answer.notices]
    blocks = list(_contexts(lines))
    if answer.citations:
        heading = f"*{phrase('sources', view.language)}*"
        blocks += _contexts([heading, *(_source_line(one, view) for one in answer.citations)])
    elif answer.nearest:
        heading = f"*{phrase('nearest', view.language)}*"
        blocks += _contexts([heading, *(_nearest_line(one, view) for one in answer.nearest)])
    return [*blocks, _buttons(answer, view)]


def _contexts(lines: Sequence[str]) -> Iterator[Block]:
    """Lines in as few blocks as they fit into."""
    text = ""
    for line in (one[: _SECTION - 1] for one in lines):
        if text and len(text) + len(line) + 1 > _SECTION:
            yield context(text)
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield context(text)


def _named(title: str, address: str) -> str:
    name = escaped(title, "mrkdwn").replace("|", "¦")
    return f"<{plain(address)}|{name}>" if address else name


def _source_line(one: Citation, view: View) -> str:
    title = version_label(one.title, shown_edition(one.edition), one.modified)
    line = f"[{one.n}] {_named(title, view.cited(one))}"
    return line if one.page is None else f"{line}, {phrase('page', view.language).format(page=one.page)}"


def _nearest_line(one: DocumentRef, view: View) -> str:
    title = version_label(one.title, shown_edition(one.edition), one.modified)
    return f"• {_named(title, view.document(one.id))}"


def _buttons(answer: Answer, view: View) -> Block:
    language, key = view.language, view.answer
    elements = []
    if view.alone:
        elements.append(button("share", say("share", language), key, style="primary"))
    elements.append(button("helpful", f":+1: {say('helpful', language)}", key))
    elements.append(button("not_helpful", f":-1: {say('not_helpful', language)}", key))
    if answer.citations:
        elements.append(button("sources", say("show_sources", language), key))
    if view.person:
        elements.append(button("person", say("ask_person", language), key))
    if view.base:
        url = f"{view.base}/c/{view.conversation}"
        elements.append(button("web", say("open_web", language), key, url=url))
    return {"type": "actions", "elements": elements}


def source_blocks(answer: Answer, view: View, store: Store, user: User) -> list[Block]:
    """The quotes that an answer rests on, as ``user`` may see them; rows of tables with their header."""
    blocks = []
    for one in answer.citations[:24]:
        blocks.append(section(_source_line(one, view)))
        quote = one.quote
        if " | " in quote:
            header = _header(one, store, user)
            shown = plain(tables(f"{header}\n{quote}" if header else quote)).replace("```", "'''")
            blocks.append(section(f"```{shown[: _SECTION - 10]}```"))
        else:
            quoted = "\n".join(f"> {escaped(line, 'mrkdwn')}" for line in quote.splitlines() if line.strip())
            blocks.append(section(quoted[:_SECTION]))
    return blocks


def _header(one: Citation, store: Store, user: User) -> str:
    document = store.document(one.document_id, user)
    for element in document.elements:
        if element.start <= one.start < element.end:
            return element.header
    return ""
