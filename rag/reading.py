"""Step: does the served model, reading the passage of the best quote, find the answer in it?

What retrieval tells (rag/answerable.py) is whether something stands out. Across languages, where words
cannot match, it tells less, and of a question that is only near to what the documents say nothing at all. So
the model is asked whether the passage states the answer, and a small calibrated model weighs what it says
against the first score (tests/bench/reading.py fits and measures it). It costs a prompt of one passage.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Sequence

from rag.answer_settings import AnswerSettings
from rag.calibration import Logistic, load, log_odds
from rag.errors import GeneratorUnavailableError
from rag.evidence import group_of
from rag.found import Sought
from rag.models.protocols import ChatProtocol
from rag.prompts import filled, prompt
from rag.text import instructs
from rag.types import AnswerVerdict, Evidence, Hit
from rag.yes_or_no import yes_log_odds

__all__ = ["passage_of", "read", "reading_log_odds", "reading_signals"]

GROUPS = {"off": (), "across": ("cross",), "always": ("same", "cross")}


def passage_of(quote: Evidence, hits: Sequence[Hit]) -> str:
    """The passage that the quote is from; the quote alone where something in it speaks to the model."""
    for hit in hits:
        inside = hit.chunk.start <= quote.start < hit.chunk.end
        if hit.document.id == quote.document.id and inside and not instructs(hit.chunk.text):
            return hit.chunk.text
    return quote.quote


async def reading_log_odds(question: str, passage: str, chat: ChatProtocol) -> float:
    """Log-odds of "Yes"; 0 when the model says neither. Raises GeneratorUnavailableError."""
    ask = filled("reading_ask", "", passage=passage, question=question)
    return await yes_log_odds(prompt("reading", ""), ask, chat)


def reading_signals(answerable: float, reads: float) -> dict[str, float]:
    """What the calibrated model weighs: log-odds of the first score and of "Yes"."""
    return {"answerable": log_odds(answerable), "reads": reads}


async def read(sought: Sequence[Sought], chat: ChatProtocol | None, settings: AnswerSettings) -> list[Sought]:
    """The parts, those in doubt with what the reading changes: a quote that was not thought to answer may do
    so, and the other way round. Without a generator, or with another one than was fitted, they stay.
    """
    model = load("reading")
    asked = [part for part in sought if _in_doubt(part, model, GROUPS[settings.reading])]
    if chat is None or not asked:
        return list(sought)
    try:
        if (await chat.model_info()).name != model.read:
            return list(sought)
        texts = [passage_of(part.evidence[0], part.hits) for part in asked]
        calls = (reading_log_odds(p.query.text, text, chat) for p, text in zip(asked, texts, strict=True))
        reads = await asyncio.gather(*calls)
    except GeneratorUnavailableError:
        return list(sought)
    told = {id(part): _read(part, value, model) for part, value in zip(asked, reads, strict=True)}
    return [told.get(id(part), part) for part in sought]


def _in_doubt(part: Sought, model: Logistic, groups: Sequence[str]) -> bool:
    if not part.evidence or part.whole or part.refusal is AnswerVerdict.OFF_TOPIC:
        return False
    low, high = model.band
    return group_of(part.query, part.evidence[0]) in groups and low <= part.scores["answerable"] < high


def _read(part: Sought, reads: float, model: Logistic) -> Sought:
    group = group_of(part.query, part.evidence[0])
    probability = model.probability(group, reading_signals(part.scores["answerable"], reads))
    answers = model.enough(group, probability)
    told = {"answerable": probability, "reads": 1 / (1 + math.exp(-reads))}
    refusal = None if answers else AnswerVerdict.INSUFFICIENT_CONTEXT
    return dataclasses.replace(part, refusal=refusal, scores={**part.scores, **told})
