"""The bot's own words, in the reader's language where words.toml has it, else in English."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

__all__ = ["LANGUAGES", "say"]

LANGUAGES = ("en", "zh")


@functools.cache
def _phrases() -> dict[str, dict[str, str]]:
    return tomllib.loads(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))


def say(name: str, language: str, **values: object) -> str:
    """A phrase; ``language`` may be a locale ("zh-CN")."""
    phrases = _phrases()[name]
    return phrases.get(language.partition("-")[0].lower(), phrases["en"]).format(**values)
