"""The one schema for answers, exactly as promised."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from pydantic import BaseModel

from rag.types import Chunk, Disagreement, DocumentRef, Evidence, Hit, SentenceChecked
from server import schema
from tests.fakes.assistant import CITATION, DOCUMENT, QUOTE, answer_to, nothing_found

PROMISED = {
    "answer", "verdict", "claims", "citations", "language", "model", "usage", "timings_ms",
    "question", "standalone_question", "nearest", "notices", "disagreements", "gaps", "scores",
}  # fmt: skip
CLAIM = ["text", "start", "end", "verdict", "score", "citations", "signals"]
VERSION = ["document_id", "title", "source", "edition", "modified"]
CITED = [
    "n", "document_id", "title", "source", "page", "heading", "quote", "start", "end",
    "edition", "modified", "superseded_by", "supersedes",
]  # fmt: skip
HIT = [
    "document_id", "title", "source", "page", "heading", "text", "start", "end",
    "score", "dense", "lexical", "cover", "superseded_by",
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
        {
            "document_id": "d1", "title": DOCUMENT.title, "source": DOCUMENT.source, "language": "zh",
            "edition": "", "modified": 1.0, "superseded_by": None,
        }
    ]  # fmt: skip
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


def test_versions_and_disagreements_are_sent() -> None:
    older = DocumentRef("d0", "alt/HS-900.docx", "HS-900维护手册", "zh", 0.5, "2023-05-01 v0003")
    newer = DocumentRef("d2", "neu/HS-900.docx", "HS-900维护手册", "zh", 2.0, "2026")
    cited = dataclasses.replace(CITATION, edition="2024 v0004", superseded_by=newer, supersedes=(older,))
    told = Disagreement(1, older, "关闭阀门。", 3, 8, newer=False)
    answer = dataclasses.replace(
        answer_to("?"), citations=(cited,), disagreements=(told,), nearest=(newer, older)
    )
    sent = json.loads(schema.answer_out(answer).model_dump_json())
    (citation,), (disagreement,) = sent["citations"], sent["disagreements"]
    assert list(citation["superseded_by"]) == VERSION
    assert citation["edition"] == "2024, v4"
    assert citation["superseded_by"]["document_id"] == "d2"
    assert [version["edition"] for version in citation["supersedes"]] == ["2023-05-01, v3"]
    assert disagreement == {
        "n": 1, "document": citation["supersedes"][0], "quote": "关闭阀门。",
        "start": 3, "end": 8, "newer": False,
    }  # fmt: skip
    marked = dataclasses.replace(older, superseded_by=newer)
    chunk = Chunk("d0", 0, QUOTE, 0, 16, ((0, 16),))
    (hit,) = schema.search_out("?", "zh", [Hit(chunk, marked, 1.0)]).hits
    assert hit.superseded_by == schema.VersionOut.model_validate(citation["superseded_by"])
    (quote,) = schema.evidence_out([Evidence(1, marked, QUOTE, 0, 16, 0.5)]).evidence
    assert quote.superseded_by == hit.superseded_by


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
