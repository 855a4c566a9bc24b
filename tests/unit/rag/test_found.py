import numpy as np
import pytest

from rag.found import Sought, best_hits, found_together
from rag.types import AnswerVerdict, Query
from tests.fakes.library import document_of, evidence_of, hit_of

DOCUMENT = document_of("a.md", ["One is here.", "Two is there."])
QUERY = Query("?", "en", np.zeros(4, np.float32), {})
OFF, MISSING = AnswerVerdict.OFF_TOPIC, AnswerVerdict.INSUFFICIENT_CONTEXT


@pytest.mark.parametrize(
    ("refusals", "expected"),
    [
        ((None,), None),
        ((None, OFF), None),
        ((OFF, OFF), OFF),
        ((OFF, MISSING), MISSING),
        ((MISSING,), MISSING),
    ],
)
def test_a_question_is_refused_when_all_its_parts_are(refusals, expected):
    evidence = [evidence_of(DOCUMENT, "One is here.")]
    found = found_together([Sought("?", QUERY, (), (), refusal) for refusal in refusals], evidence)
    assert found.refusal is expected
    assert found.evidence == (() if expected else tuple(evidence))


def test_scores_are_those_of_the_best_part():
    parts = [
        Sought("a?", QUERY, (), scores={"scope": 0.9, "answerable": 0.2}),
        Sought("b?", QUERY, (), scores={"scope": 0.4}),
    ]
    assert found_together(parts, ()).scores == {"scope": 0.9, "answerable": 0.2}


def test_hits_of_all_parts_each_once_best_first():
    one, two = hit_of(DOCUMENT, 0, chunk_id=1, score=1.0), hit_of(DOCUMENT, 1, chunk_id=2, score=2.0)
    better = hit_of(DOCUMENT, 0, chunk_id=1, score=3.0)
    assert best_hits([Sought("a?", QUERY, [two, one]), Sought("b?", QUERY, [better])]) == [better, two]
