"""Prompt texts and the assistant's own phrases as data files: one per language where wording matters, English
where it does not.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib import resources

__all__ = ["filled", "followups", "phrase", "prompt"]

_PLACE = re.compile(r"<(\w+)>")

NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "mr": "Marathi", "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


@functools.cache
def prompt(name: str, language: str) -> str:
    """The text of ``<name>.<language>.txt``, else of ``<name>.txt`` with the language's English name filled
    in for {language}.
    """
    folder = resources.files(__package__)
    own = folder.joinpath(f"{name}.{language}.txt")
    if own.is_file():
        return own.read_text("utf-8").strip()
    general = folder.joinpath(f"{name}.txt").read_text("utf-8").strip()
    return general.replace("{language}", NAMES.get(language, "the language of the question"))


def filled(name: str, language: str, **said: str) -> str:
    """The prompt with what is ``said`` in the place of each <name>; what looks like a place in that stays."""
    return _PLACE.sub(lambda place: said[place[1]], prompt(name, language))


@functools.cache
def _table(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files(__package__).joinpath(f"{name}.toml").read_text("utf-8"))


def followups() -> dict[str, dict[str, str]]:
    """By language: words that "refer" to what was said before, and words that "connect" a question to it."""
    return _table("followups")


def phrase(name: str, language: str) -> str:
    """A phrase of the assistant's own in that language, else in English."""
    phrases = _table("phrases")[name]
    return phrases.get(language, phrases["en"])
