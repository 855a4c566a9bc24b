"""A text from elsewhere and its check, as they travel over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rag.examine import Examined, Given
from rag.types import AnswerVerdict
from server.schema import ClaimOut, claim_out
from server.schema_citation import QUOTE

__all__ = ["CheckIn", "CheckOut", "SourceQuoteOut", "check_out"]

MOST_TEXT, MOST_SOURCE = 20_000, 100_000  # characters: each sentence is compared with each
_SAID = "A lost laptop must be reported within 4 hours [1]. It must be blue."
_QUOTE: dict[str, Any] = {
    "n": 1, "source": 1, "title": "Information security policy", "quote": QUOTE, "start": 0, "end": 69,
}  # fmt: skip
_CLAIM: dict[str, Any] = {
    "text": "A lost laptop must be reported within 4 hours [1].",
    "start": 0,
    "end": 50,
    "verdict": "supported",
    "score": 0.97,
    "citations": [1],
    "signals": {"cover": 0.92},
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [value]})


class SourceTextIn(BaseModel):
    """A source that the text is to be held to."""

    model_config = _example({"title": _QUOTE["title"], "text": QUOTE})

    title: str = Field("", max_length=1000)
    text: str = Field(min_length=1, max_length=MOST_SOURCE)


class CheckIn(BaseModel):
    """A text to check against sources. Markers [1], [2] in it name sources in their order; a sentence without
    any is held to all of them. ``question`` is what the text answers.
    """

    model_config = _example(
        {"text": _SAID, "sources": [{"title": _QUOTE["title"], "text": QUOTE}], "question": ""}
    )

    text: str = Field(min_length=1, max_length=MOST_TEXT)
    sources: list[SourceTextIn] = Field(min_length=1, max_length=50)
    question: str = Field("", max_length=4000)

    def given(self) -> list[Given]:
        """The sources as the check takes them."""
        return [Given(source.text, source.title) for source in self.sources]


class SourceQuoteOut(BaseModel):
    """What a claim was held to: verbatim text of the source with the number ``source``, counted from 1."""

    model_config = _example(_QUOTE)

    n: int
    source: int
    title: str
    quote: str
    start: int
    end: int


class CheckOut(BaseModel):
    """Each sentence of the text with its verdict; ``citations`` of a claim are numbers of ``quotes``."""

    model_config = _example({"verdict": "supported", "claims": [_CLAIM], "quotes": [_QUOTE]})

    verdict: AnswerVerdict
    claims: list[ClaimOut]
    quotes: list[SourceQuoteOut]


def check_out(examined: Examined) -> CheckOut:
    """The check as it is sent."""
    return CheckOut(
        verdict=examined.verdict,
        claims=[claim_out(claim) for claim in examined.claims],
        quotes=[
            SourceQuoteOut(
                n=one.n,
                source=int(one.document_id),
                title=one.title,
                quote=one.quote,
                start=one.start,
                end=one.end,
            )
            for one in examined.citations
        ],
    )
