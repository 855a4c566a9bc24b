"""The sources there are: those of the settings file, those that were added at run time, and the uploads."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import case, delete, func, insert, select, update

from ingest.index import Ledger
from ingest.jobs_times import check_cron
from ingest.lock import ingest_lock
from ingest.sources import open_source
from rag.errors import IngestError, MachineError, SettingsError, SourceConflictError, SourceNotFoundError
from rag.settings import Settings, SourceSettings
from rag.store import Store
from rag.tables import place, source

__all__ = [
    "UPLOADS",
    "Origin",
    "Registered",
    "Registry",
    "check_name",
    "is_private",
    "private_collection",
    "uploads_name",
]

Origin = Literal["settings", "added", "uploads"]
UPLOADS = "uploads"
_PRIVATE = "private-"
PATIENCE_S = 30.0  # a sync stops between two files
TICK_S = 0.1
_NAME = re.compile(r"\w[\w.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Registered:
    """A source by its name. ``created`` (seconds since the epoch) is known of added ones."""

    name: str
    config: SourceSettings
    origin: Origin
    created: float | None = None


def check_name(name: str, what: str) -> str:
    """The name of a source or collection, in NFC. Raises IngestError when it cannot be one.

    Letters and digits of any script, so that it is a word in a terminal and a file name.
    """
    normal = unicodedata.normalize("NFC", name)
    if not _NAME.fullmatch(normal):
        raise IngestError(
            f"{name!r} cannot be the name of a {what}",
            "Use letters, digits, dots, dashes and underscores, 64 at most, a letter or digit first.",
        )
    return normal


def uploads_name(collection: str) -> str:
    """Name of the source that holds what is uploaded into a collection."""
    return UPLOADS if collection == "default" else f"{UPLOADS}.{collection}"


def private_collection(person: str) -> str:
    """Name of the collection that holds what a person uploads for himself alone."""
    return f"{_PRIVATE}{person}"


def is_private(collection: str) -> bool:
    """Whether a collection of uploads is some person's own."""
    return collection.startswith(_PRIVATE)


def _uploads(folder: Path) -> SourceSettings:
    """The source of one collection of uploads; what is private is open to the group of its owner alone."""
    person = folder.name.removeprefix(_PRIVATE)
    groups = (f"user:{person}",) if is_private(folder.name) else ()
    return SourceSettings(location=str(folder), collection=folder.name, groups=groups)


class Registry:
    """Reads and changes the sources of one home. What is added here is seen by every process at once."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._ledger = Ledger(store)

    def all(self) -> dict[str, Registered]:
        """Every source by name, in the order of names."""
        found = {
            name: Registered(name, config, "settings") for name, config in self._settings.sources.items()
        }
        with self._store.read() as connection:
            rows = connection.execute(select(source)).all()
        for row in rows:
            # the settings file has the last word
            config = SourceSettings.model_validate(row.config)
            found.setdefault(row.name, Registered(row.name, config, "added", row.created))
        for folder in self._settings.uploads_dir.glob("[!.]*/"):
            name = uploads_name(folder.name)
            found.setdefault(name, Registered(name, _uploads(folder), "uploads"))
        return dict(sorted(found.items()))

    def get(self, name: str) -> Registered:
        """Raises SourceNotFoundError."""
        found = self.all().get(unicodedata.normalize("NFC", name))
        if found is None:
            raise SourceNotFoundError(f"There is no source {name}.", "`citewell source list` shows them.")
        return found

    def files(self) -> dict[str, tuple[int, int]]:
        """By source: how many files of it are known, and how many of them could not be read."""
        bad = func.sum(case((place.c.error != "", 1), else_=0))
        with self._store.read() as connection:
            rows = connection.execute(
                select(place.c.source, func.count(), bad).where(place.c.parent == "").group_by(place.c.source)
            )
            return {source: (files, failed) for source, files, failed in rows}

    def check(self, name: str, config: SourceSettings) -> None:
        """Raises IngestError when a source cannot be like this: its schedule, patterns, options."""
        if config.schedule:
            check_cron(name, config.schedule)
        try:
            open_source(name, config, self._settings).close()
        except SettingsError as error:
            raise IngestError(error.message, error.remedy) from error

    def add(self, name: str, config: SourceSettings) -> Registered:
        """Raises IngestError when the name or the configuration is wrong, SourceConflictError when the name
        is taken, MissingPackageError when the kind needs a package.
        """
        name = check_name(name, "source")
        if name == UPLOADS or name.startswith(f"{UPLOADS}."):
            raise SourceConflictError(
                f"Sources called {UPLOADS} hold what is uploaded.", "Choose another name."
            )
        self.check(name, config)
        created = time.time()
        values = {"name": name, "config": config.model_dump(mode="json"), "created": created}
        with self._store.write(silent=True) as connection:
            there = connection.execute(select(source.c.name).where(source.c.name == name)).first()
            if there or name in self._settings.sources:
                raise SourceConflictError(
                    f"There is a source {name} already.", "Choose another name, or change or remove that one."
                )
            connection.execute(insert(source), values)
        return Registered(name, config, "added", created)

    def change(self, name: str, config: SourceSettings) -> Registered:
        """Give an added source another configuration; its next sync brings the documents in line.

        Raises SourceNotFoundError, SourceConflictError for one that was not added, IngestError.
        """
        known = self._added(name)
        self.check(known.name, config)
        with self._store.write(silent=True) as connection:
            mine = update(source).where(source.c.name == known.name)
            connection.execute(mine.values(config=config.model_dump(mode="json")))
        return Registered(known.name, config, "added", known.created)

    def remove(self, name: str, *, keep_documents: bool = False) -> int:
        """Forget an added source, and take away what it has brought; returns how many files that were.

        Waits a while for a sync of it that is still running (cancel its job first). Raises as ``change``
        does, and MachineError when that does not end.
        """
        known = self._added(name)
        with self._still(known.name):
            uris = () if keep_documents else tuple(self._ledger.states(known.name))
            removed = self._ledger.remove(known.name, uris) if uris else 0
            with self._store.write(silent=True) as connection:
                connection.execute(delete(source).where(source.c.name == known.name))
        return removed

    @contextmanager
    def _still(self, name: str) -> Iterator[None]:
        """Keep syncs of a source from running."""
        deadline = time.monotonic() + PATIENCE_S
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(ingest_lock(self._settings.home, name))
                    break
                except MachineError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(TICK_S)
            yield

    def _added(self, name: str) -> Registered:
        known = self.get(name)
        if known.origin == "settings":
            raise SourceConflictError(
                f"Source {known.name} stands in the settings file.",
                f"Change or remove [sources.{known.name}] there.",
            )
        if known.origin == "uploads":
            raise SourceConflictError(
                f"Source {known.name} holds what was uploaded.",
                f"Remove files below {known.config.location}, then sync it.",
            )
        return known
