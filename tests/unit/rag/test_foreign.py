import numpy as np

from rag.foreign import SHARE, foreign, ordinary_questions, usual_question
from rag.models.catalogue import catalogue
from rag.text import language
from tests.fakes.embedder import HashingEmbedder

QUESTION = "How many people live in the city?"


class Counting(HashingEmbedder):
    """Tells which questions it was given."""

    def __init__(self, fingerprint):
        super().__init__()
        self.fingerprint = fingerprint
        self.asked = []

    def embed_queries(self, texts):
        self.asked += texts
        return super().embed_queries(texts)


def test_what_is_left_of_a_question_is_less_what_the_questions_of_its_language_have_in_common():
    embedder = Counting("less@1")
    (vector,) = embedder.embed_queries([QUESTION])
    for spoken in ("en", "zh"):
        usual = embedder.embed_queries(ordinary_questions()[spoken]).mean(axis=0)
        np.testing.assert_allclose(foreign(vector, spoken, embedder), vector - SHARE * usual, atol=1e-6)


def test_of_a_language_without_ordinary_questions_nothing_is_known():
    embedder = Counting("no list@1")
    (vector,) = embedder.embed_queries([QUESTION])
    assert usual_question(embedder, "eo") is None
    assert foreign(vector, "eo", embedder) is None
    assert embedder.asked == [QUESTION]


def test_ordinary_questions_are_embedded_once():
    embedder = Counting("asked once@1")
    first = usual_question(embedder, "de")
    assert usual_question(embedder, "de") is first
    assert embedder.asked == ordinary_questions()["de"]


def test_those_of_the_default_embedder_come_with_the_package():
    embedder = Counting("multilingual-e5-small@1571fc982750")
    found = {spoken: usual_question(embedder, spoken) for spoken in ordinary_questions()}
    assert embedder.asked == []
    assert embedder.fingerprint in {f"{m.name}@{m.revision}" for m in catalogue()}
    means = np.stack(list(found.values()))
    assert means.shape == (len(found), 384)
    # ordinary questions are alike, so their mean is not much shorter than they are
    assert np.all(np.linalg.norm(means, axis=1) > 0.8)
    assert np.all(np.linalg.norm(means, axis=1) < 1.0)


def test_every_language_has_the_same_questions_in_its_own_words():
    known = ordinary_questions()
    assert {len(questions) for questions in known.values()} == {20}
    for spoken, questions in known.items():
        assert len(set(questions)) == 20
        assert language(" ".join(questions)) == spoken
