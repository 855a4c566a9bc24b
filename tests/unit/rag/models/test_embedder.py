"""The embedder's values, against a naive implementation on a tiny random model."""

import json
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel, PreTrainedTokenizerFast

from rag.errors import ModelMissingError, SettingsError
from rag.models.convert_e5 import verify_e5
from rag.models.embedder import Embedder
from rag.models.folder import read_record
from rag.models.precision import INT8_FLAGS, _cpu
from rag.settings import EmbedderSettings, load_settings
from tests.fakes.embedder_folder import LENGTH, make_embedder

NAME = "tiny"
TEXTS = [
    "the pump runs",
    "a",
    "出差住宿费 由公司报销。一线城市",
    "the quick brown fox jumps over the lazy dog again",
    "",
    "the pump the pump the pump",
]


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_embedder(folder / NAME)
    return folder


def load(models_dir, **options) -> Embedder:
    settings = EmbedderSettings(model=NAME, **{"device": "cpu", "precision": "float32", **options})
    return Embedder.load(settings, models_dir)


@pytest.fixture(scope="module")
def embedder(models_dir):
    return load(models_dir)


def unit(vector):
    return vector / np.linalg.norm(vector)


def naive(models_dir, text: str, prompt: str):
    """(token states of the text alone [t, d], their spans, pooled vector [d]) without batching or padding."""
    folder = models_dir / NAME
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    bert = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    batch = tokenizer(
        prompt + text, return_tensors="pt", return_offsets_mapping=True, truncation=True, max_length=LENGTH
    )
    offsets = batch.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        states = bert(**batch).last_hidden_state[0].numpy()
    starts = [start for start, _ in offsets]
    rows = [
        row
        for row in range(1, len(offsets) - 1)
        if offsets[row][1] > len(prompt) and not (row < len(offsets) - 2 and starts[row + 1] == starts[row])
    ]
    spans = [(max(0, offsets[row][0] - len(prompt)), offsets[row][1] - len(prompt)) for row in rows]
    return states[rows], spans, unit(states.mean(0))


def test_what_it_says_of_itself(embedder):
    assert embedder.dimension == 16
    assert embedder.max_tokens == LENGTH
    assert embedder.fingerprint == "tiny@r1"


@pytest.mark.parametrize("kind", ["query", "passage"])
def test_values_equal_one_by_one(models_dir, embedder, kind):
    got = (embedder.embed_queries if kind == "query" else embedder.embed_passages)(TEXTS)
    want = np.stack([naive(models_dir, text, f"{kind}: ")[2] for text in TEXTS])
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert np.abs(want[0] - want[3]).max() > 0.01


def test_the_size_of_a_batch_changes_nothing(models_dir, embedder):
    texts = TEXTS * 20
    small = load(models_dir, batch_tokens=256)
    sizes = [len(batch) for batch in small._batches(small._encode(texts, "passage"))]
    assert len(sizes) > 3
    assert sum(sizes) == len(texts)
    np.testing.assert_allclose(small.embed_passages(texts), embedder.embed_passages(texts), atol=1e-5)


def test_batches_keep_the_budget_and_hold_like_lengths(models_dir):
    small = load(models_dir, batch_tokens=256)
    encoded = small._encode(TEXTS * 20, "passage")
    for batch in small._batches(encoded):
        lengths = [len(encoded[i].ids) for i in batch]
        assert lengths == sorted(lengths, reverse=True)
        assert len(lengths) * lengths[0] <= 256


def test_several_devices_share_the_batches(models_dir, embedder, monkeypatch):
    several = load(models_dir, batch_tokens=256, device="cpu, cpu")
    both = threading.Barrier(2, timeout=30)
    used = set()

    class Counted:
        def __init__(self, encoder):
            self.encoder = encoder

        def __call__(self, ids, lengths, passages):
            if id(self) not in used:
                both.wait()  # passes only when the other device has a batch, too
            used.add(id(self))
            return self.encoder(ids, lengths, passages)

    for _ in range(2):
        several._idle.put(Counted(several._idle.get()))
    texts = [f"the pump {n}" for n in range(200)]
    np.testing.assert_allclose(several.embed_passages(texts), embedder.embed_passages(texts), atol=1e-6)
    assert len(used) == 2
    np.testing.assert_array_equal(several.embed_passages([]), embedder.embed_passages([]))


def test_a_short_text_needs_no_torch(models_dir, embedder):
    """In a process of its own: here torch is imported."""
    program = f"""
import json, sys
from pathlib import Path
from types import SimpleNamespace
from rag.models.embedder import Embedder
from rag.settings import EmbedderSettings
settings = EmbedderSettings(model={NAME!r}, precision="float32", device="cpu")
embedder = Embedder.load(settings, Path({str(models_dir)!r}))
brief = embedder.token_vectors(["the pump 出差"], "query")[0]
before = "torch" in sys.modules
rows = embedder.embed_passages(["the pump", "a"])
after = "torch" in sys.modules
print(json.dumps([before, after, brief.whole.tolist(), brief.vectors.tolist(), rows.tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    before, after, whole, vectors, rows = json.loads(done.stdout)
    assert (before, after) == (False, True)
    want = embedder.token_vectors(["the pump 出差"], "query")[0]
    np.testing.assert_allclose(whole, want.whole, atol=2e-6)
    np.testing.assert_allclose(vectors, want.vectors, atol=2e-6)
    np.testing.assert_allclose(rows, embedder.embed_passages(["the pump", "a"]), atol=1e-6)


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_of_any_kind(models_dir, tmp_path, kind, monkeypatch):
    shutil.copytree(models_dir / NAME, tmp_path / NAME)
    file = tmp_path / NAME / "model.safetensors"
    save_file({name: tensor.to(kind) for name, tensor in load_file(file).items()}, file)
    usual = load(tmp_path).embed_queries(["the pump"])
    without = {name: module for name, module in sys.modules.items() if name != "torch"}
    monkeypatch.setattr("rag.models.encoder.sys", SimpleNamespace(modules=without))
    np.testing.assert_allclose(load(tmp_path).embed_queries(["the pump"]), usual, atol=2e-6)


def test_a_device_that_is_not_there_is_named(models_dir):
    with pytest.raises(SettingsError, match="cannot compute on abacus in float32"):
        load(models_dir, device="abacus")


def test_int8_is_for_passages(models_dir, embedder, monkeypatch):
    monkeypatch.setattr("rag.models.precision._cpu", lambda: ("Some CPU", frozenset({"avx512_vnni"})))
    coarse = load(models_dir, precision="int8")
    passages, exact = coarse.embed_passages(TEXTS), embedder.embed_passages(TEXTS)
    assert np.abs(passages - exact).max() > 1e-4, "rounded"
    np.testing.assert_allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-6)
    assert (passages * exact).sum(1).min() > 0.999
    np.testing.assert_array_equal(coarse.embed_queries(TEXTS), embedder.embed_queries(TEXTS))
    for got, want in zip(
        coarse.token_vectors(TEXTS, "passage"), embedder.token_vectors(TEXTS, "passage"), strict=True
    ):
        np.testing.assert_array_equal(got.vectors, want.vectors)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_int8_where_it_is_not_is_refused(models_dir, tmp_path, device, monkeypatch):
    monkeypatch.setattr("rag.models.precision._cpu", lambda: ("Some CPU", frozenset({"avx512_vnni"})))
    shutil.copytree(models_dir / NAME, tmp_path / NAME)
    if device == "cpu":
        (tmp_path / NAME / "1_Pooling/config.json").write_text('{"pooling_mode": "cls"}')
    with pytest.raises(SettingsError, match=r"in int8: int8 is for BERT with mean pooling, on a CPU\."):
        load(tmp_path, precision="int8", device=device)


def test_token_vectors(models_dir, embedder):
    for kind in ("query", "passage"):
        for text, got in zip(TEXTS, embedder.token_vectors(TEXTS, kind), strict=True):
            states, spans, _ = naive(models_dir, text, f"{kind}: ")
            assert list(got.spans) == spans
            assert got.vectors.shape == (len(spans), 16)
            for row, state in zip(got.vectors, states, strict=True):
                np.testing.assert_allclose(row, unit(state), atol=1e-5)


def test_token_spans_cover_the_words(embedder):
    text = "the pump 出差"
    spans = embedder.token_vectors([text], "passage")[0].spans
    assert "".join(text[start:end] for start, end in spans) == "thepump出差"
    assert embedder.count_tokens([text, ""]) == [len(embedder.token_spans(text)), 0]


def test_a_long_text_is_cut(models_dir, embedder):
    text = "the pump " * 40
    got = embedder.embed_passages([text])[0]
    np.testing.assert_allclose(got, naive(models_dir, text, "passage: ")[2], atol=1e-5)
    assert embedder.count_tokens([text]) == [80]


def test_nothing_in_nothing_out(embedder):
    assert embedder.embed_queries([]).shape == (0, 16)
    assert embedder.token_vectors([], "query") == []
    assert embedder.embed_passages([]).shape == (0, 16)


def test_threads_share_it(embedder):
    want = embedder.embed_passages(TEXTS)
    got = {}

    def work(n):
        got[n] = embedder.embed_passages(TEXTS)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for vectors in got.values():
        np.testing.assert_allclose(vectors, want, atol=1e-6)
    assert len(got) == 6


def test_a_missing_model_names_the_command(tmp_path):
    with pytest.raises(ModelMissingError) as raised:
        Embedder.load(EmbedderSettings(model="multilingual-e5-small"), tmp_path)
    assert "citewell model pull multilingual-e5-small" in raised.value.remedy


def test_a_folder_without_its_record_is_not_used(models_dir, tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "config.json").write_text("{}")
    with pytest.raises(ModelMissingError):
        Embedder.load(EmbedderSettings(model=NAME), tmp_path)


@pytest.mark.models
@pytest.mark.parametrize("precision", ["float32", "int8", "auto"])
def test_known_values_of_the_default_embedder(precision):
    settings = load_settings()
    if read_record(settings.models_dir / "multilingual-e5-small") is None:
        pytest.skip(
            "multilingual-e5-small is not on this machine: `citewell model pull multilingual-e5-small`"
        )
    assert verify_e5(settings.models_dir / "multilingual-e5-small") > 0.9995
    if precision == "int8" and not _cpu()[1] & INT8_FLAGS:
        pytest.skip("this processor has no VNNI")
    loaded = Embedder.load(
        EmbedderSettings(model="multilingual-e5-small", precision=precision), settings.models_dir
    )
    query = loaded.embed_queries(["出差住宿费的报销上限是多少？"])[0]
    passages = loaded.embed_passages(
        ["Hotel costs are reimbursed up to 600 yuan a night.", "The pump has a warranty of 24 months."]
    )
    near, far = passages @ query
    assert near > far + 0.04
