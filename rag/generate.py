"""Step: evidence + question -> draft sentences, as the generator finishes them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from rag.models.protocols import ChatProtocol, Message, TokenChunk
from rag.prompts import prompt
from rag.text import sentences
from rag.types import Evidence, Query

__all__ = ["Draft", "DraftSentence", "generate", "messages"]

_MARKER = re.compile(r"\s*[\[［【](\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)[\]］】]")
# A draft that runs on is not an answer to one question
TOKENS_PER_SENTENCE = 90


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """An unchecked sentence, its [n] markers taken out, and the evidence numbers that they named."""

    text: str
    cited: tuple[int, ...]


@dataclass(slots=True)
class Draft:
    """What one generation used, filled in while it runs."""

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


def _finished(text: str) -> int:
    """Where the last finished sentence ends: the one before the sentence that is still being written, with
    its markers.
    """
    spans = sentences(text)
    if len(spans) < 2:
        return 0
    # "… four hours. [1] Then": a marker after the full stop belongs to the sentence before it
    end = spans[-1][0]
    marker = _MARKER.match(text, end)
    if marker is None:
        return end
    return marker.end() if text[marker.end() :].strip() else 0


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
            for start, stop in sentences(pending[:end]):
                if sentence := _parted(pending[start:stop]):
                    given += 1
                    yield sentence
            pending = pending[end:]
            if given >= limit:
                return
        else:
            cut = False
    # what the token limit cut off in the middle is not a sentence
    if not cut:
        for start, stop in sentences(pending):
            sentence = _parted(pending[start:stop])
            if sentence and given < limit:
                given += 1
                yield sentence
