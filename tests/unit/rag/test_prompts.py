import tomllib
from importlib import resources

import pytest

from rag.prompts import NAMES, phrase, prompt
from rag.text.language import _LATIN, _OTHER, _SCRIPTS

FOLDER = resources.files("rag.prompts")
FILES = sorted(entry.name for entry in FOLDER.iterdir() if entry.name.endswith(".txt"))
PHRASES = tomllib.loads(FOLDER.joinpath("phrases.toml").read_text("utf-8"))
DETECTED = {"zh", "ja", *_LATIN, *(c for codes in _OTHER.values() for c in codes), *(c for c, _ in _SCRIPTS)}


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_used_and_says_something(file):
    name, *spoken = file.removesuffix(".txt").split(".")
    text = prompt(name, spoken[0] if spoken else "en")
    assert len(text) > 12
    assert "{" not in text


@pytest.mark.parametrize("name", ["answer", "answer_whole"])
def test_a_language_without_its_own_file_gets_the_general_one(name):
    assert f"{name}.txt" in FILES
    assert prompt(name, "de") != prompt(name, "zh")


def test_the_language_is_named():
    assert "Answer in German" in prompt("answer", "de")
    assert "the language of the question" in prompt("answer", "xx")
    assert "中文" in prompt("answer", "zh")


def test_every_language_that_can_be_detected_has_a_name():
    assert set(NAMES) == DETECTED


def test_every_phrase_is_there_in_the_same_languages():
    languages = set(PHRASES["insufficient_context"])
    assert {"en", "zh", "de", "ja", "fr", "es", "ru", "ar"} <= languages
    for name, texts in PHRASES.items():
        assert set(texts) == languages, name
        assert all(texts.values()), name


def test_an_unknown_language_gets_english():
    assert phrase("off_topic", "xx") == phrase("off_topic", "en") == "The documents are not about this."
    with pytest.raises(KeyError):
        phrase("no such phrase", "en")
