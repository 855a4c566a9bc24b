"""A tiny generator on disk: a real model with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from rag.models.folder import ModelRecord, write_record

__all__ = ["make_generator"]


def make_generator(folder: Path) -> None:
    """A Qwen2 of four layers with random weights and a tokenizer of bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    torch.manual_seed(5)
    config = Qwen2Config(
        vocab_size=len(alphabet), hidden_size=16, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=1, intermediate_size=32, initializer_range=0.3,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    write_record(folder, ModelRecord(folder.name, "1", "abc", "none", "test"))
