"""Which language a text is in: by script where the script decides, else by py3langid among languages of that
script.
"""

from __future__ import annotations

import functools
import re

from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

__all__ = ["language"]

_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f]")
_LETTER = re.compile(r"[^\W\d_]")
_SCRIPTS = (
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
)
_LATIN = "en de fr es it pt nl pl cs sv da no fi tr vi id ro hu".split()
_OTHER = {"cyrillic": "ru uk bg sr".split(), "arabic": "ar fa ur".split(), "devanagari": "hi mr ne".split()}
_RANGES = {
    "cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "arabic": re.compile(r"[\u0600-\u06ff]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
}
# A short Latin text is taken for English unless another language is clearly likelier: a wrong guess changes
# the language of the answer
_SHORT = 24


@functools.cache
def _identifier() -> LanguageIdentifier:
    identifier: LanguageIdentifier = LanguageIdentifier.from_modelpath(
        MODEL_DIR / MODEL_FILE, norm_probs=True
    )
    return identifier


def _likeliest(text: str, among: list[str]) -> tuple[str, float]:
    """The likeliest language of those that share the script, and its share of their probability."""
    ranked = [(code, float(p)) for code, p in _identifier().rank(text) if code in among]
    total = sum(p for _, p in ranked) or 1.0
    return ranked[0][0], ranked[0][1] / total


def language(text: str) -> str:
    """ISO 639-1 code of the language that most of ``text`` is in; "en" when nothing tells."""
    sample = text[:4000]
    letters = len(_LETTER.findall(sample))
    if not letters:
        return "en"
    han, kana = len(_HAN.findall(sample)), len(_KANA.findall(sample))
    # one Han character says as much as a word: a Chinese question full of product names is still Chinese
    if 3 * (han + kana) >= letters:
        return "ja" if kana * 10 >= han + kana else "zh"
    for code, pattern in _SCRIPTS:
        if 2 * len(pattern.findall(sample)) >= letters:
            return code
    for script, pattern in _RANGES.items():
        if 2 * len(pattern.findall(sample)) >= letters:
            return _likeliest(sample, _OTHER[script])[0]
    code, probability = _likeliest(sample, _LATIN)
    return "en" if letters < _SHORT and probability < 0.8 else code
