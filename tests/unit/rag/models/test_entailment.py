"""A real, tiny sequence classifier with random weights, read by the real library."""

import json

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from rag.errors import ModelError, ModelMissingError
from rag.models.entailment import Entailment
from rag.models.fetch import import_path

PAIRS = [("the pump needs oil", "the pump needs oil"), ("the valve is red", "the pump needs oil")]
LABELS = {0: "contradiction", 1: "neutral", 2: "ENTAILMENT"}


def made(folder, labels):
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"the pump needs oil valve is red".split()]
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, initializer_range=1.0, num_labels=len(labels),
        id2label=labels, label2id={label: i for i, label in labels.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return folder


@pytest.fixture
def models(tmp_path):
    import_path("tiny-nli", made(tmp_path / "published", LABELS), tmp_path / "models")
    return tmp_path / "models"


def test_probabilities_are_those_of_the_model_by_its_own_labels(models):
    got = Entailment.load("tiny-nli", models, "cpu").probabilities(PAIRS)
    model = BertForSequenceClassification.from_pretrained(models / "tiny-nli").eval()
    tokenizer = BertTokenizerFast.from_pretrained(models / "tiny-nli")
    encoded = tokenizer(*map(list, zip(*PAIRS, strict=True)), return_tensors="pt", padding=True)
    with torch.inference_mode():
        shares = model(**encoded).logits.softmax(-1).numpy()
    np.testing.assert_allclose(got, shares[:, [2, 0]], rtol=1e-5)
    assert got.dtype == np.float32
    assert not np.allclose(got[0], got[1])


def test_a_model_with_other_labels_is_refused(tmp_path):
    import_path("odd", made(tmp_path / "published", {0: "good", 1: "bad"}), tmp_path / "models")
    with pytest.raises(ModelError, match="good, bad"):
        Entailment.load("odd", tmp_path / "models", "cpu")


def test_what_is_not_there_or_not_a_model(tmp_path, models):
    with pytest.raises(ModelMissingError):
        Entailment.load("other", models, "cpu")
    (models / "tiny-nli" / "config.json").write_text(json.dumps({"model_type": "nothing"}), "utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        Entailment.load("tiny-nli", models, "cpu")
