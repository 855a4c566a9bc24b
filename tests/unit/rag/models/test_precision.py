import hashlib
import json
import time

import pytest

from rag.models import precision
from rag.models.embedder import Embedder
from rag.models.folder import PRECISION, ModelRecord, verify_files
from rag.models.precision import best_precision, usual_precision
from rag.settings import EmbedderSettings
from tests.fakes.embedder_folder import make_embedder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model on a CPU that multiplies in bfloat16."""
    make_embedder(tmp_path / "tiny")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(precision, "_cpu", lambda: ("Some CPU", frozenset({"avx2", "avx512_bf16"})))
    return tmp_path / "tiny"


def slowed(monkeypatch, slow: str) -> list[str]:
    """Make one format slow, whatever this machine is; the formats that were opened."""
    opened = []
    real = precision.open_encoder

    def open_encoder(folder, device, name):
        opened.append(name)
        encoder = real(folder, device, name)

        class Slowed:
            tokenizer, max_tokens = encoder.tokenizer, encoder.max_tokens

            def __call__(self, ids, lengths):
                assert ids.shape == (precision.TEXTS, encoder.max_tokens)
                if name == slow:
                    time.sleep(0.05)
                return encoder(ids, lengths)

        return Slowed()

    monkeypatch.setattr(precision, "open_encoder", open_encoder)
    return opened


def test_the_usual_precision(folder, monkeypatch):
    assert usual_precision("cuda:1") == "float16"
    assert usual_precision("cpu") == "bfloat16"
    monkeypatch.setattr(precision, "_cpu", lambda: ("Old CPU", frozenset({"avx2"})))
    assert usual_precision("cpu") == "float32"


@pytest.mark.parametrize(("slow", "best"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_the_faster_one_is_taken_and_kept(folder, monkeypatch, slow, best):
    opened = slowed(monkeypatch, slow)
    assert best_precision(folder, "cpu") == best
    assert opened == ["bfloat16", "float32"]
    assert best_precision(folder, "cpu") == best
    assert len(opened) == 2, "measured once"
    (kept,) = json.loads((folder / PRECISION).read_text()).values()
    assert kept[slow] > kept[best] + 0.04


def test_each_kind_of_machine_has_its_own(folder, monkeypatch):
    opened = slowed(monkeypatch, "float32")
    best_precision(folder, "cpu")
    monkeypatch.setattr(precision, "_cpu", lambda: ("Some CPU", frozenset({"amx_bf16"})))
    best_precision(folder, "cpu")
    assert len(opened) == 4
    assert len(json.loads((folder / PRECISION).read_text())) == 2


def test_only_what_is_in_doubt_is_measured(folder, monkeypatch):
    opened = slowed(monkeypatch, "float32")
    assert best_precision(folder, "cuda") == "float16"
    monkeypatch.setattr(precision, "_cpu", lambda: ("Old CPU", frozenset({"avx2"})))
    assert best_precision(folder, "cpu") == "float32"
    assert opened == []


@pytest.mark.parametrize("damage", ["{", "[]", '{"Some CPU": 3}'])
def test_a_damaged_note_is_measured_again(folder, monkeypatch, damage):
    (folder / PRECISION).write_text(damage)
    opened = slowed(monkeypatch, "float32")
    assert best_precision(folder, "cpu") == "bfloat16"
    assert len(opened) == 2


def test_a_folder_that_cannot_be_written_is_measured_each_time(folder, monkeypatch):
    opened = slowed(monkeypatch, "float32")
    (folder / PRECISION).mkdir()
    assert [best_precision(folder, "cpu") for _ in range(2)] == ["bfloat16"] * 2
    assert len(opened) == 4


def test_what_is_kept_is_no_change_of_the_model(folder, monkeypatch):
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "citewell.json"
    }
    slowed(monkeypatch, "float32")
    Embedder.load(EmbedderSettings(model="tiny", device="cpu"), folder.parent)
    assert (folder / PRECISION).exists()
    verify_files(folder, ModelRecord("tiny", "r", "0" * 64, "MIT", "as-is", files))
