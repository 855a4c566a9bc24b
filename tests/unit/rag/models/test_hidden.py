"""Hidden states, against plain forward passes of a tiny random model."""

import hashlib
from importlib import resources

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from rag.errors import ModelError, ModelMissingError
from rag.models import hidden as module
from rag.models.folder import ModelRecord, write_record
from rag.models.hidden import HiddenStates, middle_layers, template_sha256
from rag.models.hidden_cache import CachedStates
from tests.fakes.generator_folder import make_generator

LONG = "the valve must be closed " * 8
PAIRS = [
    ("the pump runs", "the pump"),
    (LONG, "a"),
    ("the pump runs", "a valve must not be closed"),
    ("", "出差住宿费"),
    ("the pump runs", ""),
    ("a valve", "the pump runs"),
]


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_generator(folder / "tiny")
    return folder


@pytest.fixture
def hidden(models_dir, monkeypatch):
    monkeypatch.setattr(module, "usual_precision", lambda device: "float32")
    return HiddenStates.load("tiny", models_dir, layers=(3, 2), device="cpu")


def plain(models_dir, pair, layers):
    """One pair, one pass over the whole text, without any of the module's shortcuts."""
    model = AutoModelForCausalLM.from_pretrained(models_dir / "tiny", dtype=torch.float32).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(models_dir / "tiny")
    template = resources.files("rag.prompts").joinpath("probe.txt").read_text("utf-8").strip()
    text = template.replace("<evidence>", pair[0]).replace("<sentence>", pair[1])
    ids = tokenizer(text, return_tensors="pt").input_ids
    own = max(1, len(tokenizer(pair[1]).input_ids))
    with torch.inference_mode():
        states = model(ids, output_hidden_states=True).hidden_states
    return np.array([[states[k][0, -1].numpy(), states[k][0, -own:].mean(dim=0).numpy()] for k in layers])


def test_states_are_those_of_a_plain_forward_pass(hidden, models_dir):
    got = hidden.states(PAIRS)
    assert got.shape == (len(PAIRS), 2, 2, 16)
    assert got.dtype == np.float32
    for pair, states in zip(PAIRS, got, strict=True):
        np.testing.assert_allclose(states, plain(models_dir, pair, (2, 3)), atol=2e-5)


def test_small_batches_change_nothing(hidden, monkeypatch):
    whole = hidden.states(PAIRS)
    monkeypatch.setattr(module, "BATCH_TOKENS", 1)
    np.testing.assert_allclose(hidden.states(PAIRS), whole, atol=2e-5)


def test_a_shared_prefix_is_read_once(hidden, monkeypatch):
    lengths = []
    hidden._model.register_forward_pre_hook(
        lambda module, args, kwargs: lengths.append(args[0].shape), with_kwargs=True
    )
    hidden.states([PAIRS[0], PAIRS[2]])
    (once, prefix), (rows, rest) = lengths
    assert (once, rows) == (1, 2)
    assert prefix > rest == len(PAIRS[2][1]) + 1


def test_long_evidence_is_cut_at_its_end(hidden, monkeypatch):
    monkeypatch.setattr(module, "EVIDENCE_TOKENS", 8)
    cut, short = hidden.states([("the pump runs", "a"), ("the pump", "a")])
    np.testing.assert_allclose(cut, short, atol=2e-5)


def test_layers_above_the_highest_are_not_computed(hidden):
    assert hidden.layers == (2, 3)
    assert len(hidden._model.layers) == 3


def test_the_middle_layers():
    assert middle_layers(24) == (9, 12, 15, 18)
    assert middle_layers(2) == (1, 2)


def test_the_key(hidden):
    text = resources.files("rag.prompts").joinpath("probe.txt").read_text("utf-8").strip()
    assert hidden.template_sha256 == template_sha256() == hashlib.sha256(text.encode()).hexdigest()
    assert (hidden.model, hidden.model_sha256) == ("tiny", "abc")


def test_a_missing_model(models_dir):
    with pytest.raises(ModelMissingError, match="not on this machine") as caught:
        HiddenStates.load("other", models_dir)
    assert caught.value.remedy == "Run `citewell model pull other`."


def test_a_damaged_model(tmp_path):
    (tmp_path / "tiny").mkdir()
    write_record(tmp_path / "tiny", ModelRecord("tiny", "1", "abc", "none", "test"))
    with pytest.raises(ModelMissingError, match="how many layers"):
        HiddenStates.load("tiny", tmp_path)
    (tmp_path / "tiny" / "config.json").write_text('{"num_hidden_layers": 4}')
    with pytest.raises(ModelMissingError, match="cannot be read"):
        HiddenStates.load("tiny", tmp_path)


@pytest.mark.parametrize("layers", [(0,), (2, 5)])
def test_layers_that_are_not_there(models_dir, layers):
    with pytest.raises(ModelError, match="layers 1 to 4"):
        HiddenStates.load("tiny", models_dir, layers)


class Counted:
    """Counts what is asked of the states behind it."""

    def __init__(self, hidden):
        self.hidden, self.asked = hidden, []
        self.model, self.model_sha256 = hidden.model, hidden.model_sha256
        self.template_sha256, self.layers = hidden.template_sha256, hidden.layers

    def states(self, pairs):
        self.asked += pairs
        return self.hidden.states(pairs)


def test_states_are_computed_once(hidden, tmp_path):
    counted, told = Counted(hidden), []
    first = CachedStates(counted, tmp_path).states(PAIRS, lambda *told_: told.append(told_))
    assert sorted(counted.asked) == sorted(PAIRS)
    assert told == [("reading", 0, len(PAIRS))]
    np.testing.assert_allclose(first, hidden.states(PAIRS), atol=2e-5)
    again = CachedStates(counted, tmp_path).states([*PAIRS[::-1], ("new", "pair")])
    assert counted.asked[len(PAIRS) :] == [("new", "pair")]
    np.testing.assert_array_equal(again[:-1], first[::-1])


def test_a_damaged_shard_is_computed_again(hidden, tmp_path):
    counted = Counted(hidden)
    first = CachedStates(counted, tmp_path).states(PAIRS[:2])
    (shard,) = tmp_path.glob("*.npz")
    shard.write_bytes(shard.read_bytes()[:100])
    np.testing.assert_array_equal(CachedStates(counted, tmp_path).states(PAIRS[:2]), first)
    assert len(counted.asked) == 4


def test_states_of_another_model_are_not_taken(hidden, tmp_path):
    counted = Counted(hidden)
    CachedStates(counted, tmp_path).states(PAIRS[:2])
    counted.model_sha256 = "def"
    CachedStates(counted, tmp_path).states(PAIRS[:2])
    assert len(counted.asked) == 4
