import numpy as np
import pytest

from rag.check.alignment import Aligner
from rag.check.facts import Facts
from rag.text import terms

EVIDENCE = ["Close the inlet valve at once.", "The warranty is 24 months.", ""]


@pytest.fixture
def aligner(embedder):
    return Aligner(embedder, EVIDENCE)


def facts(sentence, cited):
    texts = [EVIDENCE[i] for i in cited]
    return Facts(sentence, texts, texts, "en")


def naive(embedder, sentence, texts):
    """Best cosine of each token of the sentence, one pair at a time."""
    (own,) = embedder.token_vectors([sentence], "passage")
    known = [row for text in texts for row in embedder.token_vectors([text], "passage")[0].vectors]
    return sorted(max(float(a @ b) for b in known) for a in own.vectors)


@pytest.mark.parametrize("cited", [[0], [1], [0, 1], [2, 0]])
def test_signals_equal_pairwise_comparison(aligner, embedder, cited):
    sentence = "You must close the valve within 24 hours."
    got = aligner.signals(facts(sentence, cited), cited)
    best = naive(embedder, sentence, [EVIDENCE[i] for i in cited])
    assert got["tokens"] == pytest.approx(np.mean(best), abs=1e-5)
    assert got["weakest"] == pytest.approx(np.mean(best[: max(1, len(best) // 5)]), abs=1e-5)
    words = set(terms(sentence))
    there = {word for i in cited for word in terms(EVIDENCE[i])}
    assert got["cover"] == pytest.approx(len(words & there) / len(words))


def test_a_quote_covers_itself(aligner):
    got = aligner.signals(facts(EVIDENCE[0], [0]), [0])
    for name in ("cover", "tokens", "weakest", "pairs", "wording"):
        assert got.pop(name) == pytest.approx(1.0, abs=1e-5)
    assert set(got.values()) == {0.0}


def test_nothing_covers_nothing(aligner):
    for sentence, cited in (("A sentence.", []), ("A sentence.", [2]), ("", [0])):
        assert set(aligner.signals(facts(sentence, cited), cited).values()) == {0.0}


@pytest.mark.parametrize(
    ("sentence", "name", "value"),
    [
        ("The warranty is 24 months, or 36 weeks and 2 days.", "numbers", 2 / 3),
        ("The warranty of Miller is 24 months.", "names", 1.0),
        ("Close the inlet valve at no time.", "denies", 1.0),
        ("Close the inlet valve at no time.", "parity", 1.0),
        ("Close the inlet valve at once.", "parity", 0.0),
        ("I think the warranty is 24 months.", "personal", 1.0),
        ("Is the warranty 24 months?", "asks", 1.0),
        ("保修期是24个月吗？", "asks", 1.0),
        # of "warranty", "the", "is", "24", "months" in a row, one neighbour is another
        ("Warranty the is 24 months", "pairs", 3 / 4),
    ],
)
def test_what_speaks_against_a_sentence(aligner, sentence, name, value):
    assert aligner.signals(facts(sentence, [0, 1]), [0, 1])[name] == pytest.approx(value)


def test_the_best_evidence_is_found(aligner):
    scores = aligner.best("Close the valve.")
    assert scores[0] == max(scores)
    assert aligner.best(EVIDENCE[1])[1] == pytest.approx(2.0, abs=1e-5)
    assert scores[2] == 0.0


def test_evidence_is_embedded_once(embedder, monkeypatch):
    calls = []
    original = embedder.token_vectors
    monkeypatch.setattr(
        embedder, "token_vectors", lambda texts, kind: calls.append(list(texts)) or original(texts, kind)
    )
    aligner = Aligner(embedder, EVIDENCE)
    for sentence in ("one", "two", "three"):
        aligner.signals(facts(sentence, [0, 1]), [0, 1])
    assert calls.count(EVIDENCE) == 1


def test_a_sentence_is_embedded_once_to_find_its_evidence_and_to_be_compared(embedder, monkeypatch):
    calls = []
    original = embedder.token_vectors
    monkeypatch.setattr(
        embedder, "token_vectors", lambda texts, kind: calls.append(list(texts)) or original(texts, kind)
    )
    aligner = Aligner(embedder, EVIDENCE)
    for sentence in ("Close the valve.", "The warranty is 12 months."):
        aligner.best(sentence)
        aligner.signals(facts(sentence, [1]), [1])
    assert calls == [["Close the valve."], EVIDENCE, ["The warranty is 12 months."]]
