"""A quantised GGUF file -> a folder of bfloat16 safetensors that vLLM serves.

transformers unpacks the blocks (``GgufConfig(dequantize=True)``) and rebuilds tokenizer and chat template
from the file's own metadata. The result is verified by values: the log-probabilities of a pinned text,
token for token, and the greedy continuation of a pinned prompt. A wrong permutation, a lost tensor or
another tokenizer changes both beyond all tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import ConversionError
from rag.models.quiet import quiet

__all__ = ["VERSION", "GenerationCheck", "convert_gguf", "verify_generator"]

VERSION = "gguf-1"
TOLERANCE = 0.15  # nats per token; bfloat16 on another CPU moves the mean by about 0.01
REMEDY = "Remove the model's folder and run `citewell model pull` again."


@dataclass(frozen=True, slots=True)
class GenerationCheck:
    """Known values of a generator.

    ``logprobs[i]`` is the log-probability (nats) of token ``i + 1`` of ``text`` given the tokens before it;
    ``continuation`` is what greedy decoding appends to ``prompt``.
    """

    text: str
    logprobs: tuple[float, ...]
    prompt: str
    continuation: str


def token_logprobs(model: Any, tokenizer: Any, text: str) -> list[float]:  # noqa: ANN401 - untyped library
    """Log-probability of each token of ``text`` but the first, without special tokens added."""
    import torch

    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.inference_mode():
        logits = model(ids).logits[0, :-1].float()
    picked = logits.log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return [float(value) for value in picked]


def greedy(model: Any, tokenizer: Any, prompt: str, tokens: int) -> str:  # noqa: ANN401
    """What greedy decoding appends to ``prompt``."""
    import torch

    batch = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    with torch.inference_mode():
        out = model.generate(
            **batch, max_new_tokens=tokens, do_sample=False, temperature=None, top_p=None, top_k=None
        )
    return str(tokenizer.decode(out[0, batch.input_ids.shape[1] :]))


def load(folder: Path, **options: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """(model, tokenizer) from a folder, on the CPU, in bfloat16, without the network."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    named = {name: options[name] for name in ("gguf_file",) if name in options}
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **named)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, local_files_only=True, **options
    )
    return model.eval(), tokenizer


def _compare(got: Sequence[float], want: Sequence[float]) -> None:
    if len(got) != len(want):
        raise ConversionError(
            f"The converted tokenizer splits the known text into {len(got) + 1} tokens, not {len(want) + 1}.",
            REMEDY,
        )
    off = sum(abs(a - b) for a, b in zip(got, want, strict=True)) / max(1, len(want))
    if not off <= TOLERANCE:
        raise ConversionError(
            f"The converted model's log-probabilities are off by {off:.3f} nats a token, over {TOLERANCE}.",
            REMEDY,
        )


def verify_generator(folder: Path, check: GenerationCheck) -> None:
    """Load the folder as any user would and compare with the known values. Raises ConversionError."""
    with quiet():
        model, tokenizer = load(folder)
        _compare(token_logprobs(model, tokenizer, check.text), check.logprobs)
        length = len(tokenizer(check.continuation, add_special_tokens=False).input_ids)
        text = greedy(model, tokenizer, check.prompt, length)
    if text != check.continuation:
        raise ConversionError(
            f"The converted model continues with {text!r}, not {check.continuation!r}.", REMEDY
        )


def convert_gguf(source: Path, folder: Path, check: GenerationCheck | None) -> None:
    """Write the model that ``source`` holds into the existing, empty ``folder`` and verify it by values.

    Takes about four times the finished size (2 bytes a parameter) in memory for a moment. The caller
    publishes the folder (rename). Raises ConversionError.
    """
    from transformers import GgufConfig

    try:
        with quiet():
            model, tokenizer = load(
                source.parent, gguf_file=source.name, quantization_config=GgufConfig(dequantize=True)
            )
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ConversionError(f"{source.name} could not be converted: {error}", REMEDY) from error
    del model
    if check is not None:
        verify_generator(folder, check)
