"""What is sent and taken about evaluation runs."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rag.eval.compare import Difference
from server.evaluations import Evaluation, SetForm

__all__ = ["DifferenceOut", "EvaluationIn", "EvaluationOut", "FigureOut", "evaluation_out"]


class EvaluationIn(BaseModel):
    """A question set to be asked; without ``questions``, the answers that readers corrected."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Warranty questions",
                    "form": "jsonl",
                    "questions": '{"question": "How long is the warranty?", "answers": ["24 months"]}',
                }
            ]
        }
    )

    name: str = Field(min_length=1, max_length=200)
    questions: str = Field(
        "", max_length=1_500_000, description="The set's text (see `citewell eval run --help`)."
    )
    form: SetForm = "jsonl"


class FigureOut(BaseModel):
    """A measure with its 95% interval, overall or in one language."""

    section: str
    name: str
    language: str
    n: int
    value: float
    low: float
    high: float
    better: str
    meaning: str


class EvaluationOut(BaseModel):
    """A run: how far it is, and its figures where it is done."""

    id: str
    name: str
    by: str = Field(description="Who started it.")
    created: datetime
    state: Literal["running", "done", "failed", "cancelled", "interrupted"]
    done: int = Field(description="Questions that were asked.")
    total: int
    error: str
    remedy: str
    about: dict[str, Any] = Field({}, description="Models, settings and collection.")
    figures: list[FigureOut] = []


class DifferenceOut(BaseModel):
    """One measure of two runs: b - a, its paired 95% interval, and what that says of b."""

    section: str
    name: str
    language: str
    n: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    better: str
    verdict: Literal["better", "worse", "undecided"]

    @classmethod
    def of(cls, difference: Difference) -> DifferenceOut:
        """As it is sent."""
        return cls(**dataclasses.asdict(difference))


def evaluation_out(evaluation: Evaluation, report: dict[str, Any] | None = None) -> EvaluationOut:
    """As it is sent; figures and conditions from its report."""
    told = dataclasses.asdict(evaluation) | {"created": datetime.fromtimestamp(evaluation.created, UTC)}
    if report is not None:
        told |= {"about": report["about"], "figures": report["figures"]}
    return EvaluationOut(**told)
