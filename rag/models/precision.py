"""The number format that an embedder computes fastest in, measured once on each kind of machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from rag.models.encoder import open_encoder
from rag.models.folder import PRECISION

__all__ = ["best_precision", "usual_precision"]

CPU_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 with native bfloat16 products; ARM calls it bf16
# A batch as ingestion has them; the least of some rounds, taken in turns, is what other work disturbed least
TEXTS, TOKENS, ROUNDS = 8, 128, 4


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
    return "bfloat16" if platform.system() == "Linux" and _cpu()[1] & CPU_FLAGS else "float32"


def best_precision(folder: Path, device: str) -> str:
    """The usual one; but a CPU that multiplies in bfloat16 is tried, because some of those are faster in
    float32 (CONTRIBUTING.md has figures). Takes some seconds the first time on a machine; the result is kept
    with the model. OSError, ValueError, KeyError: the model is damaged.
    """
    usual = usual_precision(device)
    if usual != "bfloat16":
        return usual
    name, flags = _cpu()
    abilities = hashlib.sha256(repr(sorted(flags)).encode("utf-8")).hexdigest()[:8]
    machine = f"{name}, {os.cpu_count()} threads, {abilities}"
    kept = _read(folder / PRECISION)
    seconds = kept.get(machine)
    if not isinstance(seconds, dict) or not seconds:
        seconds = _measure(folder)
        with contextlib.suppress(OSError):  # a folder of models may be shared, and read only
            (folder / PRECISION).write_text(json.dumps({**kept, machine: seconds}, indent=1) + "\n", "utf-8")
    return min(seconds, key=lambda precision: float(seconds[precision]))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _measure(folder: Path) -> dict[str, float]:
    """Seconds that a batch takes in either format."""
    encoders = {name: open_encoder(folder, "cpu", name) for name in ("bfloat16", "float32")}
    words = min(encoder.tokenizer.get_vocab_size() for encoder in encoders.values())
    length = min(TOKENS, *(encoder.max_tokens for encoder in encoders.values()))
    ids, lengths = np.arange(TEXTS * length).reshape(TEXTS, length) % words, [length] * TEXTS
    taken: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(ROUNDS):
        for name, encoder in encoders.items():
            begun = time.perf_counter()
            encoder(ids, lengths)
            taken[name].append(time.perf_counter() - begun)
    return {name: round(min(seconds), 4) for name, seconds in taken.items()}
