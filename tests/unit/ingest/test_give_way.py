"""Ingestion steps back while questions are answered, and no longer than it should."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ingest.give_way import Considerate, answering, give_way
from tests.fakes.embedder import HashingEmbedder

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys, pathlib
from ingest.give_way import answering
with answering(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_nobody_waits_for_nobody(tmp_path):
    assert give_way(tmp_path, 5) == 0
    with answering(tmp_path):
        pass
    assert give_way(tmp_path, 5) < 1


def test_waits_at_most_so_long(tmp_path):
    with answering(tmp_path), answering(tmp_path):
        assert 0.1 <= give_way(tmp_path, 0.1) < 1
        assert give_way(tmp_path, 0) == 0


def test_goes_on_when_the_last_answer_is_given(tmp_path):
    first, second = answering(tmp_path), answering(tmp_path)
    first.__enter__()
    second.__enter__()
    waited = []
    thread = threading.Thread(target=lambda: waited.append(give_way(tmp_path, 20)))
    thread.start()
    first.__exit__(None, None, None)
    thread.join(0.2)
    assert thread.is_alive()
    second.__exit__(None, None, None)
    thread.join(10)
    assert waited
    assert 0.1 < waited[0] < 10


def test_a_server_that_dies_holds_nobody_up(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert give_way(tmp_path, 0.05) >= 0.05
        process.kill()
    assert give_way(tmp_path, 20) < 5


def test_answers_do_not_wait(tmp_path):
    with answering(tmp_path):
        give_way(tmp_path, 0.05)
        begun = time.monotonic()
        with answering(tmp_path):
            assert time.monotonic() - begun < 1


@pytest.mark.parametrize("batch_tokens", [1, 20, 100_000])
def test_short_batches_give_the_same_vectors(batch_tokens):
    texts = ["short", "二十五天的年假", "", "a much longer text, " * 9, "middle " * 5, "x"]
    plain, calls = HashingEmbedder(), []
    considerate = Considerate(HashingEmbedder(), batch_tokens, lambda: calls.append(1))
    assert np.array_equal(considerate.embed_passages(texts), plain.embed_passages(texts))
    assert len(calls) == {1: 5, 20: 3, 100_000: 1}[batch_tokens]
    assert considerate.embed_passages([]).shape == (0, plain.dimension)


def test_batches_take_a_fraction_of_a_second(monkeypatch):
    class Slow(HashingEmbedder):
        """Takes a second for 1,000 bytes."""

        now = 0.0

        def embed_passages(self, texts):
            Slow.now += 0.001 * sum(map(len, texts))
            return super().embed_passages(texts)

    class Clock:
        monotonic = staticmethod(lambda: Slow.now)

    monkeypatch.setattr("ingest.give_way.time", Clock)
    monkeypatch.setattr("ingest.give_way.LEAST_TOKENS", 16)
    moments = []
    considerate = Considerate(Slow(), 100_000, lambda: moments.append(Slow.now))
    considerate.embed_passages(["x" * 50] * 2000)
    taken = [after - before for before, after in itertools.pairwise(moments)]
    assert taken[0] > 5, "nothing is known of it yet"
    assert max(taken[10:]) <= 0.6
    assert min(taken[10:-1]) >= 0.1


def test_what_is_raised_between_batches_ends_the_work():
    embedder = HashingEmbedder()

    def between():
        raise KeyError

    with pytest.raises(KeyError):
        Considerate(embedder, 100, between).embed_passages(["one"])
    assert embedder.embedded == []


def test_the_rest_is_the_embedders_own():
    embedder = HashingEmbedder()
    considerate = Considerate(embedder, 100, lambda: None)
    assert (considerate.dimension, considerate.max_tokens, considerate.fingerprint) == (64, 512, "hashing@1")
    assert considerate.count_tokens(["a b", "年假"]) == [2, 2]
    assert considerate.token_spans("a b") == [(0, 1), (2, 3)]
    assert np.array_equal(considerate.embed_queries(["q"]), embedder.embed_queries(["q"]))
    assert len(considerate.token_vectors(["a b"], "query")[0].spans) == 2
