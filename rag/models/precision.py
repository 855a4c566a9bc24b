"""The number formats that an embedder computes fastest in, measured once on each kind of machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.encoder import Precision, is_bert, open_encoder
from rag.models.folder import PRECISION

__all__ = ["best_precision", "chosen_precision", "usual_precision"]

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 with native bfloat16 products; ARM calls it bf16
# x86 that adds up products of 8-bit integers in 32 bits; without, pairs of them overflow 16 (oneDNN's guide,
# "Nuances of int8 computations")
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8"}
WORTH_ROUNDING = 0.9  # of the time: int8 is a little less exact
# A batch as ingestion has them; the least of some rounds, taken in turns, is what other work disturbed least
TEXTS, TOKENS, ROUNDS = 12, 160, 3


def _cpu() -> tuple[str, frozenset[str]]:
    """What the processor calls itself, and what it can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor(), frozenset()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split()}
    return (named or [platform.machine()])[0], frozenset(flags)


def usual_precision(device: str) -> str:
    """float16 on a GPU, bfloat16 on a CPU that multiplies in it, else float32."""
    if not device.startswith("cpu"):
        return "float16"
    return "bfloat16" if platform.system() == "Linux" and _cpu()[1] & BFLOAT16_FLAGS else "float32"


def chosen_precision(setting: str, folder: Path, device: str) -> Precision:
    """What ``embedder.precision`` stands for. RuntimeError: this processor cannot; OSError, ValueError,
    KeyError: the model is damaged.
    """
    if setting == "auto":
        return best_precision(folder, device)
    if setting == "int8" and device.startswith("cpu") and not _cpu()[1] & INT8_FLAGS:
        raise RuntimeError("the processor does not add up products of 8-bit integers exactly (VNNI)")
    return Precision(usual_precision(device) if setting == "int8" else setting, setting)


def best_precision(folder: Path, device: str) -> Precision:
    """The usual one; on a CPU that has several all are tried, because flags do not tell which is
    faster (CONTRIBUTING.md has figures). Takes some seconds the first time on a machine; the result is kept
    with the model. OSError, ValueError, KeyError: the model is damaged.
    """
    name, flags = _cpu()
    tried = _candidates(folder, device, flags)
    if len(tried) == 1:
        (only,) = tried.values()
        return only
    abilities = hashlib.sha256(repr(sorted(flags)).encode("utf-8")).hexdigest()[:8]
    machine = f"{name}, {os.cpu_count()} threads, {abilities}"
    kept = _read(folder / PRECISION)
    seconds = kept.get(machine)
    if not isinstance(seconds, dict) or set(seconds) != set(tried):
        seconds = _measure(folder, tried)
        with contextlib.suppress(OSError):  # a folder of models may be shared, and read only
            (folder / PRECISION).write_text(json.dumps({**kept, machine: seconds}, indent=1) + "\n", "utf-8")
    tokens = min(seconds.keys() - {"int8"}, key=lambda one: float(seconds[one]))
    rounds = float(seconds.get("int8", math.inf)) < WORTH_ROUNDING * float(seconds[tokens])
    return Precision(tokens, "int8" if rounds else tokens)


def _candidates(folder: Path, device: str, flags: frozenset[str]) -> dict[str, Precision]:
    """Each format that this machine may be fastest in, by its name."""
    if not device.startswith("cpu") or platform.system() != "Linux":
        usual = usual_precision(device)
        return {usual: Precision(usual, usual)}
    found = {"float32": Precision("float32", "float32")}
    if flags & BFLOAT16_FLAGS:
        found["bfloat16"] = Precision("bfloat16", "bfloat16")
    if flags & INT8_FLAGS and is_bert(folder):
        found["int8"] = Precision("float32", "int8")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _measure(folder: Path, tried: dict[str, Precision]) -> dict[str, float]:
    """Seconds that a batch of passages takes in each format."""
    encoders = {name: open_encoder(folder, "cpu", precision) for name, precision in tried.items()}
    words = min(encoder.tokenizer.get_vocab_size() for encoder in encoders.values())
    length = min(TOKENS, *(encoder.max_tokens for encoder in encoders.values()))
    ids, lengths = np.arange(TEXTS * length).reshape(TEXTS, length) % words, [length] * TEXTS
    taken: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(ROUNDS):
        for name, encoder in encoders.items():
            begun = time.perf_counter()
            encoder(ids, lengths, True)
            taken[name].append(time.perf_counter() - begun)
    return {name: round(min(seconds), 4) for name, seconds in taken.items()}
