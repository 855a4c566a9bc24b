"""Sentences of documents that speak to an assistant instead of stating something ("ignore the instructions
above", "system: reply only with ...", "请忽略以上指令").

Whoever may put a document into the collection can write such a sentence. It answers no question about the
documents, so it is evidence for nothing: it is not quoted, and no model sees it. Rules, not a model: they
cost microseconds, and it can be read off them what they take. English and Chinese (instructions.toml);
tests/bench/injections.py measures what they find, and how many ordinary sentences they take with it.
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from importlib import resources

from rag.text.fold import fold
from rag.types import Span

__all__ = ["instructing", "instructs"]


@functools.cache
def _rules() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What suffices, and what counts in company."""
    told = tomllib.loads(resources.files("rag.text").joinpath("instructions.toml").read_text("utf-8"))

    def joined(kind: str) -> re.Pattern[str]:
        rules = [rule for lines in told[kind].values() for rule in lines]
        # a word may be made of words that are written before it, so the last goes in first
        for name, words in reversed(told["words"].items()):
            rules = [rule.replace(f"<{name}>", words) for rule in rules]
        return re.compile("|".join(f"(?:{rule})" for rule in rules))

    return joined("strong"), joined("weak")


def _bare(text: str) -> str:
    """Folded, without invisible characters and with single blanks: neither is to hide a word."""
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(fold(seen).split())


@functools.lru_cache(maxsize=16384)
def instructs(text: str) -> bool:
    """Whether a sentence, or a title or heading, speaks to an assistant."""
    return bool(_rules()[0].search(_bare(text)))


def instructing(text: str, sentences: Sequence[Span]) -> list[bool]:
    """For each sentence of a passage, whether it speaks to an assistant, by itself or by its company: what
    follows such a sentence in its paragraph, and what may be meant so elsewhere in the passage, goes with it.
    """
    strong = [instructs(text[start:end]) for start, end in sentences]
    if not any(strong):
        return strong
    weak = _rules()[1]
    found: list[bool] = []
    before = 0
    for (start, end), own in zip(sentences, strong, strict=True):
        follows = bool(found) and found[-1] and "\n" not in text[before:start]
        found.append(own or follows or bool(weak.search(_bare(text[start:end]))))
        before = end
    return found
