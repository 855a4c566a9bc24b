"""The one schema for answers, exactly as promised."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import BaseModel

from rag.types import Evidence, SentenceChecked
from server import schema
from tests.fakes.assistant import CITATION, DOCUMENT, QUOTE, answer_to, nothing_found

PROMISED = {
    "answer", "verdict", "claims", "citations", "language", "model", "usage", "timings_ms",
    "question", "standalone_question", "nearest", "notices",
}  # fmt: skip
CLAIM = ["text", "start", "end", "verdict", "score", "citations", "signals"]
CITED = ["n", "document_id", "title", "source", "page", "heading", "quote", "start", "end"]
HIT = [
    "document_id", "title", "source", "page", "heading", "text", "start", "end",
    "score", "dense", "lexical", "cover",
]  # fmt: skip


def test_an_answer_has_exactly_the_promised_fields() -> None:
    sent = json.loads(schema.answer_out(answer_to("E55?")).model_dump_json())
    assert set(sent) == PROMISED
    assert list(sent)[:8] == [
        "answer", "verdict", "claims", "citations", "language", "model", "usage", "timings_ms",
    ]  # fmt: skip
    assert [list(claim) for claim in sent["claims"]] == [CLAIM, CLAIM]
    assert [list(citation) for citation in sent["citations"]] == [CITED]
    assert list(sent["model"]) == ["name", "revision", "licence"]
    assert sent["verdict"] == "supported"
    assert sent["citations"][0]["heading"] == ["第二章", "报警"]
    assert sent["claims"][0]["signals"] == {"cover": 0.8, "l0": True}
    for claim in sent["claims"]:
        assert sent["answer"][claim["start"] : claim["end"]] == claim["text"]


def test_an_answer_without_a_model_says_null() -> None:
    sent = json.loads(schema.answer_out(nothing_found("?")).model_dump_json())
    assert sent["model"] is None
    assert sent["nearest"] == [
        {"document_id": "d1", "title": DOCUMENT.title, "source": DOCUMENT.source, "language": "zh"}
    ]
    assert sent["notices"] == ["No generator answers; only quotes are shown."]


def test_hits_have_exactly_the_promised_fields() -> None:
    fields = schema.SearchOut.model_fields
    assert list(fields) == ["query", "language", "hits"]
    assert list(schema.HitOut.model_fields) == HIT


def test_evidence_and_sentences_as_streamed() -> None:
    quote = Evidence(1, DOCUMENT, QUOTE, 10, 26, np.float32(0.5), 3, ("第二章",))  # type: ignore[arg-type]
    sent = schema.evidence_out([quote]).model_dump()["evidence"][0]
    assert list(sent) == [*CITED, "score"]
    assert type(sent["score"]) is float
    event = SentenceChecked(answer_to("?").claims[0], (CITATION,))
    assert list(schema.sentence_out(event).model_dump()) == ["claim", "citations"]


def test_chinese_is_not_escaped() -> None:
    assert QUOTE in schema.answer_out(answer_to("?")).model_dump_json()


@pytest.mark.parametrize(
    "model", [getattr(schema, name) for name in schema.__all__ if name[0].isupper()], ids=lambda m: m.__name__
)
def test_every_example_fits_its_model(model: type[BaseModel]) -> None:
    for example in (model.model_config.get("json_schema_extra") or {}).get("examples", []):  # type: ignore[union-attr,call-overload]
        parsed = model.model_validate(example)
        assert json.loads(parsed.model_dump_json()) == example


def test_the_example_answer_is_consistent() -> None:
    example = schema.AnswerOut.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index,call-overload]
    for claim in example["claims"]:
        assert example["answer"][claim["start"] : claim["end"]] == claim["text"]
    for citation in example["citations"]:
        assert citation["end"] - citation["start"] == len(citation["quote"])
