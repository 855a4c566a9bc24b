"""A real, tiny sequence classifier with random weights, read by the real library."""

import json

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DebertaV2TokenizerFast,
)

from rag.errors import HashMismatchError, ModelError, ModelMissingError
from rag.models.entailment import Entailment
from rag.models.fetch import import_path

PAIRS = [("the pump needs oil", "the pump needs oil"), ("the valve is red", "the pump needs oil")]
LABELS = {0: "contradiction", 1: "neutral", 2: "ENTAILMENT"}


WORDS = "the pump needs oil valve is red".split()
SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 64, "initializer_range": 1.0,
}  # fmt: skip


def bert(labels):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = BertConfig(vocab_size=len(words), id2label=labels, **SIZES)
    tokenizer = BertTokenizerFast(vocab={word: i for i, word in enumerate(words)})
    return BertForSequenceClassification(config), tokenizer


def deberta(labels):
    """As mDeBERTa: relative positions, no token types, pieces of a unigram model."""
    pieces = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", *(f"▁{word}" for word in WORDS)]
    tokenizer = DebertaV2TokenizerFast(vocab=[(piece, -float(i)) for i, piece in enumerate(pieces)])
    config = DebertaV2Config(
        vocab_size=len(tokenizer), id2label=labels, type_vocab_size=0, relative_attention=True,
        position_buckets=8, pos_att_type=["p2c", "c2p"], **SIZES,
    )  # fmt: skip
    return DebertaV2ForSequenceClassification(config), tokenizer


def made(folder, labels, kind=bert):
    torch.manual_seed(3)
    for part in kind(labels):
        part.save_pretrained(folder)
    return folder


@pytest.fixture
def models(tmp_path):
    import_path("tiny-nli", made(tmp_path / "published", LABELS), tmp_path / "models")
    return tmp_path / "models"


@pytest.mark.parametrize("kind", [bert, deberta])
@pytest.mark.parametrize(
    ("labels", "columns"),
    [(LABELS, [2, 0]), ({0: "Entailment", 1: "contradiction"}, [0, 1])],
)
def test_probabilities_are_those_of_the_model_by_its_own_labels(tmp_path, kind, labels, columns):
    import_path("nli", made(tmp_path / "published", labels, kind), tmp_path)
    got = Entailment.load("nli", tmp_path, "cpu").probabilities(PAIRS)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "nli").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "nli")
    encoded = tokenizer(*map(list, zip(*PAIRS, strict=True)), return_tensors="pt", padding=True)
    with torch.inference_mode():
        shares = model(**encoded).logits.softmax(-1).numpy()
    np.testing.assert_allclose(got, shares[:, columns], rtol=1e-4)
    assert got.dtype == np.float32
    assert not np.allclose(got[0], got[1])


def test_a_model_with_other_labels_is_refused(tmp_path):
    import_path("odd", made(tmp_path / "published", {0: "good", 1: "bad"}), tmp_path / "models")
    with pytest.raises(ModelError, match="good, bad"):
        Entailment.load("odd", tmp_path / "models", "cpu")


def test_what_is_not_there(models):
    with pytest.raises(ModelMissingError) as caught:
        Entailment.load("other", models, "cpu")
    assert "citewell model import FOLDER --name other" in caught.value.remedy


def test_what_is_not_a_model(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "nothing"}), "utf-8")
    import_path("odd", folder, tmp_path / "models")
    with pytest.raises(ModelError, match="cannot be read"):
        Entailment.load("odd", tmp_path / "models", "cpu")


@pytest.mark.parametrize("change", ["other", "missing", "added"])
def test_a_file_that_is_not_the_one_that_was_imported(models, change):
    weights = models / "tiny-nli" / "model.safetensors"
    if change == "other":
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    elif change == "missing":
        weights.unlink()
    else:
        weights = weights.with_name("pytorch_model.bin")
        weights.write_bytes(b"x")
    with pytest.raises(HashMismatchError, match=weights.name) as caught:
        Entailment.load("tiny-nli", models, "cpu")
    assert "citewell model import FOLDER --name tiny-nli" in caught.value.remedy
