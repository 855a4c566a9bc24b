import json
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from rag.errors import DiskFullError, ModelError, ModelMissingError
from rag.models import int8
from rag.models.folder import RECORD, ModelRecord, read_record, write_record
from rag.models.int8 import can_round, rounded
from tests.fakes.generator_folder import make_generator


def silent(stage, done, total):
    pass


@pytest.fixture
def models(tmp_path):
    make_generator(tmp_path / "models" / "tiny")
    return tmp_path / "models"


def test_the_matrices_of_the_layers_are_rounded_and_nothing_else(models):
    given = load_file(models / "tiny" / "model.safetensors")
    made = load_file(rounded("tiny", models, silent) / "model.safetensors")
    matrices = {name for name, tensor in given.items() if ".layers." in name and tensor.dim() == 2}
    assert len(matrices) == 4 * 7
    assert set(made) == set(given) | {f"{name}_scale" for name in matrices}
    for name, tensor in given.items():
        if name not in matrices:
            assert torch.equal(made[name], tensor)
            continue
        scale = made[f"{name}_scale"]
        assert made[name].dtype == torch.int8
        assert scale.shape == (len(tensor), 1)
        torch.testing.assert_close(scale[:, 0] * 127, tensor.abs().amax(1))
        assert ((made[name] * scale - tensor).abs() <= 0.5001 * scale).all(), "to the nearest step"


def test_a_row_of_zeros_stays_one():
    weight = torch.tensor([[0.0, 0.0], [1.0, -0.5]])
    found = int8._round("w", weight)
    assert found["w"].tolist() == [[0, 0], [127, -64]]
    assert torch.isfinite(found["w_scale"]).all()


def test_what_comes_out_says_nearly_the_same(models):
    folder = rounded("tiny", models, silent)
    before = AutoModelForCausalLM.from_pretrained(models / "tiny")
    made = load_file(folder / "model.safetensors")
    after = AutoModelForCausalLM.from_pretrained(models / "tiny")
    state = {n: t * made[f"{n}_scale"] if f"{n}_scale" in made else t for n, t in made.items()}
    after.load_state_dict({n: t for n, t in state.items() if not n.endswith("_scale")}, strict=False)
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        told, tells = (model(ids).logits.log_softmax(-1) for model in (before, after))
    assert 0 < (told - tells).abs().mean() < 0.05, "nats; the weights are random"
    assert (told.argmax(-1) == tells.argmax(-1)).float().mean() > 0.9


def test_the_folder_is_whole(models):
    folder = rounded("tiny", models, silent)
    config = json.loads((folder / "config.json").read_text())
    given = json.loads((models / "tiny" / "config.json").read_text())
    assert config.pop("quantization_config")["format"] == "int-quantized"
    assert config == given
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == dict.fromkeys(load_file(folder / "model.safetensors"), "model.safetensors")
    assert (folder / "tokenizer.json").read_bytes() == (models / "tiny" / "tokenizer.json").read_bytes()
    assert read_record(folder) == ModelRecord("tiny", "1-int8", "abc", "none", int8.VERSION)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["tiny", "tiny.lock"]


def test_files_of_several_parts_keep_their_names(models):
    model = AutoModelForCausalLM.from_pretrained(models / "tiny")
    (models / "tiny" / "model.safetensors").unlink()
    model.save_pretrained(models / "tiny", max_shard_size="20KB")
    parts = sorted(path.name for path in (models / "tiny").glob("*.safetensors"))
    assert len(parts) > 1
    seen = []
    folder = rounded("tiny", models, lambda *step: seen.append(step))
    assert sorted(path.name for path in folder.glob("*.safetensors")) == parts
    where = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    for part in parts:
        assert {name for name, at in where.items() if at == part} == set(load_file(folder / part))
    done = [step[1] for step in seen]
    assert done == sorted(done)
    assert 0.8 < done[-1] / seen[-1][2] <= 1


def test_it_is_made_once_and_again_for_another_model(models):
    folder = rounded("tiny", models, silent)
    (folder / "mark").touch()
    assert rounded("tiny", models, silent) == folder
    assert (folder / "mark").exists()
    write_record(models / "tiny", ModelRecord("tiny", "2", "def", "none", "test"))
    rounded("tiny", models, silent)
    assert not (folder / "mark").exists()
    assert read_record(folder).sha256 == "def"


def test_what_was_cut_off_is_made_anew(models):
    folder = rounded("tiny", models, silent)
    (folder / RECORD).unlink()
    folder.rename(folder.with_name("tiny.partial"))
    assert read_record(rounded("tiny", models, silent)) is not None
    assert not folder.with_name("tiny.partial").exists()


def test_two_at_once_make_it_once(models):
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(rounded("tiny", models, lambda *s: made.append("step"))))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    steps = made.count("step")
    assert steps == len(load_file(models / "tiny" / "model.safetensors"))
    assert len(made) == steps + 2


def test_a_full_disk_leaves_nothing(models, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(DiskFullError, match="not enough room"):
        rounded("tiny", models, silent)
    assert [path.name for path in (models / int8.FOLDER).iterdir()] == ["tiny.lock"]


def test_a_folder_that_cannot_be_written_is_named(models):
    (models / int8.FOLDER).write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written") as raised:
        rounded("tiny", models, silent)
    assert "generator.precision" in raised.value.remedy


def test_a_model_that_is_not_there(models):
    with pytest.raises(ModelMissingError):
        rounded("large", models, silent)


def test_only_known_kinds_of_16_bits_are_rounded(models, tmp_path):
    tiny = models / "tiny"
    assert can_round(tiny)
    assert not can_round(rounded("tiny", models, silent)), "rounded already"
    assert not can_round(tmp_path), "no model at all"
    tensors = load_file(tiny / "model.safetensors")
    save_file(tensors | {"model.layers.0.mlp.router.weight": torch.ones(2, 2)}, tiny / "model.safetensors")
    assert not can_round(tiny), "a mixture of experts"
    (tiny / "model.safetensors").write_bytes(b"not weights")
    assert not can_round(tiny)
