import hashlib
import json
import time

import pytest

from rag.models import precision
from rag.models.embedder import Embedder
from rag.models.encoder import Precision
from rag.models.folder import PRECISION, ModelRecord, verify_files
from rag.models.precision import best_precision, chosen_precision, usual_precision
from rag.settings import EmbedderSettings
from tests.fakes.embedder_folder import make_embedder

FLOAT32, BFLOAT16 = Precision("float32", "float32"), Precision("bfloat16", "bfloat16")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model on a CPU that multiplies in bfloat16."""
    make_embedder(tmp_path / "tiny")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    able(monkeypatch, "avx2", "avx512_bf16")
    return tmp_path / "tiny"


def able(monkeypatch, *flags: str) -> None:
    monkeypatch.setattr(precision, "_cpu", lambda: ("Some CPU", frozenset(flags)))


def taking(monkeypatch, **seconds: float) -> list[Precision]:
    """Let each format take so long, whatever this machine is; the formats that were opened."""
    opened = []
    real = precision.open_encoder

    def open_encoder(folder, device, formats):
        opened.append(formats)
        encoder = real(folder, device, formats)

        class Slowed:
            tokenizer, max_tokens = encoder.tokenizer, encoder.max_tokens

            def __call__(self, ids, lengths, passages):
                assert ids.shape == (precision.TEXTS, encoder.max_tokens)
                assert passages
                time.sleep(seconds.get(formats.passages, 0.0))
                return encoder(ids, lengths, passages)

        return Slowed()

    monkeypatch.setattr(precision, "open_encoder", open_encoder)
    return opened


def test_the_usual_precision(folder, monkeypatch):
    assert usual_precision("cuda:1") == "float16"
    assert usual_precision("cpu") == "bfloat16"
    able(monkeypatch, "avx2")
    assert usual_precision("cpu") == "float32"


@pytest.mark.parametrize(("slow", "best"), [("float32", BFLOAT16), ("bfloat16", FLOAT32)])
def test_the_faster_one_is_taken_and_kept(folder, monkeypatch, slow, best):
    opened = taking(monkeypatch, **{slow: 0.05})
    assert best_precision(folder, "cpu") == best
    assert opened == [FLOAT32, BFLOAT16]
    assert best_precision(folder, "cpu") == best
    assert len(opened) == 2, "measured once"
    (kept,) = json.loads((folder / PRECISION).read_text()).values()
    assert kept[slow] > kept[best.passages] + 0.04


@pytest.mark.parametrize(
    ("flags", "seconds", "best"),
    [
        (("avx512_vnni",), {"float32": 0.1, "int8": 0.05}, ("float32", "int8")),
        (("avx_vnni",), {"float32": 0.1, "int8": 0.095}, ("float32", "float32")),
        (
            ("avx512_vnni", "avx512_bf16"),
            {"float32": 0.1, "bfloat16": 0.15, "int8": 0.05},
            ("float32", "int8"),
        ),
        (("amx_int8", "amx_bf16"), {"float32": 0.2, "bfloat16": 0.1, "int8": 0.05}, ("bfloat16", "int8")),
        (("amx_int8", "amx_bf16"), {"float32": 0.2, "bfloat16": 0.05, "int8": 0.1}, ("bfloat16", "bfloat16")),
    ],
)
def test_passages_are_rounded_where_it_saves_enough(folder, monkeypatch, flags, seconds, best):
    able(monkeypatch, *flags)
    taking(monkeypatch, **seconds)
    assert best_precision(folder, "cpu") == best


def test_only_a_network_that_can_be_rounded_is(folder, monkeypatch):
    able(monkeypatch, "avx512_vnni")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"gelu"', '"relu"'))
    opened = taking(monkeypatch)
    assert best_precision(folder, "cpu") == FLOAT32
    assert opened == []


def test_each_kind_of_machine_has_its_own(folder, monkeypatch):
    opened = taking(monkeypatch, float32=0.05)
    best_precision(folder, "cpu")
    able(monkeypatch, "amx_bf16")
    best_precision(folder, "cpu")
    assert len(opened) == 4
    assert len(json.loads((folder / PRECISION).read_text())) == 2


def test_only_what_is_in_doubt_is_measured(folder, monkeypatch):
    opened = taking(monkeypatch)
    assert best_precision(folder, "cuda") == ("float16", "float16")
    able(monkeypatch, "avx2")
    assert best_precision(folder, "cpu") == FLOAT32
    assert opened == []


@pytest.mark.parametrize(
    ("setting", "device", "chosen"),
    [
        ("float32", "cpu", FLOAT32),
        ("int8", "cpu", ("bfloat16", "int8")),
        ("float16", "cuda", ("float16", "float16")),
    ],
)
def test_what_is_set_is_not_measured(folder, monkeypatch, setting, device, chosen):
    able(monkeypatch, "avx512_bf16", "avx512_vnni")
    opened = taking(monkeypatch)
    assert chosen_precision(setting, folder, device) == chosen
    assert opened == []


def test_int8_needs_a_processor_that_is_exact(folder):
    with pytest.raises(RuntimeError, match="8-bit integers exactly"):
        chosen_precision("int8", folder, "cpu")


@pytest.mark.parametrize("damage", ["{", "[]", '{"Some CPU": 3}'])
def test_a_damaged_note_is_measured_again(folder, monkeypatch, damage):
    (folder / PRECISION).write_text(damage)
    opened = taking(monkeypatch, float32=0.05)
    assert best_precision(folder, "cpu") == BFLOAT16
    assert len(opened) == 2


def test_a_folder_that_cannot_be_written_is_measured_each_time(folder, monkeypatch):
    opened = taking(monkeypatch, float32=0.05)
    (folder / PRECISION).mkdir()
    assert [best_precision(folder, "cpu") for _ in range(2)] == [BFLOAT16] * 2
    assert len(opened) == 4


def test_what_is_kept_is_no_change_of_the_model(folder, monkeypatch):
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "citewell.json"
    }
    taking(monkeypatch, float32=0.05)
    Embedder.load(EmbedderSettings(model="tiny", device="cpu"), folder.parent)
    assert (folder / PRECISION).exists()
    verify_files(folder, ModelRecord("tiny", "r", "0" * 64, "MIT", "as-is", files))
