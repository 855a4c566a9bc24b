"""A generator's 16-bit weights -> 8-bit integers, which a CPU reads and multiplies faster.

Each row of a weight matrix is rounded to 255 steps of its own, and each token's activations while vLLM
computes ("W8A8", dynamic). Embeddings, output layer and norms stay as they are. What comes out is a folder in
the format of compressed-tensors ("int-quantized"), which vLLM serves. No data is needed, and none is used:
smoothing the activations by sample texts (Xiao et al., "SmoothQuant", ICML 2023) made it worse here, see
CONTRIBUTING.md.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import ModelError
from rag.models.folder import ModelRecord, read_record, require_model, write_record
from rag.models.protocols import Progress
from rag.models.rounding import rounded_rows
from rag.models.sources import no_room, sync

if TYPE_CHECKING:
    import torch

__all__ = ["can_round", "rounded"]

VERSION = "int8-1"
FOLDER = ".int8"
# The matrices of Llama's family (Qwen, Mistral, Gemma, SmolLM ...); a model with others is left as it is
ROUNDED = tuple(f".{name}_proj.weight" for name in ("q", "k", "v", "o", "gate", "up", "down"))
KEPT = ("embed_tokens.weight", "lm_head.weight")
_FORM = {"num_bits": 8, "type": "int", "symmetric": True}
_QUANTISED = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "ignore": ["lm_head"],
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {**_FORM, "strategy": "channel", "dynamic": False},
            "input_activations": {**_FORM, "strategy": "token", "dynamic": True},
        }
    },
}


def can_round(folder: Path) -> bool:
    """Whether the model in ``folder`` has 16-bit (or wider) weights, all of a kind that is known here."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        matrices = [name for name, shape in _shapes(folder) if len(shape) > 1]
    except (OSError, ValueError):
        return False
    known = all(name.endswith((*ROUNDED, *KEPT)) for name in matrices)
    return bool(matrices) and known and "quantization_config" not in config


def rounded(name: str, models_dir: Path, progress: Progress) -> Path:
    """The folder of the model's 8-bit form, made now (seconds for a gigabyte) unless it is there, beside the
    finished models. Two processes do not make it twice.

    Raises ModelMissingError, DiskFullError, and ModelError when it cannot be written.
    """
    from safetensors import SafetensorError

    source, record = require_model(name, models_dir)
    target = models_dir / FOLDER / name
    try:
        target.parent.mkdir(exist_ok=True)
        return _rounded(source, record, target, progress)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(_partial(target), ignore_errors=True)
        raise ModelError(
            f"The int8 form of {name} cannot be written to {target}: {error}.",
            "Make the folder of models writable, or set generator.precision to as_is.",
        ) from error


def _partial(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def _rounded(source: Path, record: ModelRecord, target: Path, progress: Progress) -> Path:
    made = replace(record, revision=f"{record.revision}-int8", converter=VERSION, files={})
    with target.with_name(f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if read_record(target) == made:
            return target
        fresh = _partial(target)
        for old in (fresh, target):
            shutil.rmtree(old, ignore_errors=True)
        needed = sum(path.stat().st_size for path in source.rglob("*")) * 5 // 8
        if shutil.disk_usage(target.parent).free < needed:
            raise no_room(needed, target.parent)
        fresh.mkdir()
        _write(source, fresh, progress)
        write_record(fresh, made)
        for path in (*fresh.iterdir(), fresh):
            sync(path)
        fresh.rename(target)
    return target


def _shapes(folder: Path) -> Iterator[tuple[str, list[int]]]:
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:  # only looked at: torch need not be imported
                for name in file.keys():  # noqa: SIM118 - it is no mapping
                    yield name, file.get_slice(name).get_shape()
        except SafetensorError as error:
            raise ValueError(str(error)) from error


def _write(source: Path, folder: Path, progress: Progress) -> None:
    """Round file by file: memory holds one file's 8-bit form beside the matrix that is being rounded."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    shards = sorted(source.glob("*.safetensors"))
    total, done = sum(path.stat().st_size for path in shards), 0
    where: dict[str, str] = {}
    for path in shards:
        tensors: dict[str, torch.Tensor] = {}
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                tensor = file.get_tensor(name)
                tensors |= _round(name, tensor) if name.endswith(ROUNDED) else {name: tensor}
                done += tensor.nbytes
                progress("rounding the weights", done, total)
        save_file(tensors, folder / path.name, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, path.name)
    _write_beside(source, folder, where)


def _round(name: str, weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """The matrix as int8 [out, in], and the scales of its rows, float32 [out, 1]."""
    rounded, scale = rounded_rows(weight.float())
    return {name: rounded, f"{name}_scale": scale}


def _write_beside(source: Path, folder: Path, where: dict[str, str]) -> None:
    """Configuration and tokenizer, and the list of what lies in which file."""
    for path in _others(source.iterdir()):
        shutil.copyfile(path, folder / path.name)
    config: dict[str, Any] = json.loads((source / "config.json").read_text("utf-8"))
    _dump(folder / "config.json", config | {"quantization_config": _QUANTISED})
    _dump(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": where})


def _others(paths: Iterable[Path]) -> Iterator[Path]:
    weights = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json")
    return (path for path in paths if path.is_file() and not path.name.endswith(weights))


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
