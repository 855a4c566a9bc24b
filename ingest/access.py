"""Which files of a source are taken, and who may read each.

The settings say who may read a file at most: the last of the source's rules that matches its path, else the
source's groups; an empty list means everyone. What lies in the source itself can only narrow that: every
sidecar on the way down to the file, and the groups that the source knows of. Readers are those whom all of
them let; where the lists have no group in common, that is nobody. So nothing that is written into a folder,
and no fault in it, ever opens what the settings keep closed.

A sidecar is a file ``.citewell.toml``. It holds for its folder and all below it; single files of its folder
may differ::

    groups = ["staff", "hr"]

    [files]
    "Salaries 2026.xlsx" = ["hr"]

What a sidecar that cannot be read speaks of is hidden from everyone until it is corrected.
"""

from __future__ import annotations

import dataclasses
import logging
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pathspec import PathSpec
from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError

from ingest.source import Failure, Fetched, Known, Source, SourceFile
from rag.errors import IngestError, SettingsError
from rag.settings import SourceSettings
from rag.tables import EVERYONE, NOBODY

__all__ = ["SIDECAR", "AccessSource", "Selection", "narrow"]

log = logging.getLogger(__name__)

SIDECAR = ".citewell.toml"
_SIDECAR_BYTES = 1 << 16
_GROUP_CHARS = 128
Groups = tuple[str, ...]


def _group(name: str) -> str:
    if not name.strip() or name != name.strip() or len(name) > _GROUP_CHARS or name in (EVERYONE, NOBODY):
        raise ValueError(f"{name!r} cannot be the name of a group")
    return name


_Names = tuple[Annotated[str, AfterValidator(_group)], ...]


class _Content(BaseModel):
    """A sidecar as it is written. A key that is misspelt must not leave a folder open."""

    model_config = ConfigDict(extra="forbid", strict=False)

    groups: _Names | None = None
    files: dict[str, _Names] = {}


@dataclass(slots=True)
class _Sidecar:
    """One that was read. ``met`` are its files that were listed; ``told``: a clash was reported."""

    uri: str
    groups: Groups = ()
    files: dict[str, Groups] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    told: bool = False


def narrow(outer: Groups, inner: Groups) -> Groups:
    """Those whom both lists let, an empty list being everyone; ``(NOBODY,)`` where that is nobody."""
    if not outer or not inner:
        return outer or inner
    return tuple(group for group in outer if group in inner) or (NOBODY,)


class Selection:
    """The patterns of one source: what is taken, and which groups the settings give it."""

    def __init__(self, name: str, config: SourceSettings) -> None:
        """Raises SettingsError for a pattern or a group that is wrong."""
        self.rules = [rule.pattern for rule in config.rules]
        for pattern in self.rules:
            if pattern.startswith("!"):
                raise SettingsError(
                    f"Source {name}: the rule {pattern!r} excludes; a rule names what it is for.",
                    "Put a rule for the exception after the rule for the whole.",
                )
        self._include = _compiled(name, config.include)
        self._exclude = _compiled(name, config.exclude)
        self._rules = _compiled(name, self.rules)
        try:
            named = TypeAdapter(list[_Names]).validate_python(
                [config.groups, *(rule.groups for rule in config.rules)]
            )
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise SettingsError(f"Source {name}: {reason}.", "Correct its groups and rules.") from error
        self._groups, *self._ruled = named

    def excluded(self, path: str) -> bool:
        """Does an exclude pattern match the path? A folder's path ends with a slash."""
        return self._exclude is not None and self._exclude.match_file(path)

    def takes(self, path: str) -> bool:
        """Is the file at this path one of those that are wanted?"""
        return not self.excluded(path) and (self._include is None or self._include.match_file(path))

    def rule(self, path: str) -> int | None:
        """Number of the last rule that matches, None when none does."""
        return self._rules.check_file(path).index if self._rules is not None else None

    def groups(self, rule: int | None) -> Groups:
        """Who may read what a rule is for; with None what no rule is for."""
        return self._groups if rule is None else self._ruled[rule]

    def widest(self) -> Groups:
        """Who may read any file of the source."""
        every = (self._groups, *self._ruled)
        return tuple(dict.fromkeys(group for groups in every for group in groups)) if all(every) else ()


def _compiled(name: str, patterns: Sequence[str]) -> PathSpec | None:  # type: ignore[type-arg]
    if not patterns:
        return None
    lines = [unicodedata.normalize("NFC", line) for line in patterns]
    advice = "Patterns are written as in .gitignore."
    try:
        for line in lines:
            if all(one.include is None for one in PathSpec.from_lines("gitignore", [line]).patterns):
                raise SettingsError(f"Source {name}: the pattern {line!r} matches nothing.", advice)
        return PathSpec.from_lines("gitignore", lines)
    except ValueError as error:
        raise SettingsError(f"Source {name}: {error}", advice) from error


class AccessSource:
    """A source whose files are selected, and each given its groups; sidecars are taken out of the listing."""

    def __init__(self, name: str, source: Source, selection: Selection) -> None:
        self._name = name
        self._source = source
        self._selection = selection
        self._warned = False

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list. ``groups`` of every file are set: empty means everyone. Those of a failure are the
        most that may read what is known of it and below it.
        """
        sidecars: dict[str, _Sidecar] = {}
        used = set[int | None]()
        for found in self._source.list(known):
            if isinstance(found, Failure):
                if self._reported(found.path):
                    yield dataclasses.replace(found, groups=self._at_most(found.path, sidecars))
            elif found.name == SIDECAR:
                sidecars[_folder(found.path)], failure = self._read(found)
                if failure is not None:
                    yield failure
            else:
                held = self._meet(found.path, sidecars)
                if self._selection.takes(found.path):
                    rule = self._selection.rule(found.path)
                    used.add(rule)
                    groups, clash = self._narrowed(found, self._selection.groups(rule), held)
                    if clash is not None:
                        yield clash
                    yield dataclasses.replace(found, groups=groups)
        yield from self._misspelt(sidecars)
        for number, pattern in enumerate(self._selection.rules):
            if number not in used:
                log.warning("source %s: its rule %r decides for no file", self._name, pattern)

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        return self._source.fetch(file)

    def close(self) -> None:
        """See Source.close."""
        self._source.close()

    def _reported(self, path: str) -> bool:
        """Is a failure at this path worth telling? What lies in a folder that cannot be listed may be."""
        if not path or path.endswith("/"):
            return not (path and self._selection.excluded(path))
        return self._selection.takes(path)

    def _at_most(self, path: str, sidecars: Mapping[str, _Sidecar]) -> Groups:
        """Who may read the file at this path, or anything in the folder, as far as it is known."""
        whole = not path or path.endswith("/")
        groups = self._selection.widest() if whole else self._selection.groups(self._selection.rule(path))
        for _, own in self._meet(path, sidecars):
            groups = narrow(groups, own)
        return groups

    def _narrowed(
        self, file: SourceFile, groups: Groups, held: Sequence[tuple[_Sidecar, Groups]]
    ) -> tuple[Groups, Failure | None]:
        """The readers of a file, and what to tell when a sidecar and what stands above it leave nobody."""
        clash = None
        for sidecar, own in held:
            narrowed = narrow(groups, own)
            if narrowed == (NOBODY,) not in (groups, own) and not sidecar.told:
                sidecar.told = True
                clash = Failure(sidecar.uri, _clash(file.path, groups, own))
            groups = narrowed
        narrowed = narrow(groups, file.groups or ())
        if narrowed == (NOBODY,) != groups and not self._warned:
            self._warned = True
            log.warning("source %s: %s", self._name, _clash(file.path, groups, file.groups or ()))
        return narrowed, clash

    def _read(self, file: SourceFile) -> tuple[_Sidecar, Failure | None]:
        try:
            data = self._source.fetch(file).data
            if len(data) > _SIDECAR_BYTES:
                raise ValueError(f"it is longer than {_SIDECAR_BYTES:,} bytes")
            content = _Content.model_validate(tomllib.loads(data.decode("utf-8")))
            if not content.model_fields_set:
                raise ValueError("it names neither groups nor files")
        except (IngestError, ValueError, RecursionError) as error:
            reason = f"what it speaks of is hidden until it can be read: {_reason(error)}"
            return _Sidecar(file.uri, (NOBODY,)), Failure(file.uri, reason, file.path)
        files = {_folded(name): groups for name, groups in content.files.items()}
        return _Sidecar(file.uri, content.groups or (), files), None

    def _meet(self, path: str, sidecars: Mapping[str, _Sidecar]) -> Sequence[tuple[_Sidecar, Groups]]:
        """The sidecars that hold for a file, outermost first, with what each says of it."""
        if not sidecars:
            return ()
        folder, name = _folder(path), _folded(path.rpartition("/")[2])
        held = []
        for above in _ways_down(folder, sidecars):
            sidecar = sidecars[above]
            groups = sidecar.groups
            if above == folder and name in sidecar.files:
                sidecar.met.add(name)
                groups = sidecar.files[name]
            held.append((sidecar, groups))
        return held

    def _misspelt(self, sidecars: Mapping[str, _Sidecar]) -> Iterator[Failure]:
        """A restriction that meets no file was meant for one that it does not name rightly."""
        for folder, sidecar in sidecars.items():
            for name in sidecar.files.keys() - sidecar.met:
                if not folder.startswith(".."):
                    yield Failure(sidecar.uri, f"it names {name}, which is not in its folder")


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _ways_down(folder: str, sidecars: Mapping[str, _Sidecar]) -> Iterator[str]:
    """The folders with a sidecar that hold ``folder``: those above the source's location, then down to it."""
    yield from (above for above in sidecars if above == ".." or above.startswith("../"))
    if "" in sidecars:
        yield ""
    parts = folder.split("/") if folder else []
    for length in range(1, len(parts) + 1):
        above = "/".join(parts[:length])
        if above in sidecars:
            yield above


def _folded(name: str) -> str:
    """File names are compared without case: a restriction rather meets one file too many."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _clash(path: str, outer: Groups, inner: Groups) -> str:
    return (
        f"nobody may read {path}: it is for {', '.join(inner)}, "
        f"but what stands above lets only {', '.join(outer)} read it"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return " ".join((str(error) or type(error).__name__).split())[:200]
