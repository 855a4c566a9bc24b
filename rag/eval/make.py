"""Drafts a question set from the collection's own documents, for a person to correct.

A generator writes a question to a passage, with an answer that must stand there word for word; where there is
none, or it does not keep to that, a sentence with a gap is the question.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import aclosing

from rag.eval.matching import holds
from rag.eval.questions import Question
from rag.models.protocols import ChatProtocol, Progress, TokenChunk
from rag.prompts import phrase, prompt
from rag.store import Store
from rag.text import sentences
from rag.types import Document, User

__all__ = ["draft_questions"]

READER = User()
LEAST, MOST = 24, 300  # characters of a sentence that is asked about
PASSAGE = 1200  # characters of the passage that the generator sees
MAX_TOKENS = 120
ROUNDS = 5  # questions of one document at most
GAP = "____"
# a number, or a name that does not begin the sentence, or a title
_FACT = re.compile(
    r"\d+(?:[.,:/-]\d+)*(?:\s?%)?"
    r"|《[^》]{2,30}》|「[^」]{2,30}」"
    r"|(?<=[\w,;] )[A-ZÄÖÜÀ-Ý][\w-]{2,}(?: [A-ZÄÖÜÀ-Ý][\w-]+)*"
)
_REPLY = re.compile(r"Q\s*[:：]\s*(?P<question>(?s:.+?))\s*\n\s*A\s*[:：][ \t]*(?P<answer>\S.*)")


async def draft_questions(
    store: Store, chat: ChatProtocol | None, count: int, seed: int, progress: Progress
) -> list[Question]:
    """Up to ``count`` questions, spread over the documents in an order drawn with the seed.

    Each names its document, and the sentence that it was made from as a note. Raises
    GeneratorUnavailableError when the generator stops answering.
    """
    rng = random.Random(seed)
    drafted: list[Question] = []
    for document, uri, (start, end) in _sentences(store, rng):
        if len(drafted) == count:
            break
        progress("drafting", len(drafted), count)
        sentence = document.text[start:end]
        pair = None
        if chat is not None:
            around = document.text[max(0, start - PASSAGE // 2) : end + PASSAGE // 2]
            pair = await _asked(chat, document.language, around, sentence)
        question, answer = pair or _gap(document.language, sentence, rng)
        drafted.append(
            Question(
                question, f"q{len(drafted) + 1:03}", (answer,), (uri,), language=document.language,
                note=" ".join(sentence.split()),
            )
        )  # fmt: skip
    return drafted


def _sentences(store: Store, rng: random.Random) -> Iterator[tuple[Document, str, tuple[int, int]]]:
    """One sentence that states a fact of each document in turn, then a second one of each, ..."""
    ids = store.document_ids()
    rng.shuffle(ids)
    uris = {key: reference.source for key, reference in store.references(ids, READER).items()}
    used: dict[str, set[int]] = {}
    for _ in range(ROUNDS):
        for key in ids:
            if key not in uris:
                continue
            document = store.document(key, READER)
            spans = [span for span in _facts(document) if span[0] not in used.get(key, ())]
            if spans:
                span = rng.choice(spans)
                used.setdefault(key, set()).add(span[0])
                yield document, uris[key], span


def _facts(document: Document) -> Iterator[tuple[int, int]]:
    for element in document.elements:
        if element.kind not in ("text", "list"):
            continue
        for a, b in sentences(document.text[element.start : element.end]):
            span = element.start + a, element.start + b
            if LEAST <= b - a <= MOST and _FACT.search(document.text[slice(*span)]):
                yield span


def _gap(language: str, sentence: str, rng: random.Random) -> tuple[str, str]:
    """The sentence with one of its facts left out, and that fact."""
    match = rng.choice(list(_FACT.finditer(sentence)))
    open_ = f"{sentence[: match.start()]}{GAP}{sentence[match.end() :]}"
    return phrase("gap", language).replace("{sentence}", " ".join(open_.split())), match.group()


async def _asked(chat: ChatProtocol, language: str, passage: str, sentence: str) -> tuple[str, str] | None:
    """What the generator asks of the sentence; None when it does not keep to the rules."""
    request = [
        {"role": "system", "content": prompt("draft_question", language)},
        {"role": "user", "content": f"{passage}\n\n---\n{sentence}"},
    ]
    async with aclosing(chat.stream(request, max_tokens=MAX_TOKENS)) as stream:
        reply = "".join([item.text async for item in stream if isinstance(item, TokenChunk)])
    match = _REPLY.search(reply)
    if match is None:
        return None
    question = " ".join(match["question"].split())
    answer = match["answer"].strip().strip('"“”「」。.')
    good = (
        answer and len(question) > len(answer) and holds(sentence, [answer]) and not holds(question, [answer])
    )
    return (question, answer) if good else None
