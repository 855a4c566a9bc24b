"""What every EmbedderProtocol must do, by values; run over the fake and the real one where it is there."""

from __future__ import annotations

import json
import threading
from importlib.resources import files

import numpy as np
import pytest

from rag.foreign import ordinary_questions, usual_question
from rag.models.embedder import Embedder
from rag.models.folder import read_record
from rag.settings import load_settings
from tests.fakes.embedder import HashingEmbedder

PASSAGES = [
    "Hotel costs are reimbursed up to 140 EUR a night.",
    "The pump has a warranty of 24 months.",
    "员工出差住宿费上限为每晚600元。",
    "水泵保修期为24个月。",
    "Der Hotelpreis in Berlin liegt bei 140 EUR.",
    "a",
    "",
    " \n ",
    "😀 ＨＳ－９００ e-mail",
]
# Two texts of one batch may be computed in another order than alone
TOLERANCE = 2e-3


class EmbedderContract:
    """Subclass it with a fixture ``embedder`` and every promise of the protocol is tested."""

    near_far: tuple[str, str, str]

    def test_it_says_what_it_is(self, embedder):
        assert embedder.dimension > 0
        assert embedder.max_tokens >= 128
        assert embedder.fingerprint

    @pytest.mark.parametrize("kind", ["embed_queries", "embed_passages"])
    def test_vectors_are_unit_float32(self, embedder, kind):
        got = getattr(embedder, kind)(PASSAGES)
        assert got.shape == (len(PASSAGES), embedder.dimension)
        assert got.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1.0, atol=1e-4)

    @pytest.mark.parametrize("kind", ["embed_queries", "embed_passages"])
    def test_a_text_has_one_vector_whatever_stands_beside_it(self, embedder, kind):
        embed = getattr(embedder, kind)
        together = embed([*PASSAGES, *PASSAGES[::-1]])
        alone = np.concatenate([embed([text]) for text in PASSAGES])
        assert (together[: len(PASSAGES)] * alone).sum(axis=1).min() > 1 - TOLERANCE
        assert (together[len(PASSAGES) :][::-1] * alone).sum(axis=1).min() > 1 - TOLERANCE

    def test_nothing_in_nothing_out(self, embedder):
        assert embedder.embed_queries([]).shape == (0, embedder.dimension)
        assert embedder.embed_passages([]).shape == (0, embedder.dimension)
        assert embedder.count_tokens([]) == []
        assert embedder.token_vectors([], "passage") == []
        assert embedder.token_spans("") == []

    def test_like_texts_are_near(self, embedder):
        question, near, far = self.near_far
        query = embedder.embed_queries([question])[0]
        closer, farther = embedder.embed_passages([near, far]) @ query
        assert closer > farther + 0.01

    def test_unlike_texts_differ(self, embedder):
        got = embedder.embed_passages(PASSAGES[:5])
        assert (got @ got.T - np.eye(5)).max() < 0.99

    def test_tokens_are_counted_as_they_are_cut(self, embedder):
        assert embedder.count_tokens(PASSAGES) == [len(embedder.token_spans(text)) for text in PASSAGES]

    @pytest.mark.parametrize("text", PASSAGES)
    def test_tokens_cover_the_text_in_order(self, embedder, text):
        for spans in (embedder.token_spans(text), embedder.token_vectors([text], "passage")[0].spans):
            covered = set()
            previous = (0, 0)
            for start, end in spans:
                assert 0 <= start <= end <= len(text)
                assert (start, end) >= previous
                previous = (start, end)
                covered.update(range(start, end))
            assert {i for i, c in enumerate(text) if not c.isspace()} <= covered

    @pytest.mark.parametrize("kind", ["query", "passage"])
    def test_token_vectors(self, embedder, kind):
        for text, got in zip(PASSAGES, embedder.token_vectors(PASSAGES, kind), strict=True):
            assert got.vectors.shape == (len(got.spans), embedder.dimension)
            assert got.vectors.dtype == np.float32
            if len(got.spans):
                np.testing.assert_allclose(np.linalg.norm(got.vectors, axis=1), 1.0, atol=1e-4)
            (alone,) = embedder.token_vectors([text], kind)
            assert alone.spans == got.spans
            assert not len(got.spans) or (alone.vectors * got.vectors).sum(axis=1).min() > 1 - 10 * TOLERANCE

    def test_a_text_longer_than_the_model_takes_is_cut_not_refused(self, embedder):
        text = "The pump must be serviced every month. " * 400
        assert embedder.count_tokens([text])[0] > embedder.max_tokens
        assert embedder.embed_passages([text]).shape == (1, embedder.dimension)

    def test_threads_share_it(self, embedder):
        want = embedder.embed_passages(PASSAGES)
        lowest = []

        def work():
            lowest.append(float((embedder.embed_passages(PASSAGES) * want).sum(axis=1).min()))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(lowest) == 4
        assert min(lowest) > 1 - TOLERANCE


class TestHashingEmbedder(EmbedderContract):
    near_far = ("What do hotels cost a night?", PASSAGES[0], PASSAGES[1])

    @pytest.fixture(scope="class", params=[0.0, 0.78])
    @classmethod
    def embedder(cls, request):
        return HashingEmbedder(common=request.param)


@pytest.mark.models
class TestEmbedder(EmbedderContract):
    near_far = ("出差住宿费的报销上限是多少？", PASSAGES[0], PASSAGES[1])

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls):
        settings = load_settings()
        name = settings.embedder.model
        if read_record(settings.models_dir / name) is None:
            pytest.skip(f"{name} is not on this machine: `citewell model pull {name}`")
        return Embedder.load(settings.embedder, settings.models_dir)

    def test_the_packaged_ordinary_questions_are_what_it_computes(self, embedder):
        packaged = json.loads((files("rag.calibration") / "questions.json").read_text("utf-8"))
        assert embedder.fingerprint in packaged["embedders"]
        for spoken in ("en", "zh", "ar"):
            computed = embedder.embed_queries(ordinary_questions()[spoken]).mean(axis=0)
            np.testing.assert_allclose(usual_question(embedder, spoken), computed, atol=5e-3)
