"""Step: evidence + question -> draft sentences, as the generator finishes them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from rag.models.protocols import ChatProtocol, Message, TokenChunk
from rag.prompts import prompt
from rag.text import sentences
from rag.types import Evidence, ModelInfo, Query, Span

__all__ = ["Draft", "DraftSentence", "generate", "messages"]

_MARKER = re.compile(r"\s*[\[［【](\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)[\]］】]")
_MARKERS = re.compile(f"(?:{_MARKER.pattern})+")
_GROWING = re.compile(r"[\[［【][\d\s,，、]*$")
# A draft that runs on is not an answer to one question
TOKENS_PER_SENTENCE = 90


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """An unchecked sentence, its [n] markers taken out, and the evidence numbers that they named."""

    text: str
    cited: tuple[int, ...]


@dataclass(slots=True)
class Draft:
    """Which model drafts and what it used, filled in while it runs."""

    model: ModelInfo | None = None
    usage: dict[str, int] = field(default_factory=dict)


def _quoted(evidence: Evidence) -> str:
    where = " > ".join(part for part in (evidence.document.title, *evidence.heading) if part)
    body = f"{evidence.header}\n{evidence.quote}" if evidence.header else evidence.quote
    return f"[{evidence.n}] ({where}) {body}"


def messages(query: Query, evidence: Sequence[Evidence]) -> list[Message]:
    """Fixed parts first, so that the prefix cache serves them; then the quotes, then the question."""
    quotes = "\n".join(_quoted(e) for e in evidence)
    return [
        {"role": "system", "content": prompt("answer", query.language)},
        {"role": "user", "content": f"{quotes}\n\n{query.text}"},
    ]


def _parted(text: str) -> DraftSentence | None:
    cited = [int(n) for group in _MARKER.findall(text) for n in re.findall(r"\d+", group)]
    bare = _MARKER.sub("", text).strip()
    return DraftSentence(bare, tuple(dict.fromkeys(cited))) if re.search(r"\w", bare) else None


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
    query: Query, evidence: Sequence[Evidence], chat: ChatProtocol, limit: int, draft: Draft
) -> AsyncGenerator[DraftSentence, None]:
    """Up to ``limit`` draft sentences. Stops the generator as soon as it has them. Raises
    GeneratorUnavailableError.
    """
    pending = ""
    given = 0
    async with aclosing(
        chat.stream(messages(query, evidence), max_tokens=limit * TOKENS_PER_SENTENCE)
    ) as stream:
        async for item in stream:
            if not isinstance(item, TokenChunk):
                draft.usage.update(prompt_tokens=item.prompt_tokens, completion_tokens=item.completion_tokens)
                cut = item.finish == "length"
                break
            pending += item.text
            end = _finished(pending)
            for start, stop in _spans(pending[:end]):
                sentence = _parted(pending[start:stop])
                if sentence and given < limit:
                    given += 1
                    yield sentence
            pending = pending[end:]
            if given >= limit:
                return
        else:
            cut = False
    # what the token limit cut off in the middle is not a sentence
    if not cut:
        for start, stop in _spans(pending):
            sentence = _parted(pending[start:stop])
            if sentence and given < limit:
                given += 1
                yield sentence
