"""What passages in another language than the question's are compared with: the question less what it has in
common with the questions of its language.

Beside passages in its own language that common part orders nothing. Those of another language are near to it,
or far from it, for reasons of their own (style, names, code), and came first whatever was asked: of 6,030
English passages, manuals for the most part, the right one was the first for 6% of Chinese questions, and is
for 59% (CONTRIBUTING.md). That languages differ by a shift of all vectors is known of such encoders
(Libovický, Rosa and Fraser, "On the Language Neutrality of Pre-trained Multilingual Representations",
Findings of EMNLP 2020).
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic_core import from_json

from rag.models.protocols import EmbedderProtocol, Floats

__all__ = ["foreign", "ordinary_questions", "usual_question"]

# Of the common part; the rest of it tells a question from a statement
SHARE = 0.8
_HERE = Path(__file__).parent
_MADE: dict[tuple[str, str], Floats] = {}  # by fingerprint and language


def foreign(vector: Floats, spoken: str, embedder: EmbedderProtocol) -> Floats | None:
    """The vector [d] of a question in the language ``spoken`` for passages in others, not at unit length;
    None where nothing is known of that language.
    """
    usual = usual_question(embedder, spoken)
    return None if usual is None else np.asarray(vector - SHARE * usual, np.float32)


def usual_question(embedder: EmbedderProtocol, spoken: str) -> Floats | None:
    """The mean vector of ordinary questions in a language [d], None where none are listed. That of the
    default embedder comes with the package (`tests/bench/fit_questions.py`); another one's is computed when
    it is first asked for.
    """
    if spoken not in ordinary_questions():
        return None
    if (known := _packaged().get(embedder.fingerprint, {}).get(spoken)) is not None:
        return known
    key = embedder.fingerprint, spoken
    if key not in _MADE:
        _MADE[key] = embedder.embed_queries(ordinary_questions()[spoken]).mean(axis=0)
    return _MADE[key]


@functools.cache
def ordinary_questions() -> Mapping[str, list[str]]:
    """Those of questions.toml, by language."""
    return tomllib.loads((_HERE / "questions.toml").read_text("utf-8"))


@functools.cache
def _packaged() -> Mapping[str, Mapping[str, Floats]]:
    """Mean vectors by fingerprint and language."""
    told = from_json((_HERE / "calibration" / "questions.json").read_bytes())["embedders"]
    return {
        fingerprint: {spoken: np.array(mean, np.float32) for spoken, mean in means.items()}
        for fingerprint, means in told.items()
    }
