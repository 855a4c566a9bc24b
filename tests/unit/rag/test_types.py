import dataclasses
import inspect

import pytest

import rag.types
from rag.types import AnswerVerdict, Chunk, ClaimVerdict, User

DATA = [kind for _, kind in inspect.getmembers(rag.types, dataclasses.is_dataclass)]


def test_all_is_sorted_and_complete():
    own = {name for name, kind in vars(rag.types).items() if getattr(kind, "__module__", "") == "rag.types"}
    assert rag.types.__all__ == sorted(own | {"ElementKind", "Event", "Span"})


@pytest.mark.parametrize("kind", DATA)
def test_values_that_travel_are_frozen_and_slim(kind):
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert kind.__doc__


def test_verdicts_are_their_names():
    assert f"{AnswerVerdict.OFF_TOPIC}" == "off_topic"
    assert {str(v) for v in ClaimVerdict} == {"supported", "quoted", "unsupported", "not_checked"}


@pytest.mark.parametrize(
    ("title", "heading", "header", "expected"),
    [
        ("Rules", ("Leave", "Days"), "", "Rules > Leave > Days\nText."),
        ("Rules", ("Rules", "Days"), "", "Rules > Days\nText."),
        ("", (), "", "Text."),
        ("Prices", (), "Model | Price", "Prices\nModel | Price\nText."),
    ],
)
def test_a_passage_is_embedded_under_its_headings(title, heading, header, expected):
    chunk = Chunk("d", 0, "Text.", 0, 5, ((0, 5),), heading=heading, header=header)
    assert chunk.embedding_text(title) == expected


def test_the_operator_reads_everything():
    assert User().groups is None
