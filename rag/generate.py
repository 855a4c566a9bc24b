"""Step: evidence + question -> draft sentences, as the generator finishes them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from rag.models.protocols import ChatProtocol, Message, TokenChunk
from rag.prompts import prompt
from rag.text import instructs, sentences
from rag.types import Evidence, ModelInfo, Query, Span

__all__ = ["Draft", "DraftSentence", "generate", "messages"]

_MARKER = re.compile(r"\s*[\[［【](\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)[\]］】]")
_MARKERS = re.compile(f"(?:{_MARKER.pattern})+")
_GROWING = re.compile(r"[\[［【][\d\s,，、]*$")
# A draft that runs on is not an answer to one question
TOKENS_PER_SENTENCE = 90


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """An unchecked sentence, its [n] markers taken out, and the evidence numbers that they named.

    ``logprobs`` are the natural-log probabilities of its tokens, markers left out; empty when the server
    tells none.
    """

    text: str
    cited: tuple[int, ...]
    logprobs: tuple[float, ...] = ()


@dataclass(slots=True)
class Draft:
    """Which model drafts and what it used, filled in while it runs."""

    model: ModelInfo | None = None
    usage: dict[str, int] = field(default_factory=dict)


def _where(evidence: Evidence) -> str:
    """Title and headings; a title that speaks to the model is not for it."""
    named = (evidence.document.title, *evidence.heading)
    return " > ".join(part for part in named if part and not instructs(part))


def _quoted(evidence: Evidence) -> str:
    body = f"{evidence.header}\n{evidence.quote}" if evidence.header else evidence.quote
    return f"[{evidence.n}] ({_where(evidence)}) {body}"


def _passages(evidence: Sequence[Evidence]) -> str:
    """The quotes in reading order, those of one section together under its name; sections in the order of
    their best quote.
    """
    sections: dict[tuple[str, tuple[str, ...]], list[Evidence]] = {}
    for each in evidence:
        sections.setdefault((each.document.id, each.heading), []).append(each)
    told = []
    for quotes in sections.values():
        first, header = quotes[0], ""
        told.append(f"({_where(first)})")
        for each in sorted(quotes, key=lambda e: e.start):
            told += [each.header] if each.header and each.header != header else []
            header = each.header
            told.append(f"[{each.n}] {each.quote}")
    return "\n".join(told)


def messages(query: Query, evidence: Sequence[Evidence], whole: bool = False) -> list[Message]:
    """Fixed parts first, so that the prefix cache serves them; then the quotes, then the question.

    ``whole``: the quotes are all sentences of some passages, and are shown as such.
    """
    quotes = _passages(evidence) if whole else "\n".join(_quoted(e) for e in evidence)
    return [
        {"role": "system", "content": prompt("answer_whole" if whole else "answer", query.language)},
        {"role": "user", "content": f"{quotes}\n\n{query.text}"},
    ]


@dataclass(slots=True)
class _Pending:
    """Text that has come and is in no sentence yet, with the log-probability of each of its tokens."""

    text: str = ""
    tokens: list[tuple[int, float]] = field(default_factory=list)  # where each begins
    scored: bool = True

    def add(self, chunk: TokenChunk) -> None:
        if chunk.logprob is None:
            self.scored = False
        else:
            # a chunk of several tokens is told as so many of equal probability
            self.tokens += [(len(self.text), chunk.logprob / chunk.tokens)] * chunk.tokens
        self.text += chunk.text

    def sentence(self, span: Span) -> DraftSentence | None:
        """The sentence of a span, without its markers; None when nothing is left of it."""
        text = self.text[slice(*span)]
        cited = [int(n) for group in _MARKER.findall(text) for n in re.findall(r"\d+", group)]
        bare = _MARKER.sub("", text).strip()
        if not re.search(r"\w", bare):
            return None
        marks = [(span[0] + m.start(), span[0] + m.end()) for m in _MARKER.finditer(text)]
        own = [
            logprob
            for at, logprob in self.tokens
            if span[0] <= at < span[1] and not any(a <= at < b for a, b in marks)
        ]
        return DraftSentence(bare, tuple(dict.fromkeys(cited)), tuple(own) if self.scored else ())

    def cut(self, end: int) -> None:
        """Forget what comes before ``end``."""
        self.text = self.text[end:]
        self.tokens = [(at - end, logprob) for at, logprob in self.tokens if at >= end]


def _spans(text: str) -> list[Span]:
    """The sentences of a draft; markers after a full stop ("… four hours. [1] Then") belong to the one
    before.
    """
    spans: list[Span] = []
    for start, end in sentences(text):
        marked = _MARKERS.match(text, start) if spans else None
        if marked:
            spans[-1] = (spans[-1][0], marked.end())
        begin = marked.end() if marked else start
        if text[begin:end].strip():
            spans.append((begin, end))
    return spans


def _finished(text: str) -> int:
    """Where the last finished sentence ends with its markers: the one before that which is still being
    written.
    """
    spans = _spans(text)
    if spans and _GROWING.match(text, spans[-1][0]):
        spans.pop()
    return spans[-1][0] if len(spans) > 1 else 0


async def generate(
    asked: Sequence[Message], chat: ChatProtocol, limit: int, draft: Draft
) -> AsyncGenerator[DraftSentence, None]:
    """Up to ``limit`` draft sentences in reply to ``asked``. Stops the generator as soon as it has them.
    Raises GeneratorUnavailableError.
    """
    pending = _Pending()
    given = 0
    async with aclosing(chat.stream(asked, max_tokens=limit * TOKENS_PER_SENTENCE)) as stream:
        async for item in stream:
            if not isinstance(item, TokenChunk):
                draft.usage.update(prompt_tokens=item.prompt_tokens, completion_tokens=item.completion_tokens)
                cut = item.finish == "length"
                break
            pending.add(item)
            end = _finished(pending.text)
            for span in _spans(pending.text[:end]):
                sentence = pending.sentence(span)
                if sentence and given < limit:
                    given += 1
                    yield sentence
            pending.cut(end)
            if given >= limit:
                return
        else:
            cut = False
    # what the token limit cut off in the middle is not a sentence
    if not cut:
        for span in _spans(pending.text):
            sentence = pending.sentence(span)
            if sentence and given < limit:
                given += 1
                yield sentence
