"""The index on disk: a folder for each state that was written, made under another name and renamed when it is
whole. It holds the large segments; what came later is read from the database.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from rag.errors import IndexStateError
from rag.index.access import Accesses
from rag.index.changes import Read, read, sample, sizes
from rag.index.geometry import Cloud
from rag.index.gpu import on_gpu
from rag.index.part import Part, Segment
from rag.index.vectors import FLAT_MOST, SAMPLES, Clustered, Flat, open_vectors

__all__ = ["Snapshot", "SnapshotFolder"]

FORMAT = 1
_ROWS, _CLOUD = ("ids", "documents", "access"), ("count", "total", "products")
Progress = Callable[[int, int], None]  # of so many vectors, so many

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Snapshot:
    """A state of the database as an index: everything up to a generation."""

    generation: int
    accesses: Accesses
    parts: dict[str, Part]


class SnapshotFolder:
    """The states of one database and space, each called ``name``-generation."""

    def __init__(self, folder: Path, name: str, dimension: int) -> None:
        self._folder = folder
        self._name = name
        self._dimension = dimension

    def _states(self) -> list[Path]:
        """Those that are whole, newest first."""
        found = [path for path in self._folder.glob(f"{self._name}-*") if path.suffix != ".tmp"]
        return sorted(found, key=_generation, reverse=True)

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether this process alone may write, within the block."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def newest(self) -> Snapshot | None:
        """Open the newest state that can be read."""
        for path in self._states():
            try:
                return self._opened(path)
            except (OSError, ValueError, KeyError, IndexStateError) as error:
                logger.warning("Rebuilding the index from the database: %s", error)
        return None

    def _opened(self, path: Path) -> Snapshot:
        state = json.loads((path / "state.json").read_text("utf-8"))
        if state["format"] != FORMAT or state["dimension"] != self._dimension:
            raise IndexStateError(f"{path} is not of {self._dimension} dimensions and format {FORMAT}")
        for file, size in state["files"].items():  # reading past a mapped file's end kills the process
            if (path / file).stat().st_size != size:
                raise IndexStateError(f"{path / file} does not have {size} bytes")
        parts = {}
        for number, language in enumerate(state["languages"]):
            stem = f"{path / str(number)}"
            ids, documents, access = (np.load(f"{stem}.{name}.npy", mmap_mode="c") for name in _ROWS)
            vectors = on_gpu(open_vectors(Path(f"{stem}.faiss"), self._dimension), self._dimension)
            main = Segment(vectors, ids, documents, access)
            count, total, products = (np.load(f"{stem}.{name}.npy") for name in _CLOUD)
            parts[language] = Part(self._dimension, main, Cloud(int(count), total, products))
        accesses = Accesses(frozenset((c, frozenset(names)) for c, names in one) for one in state["accesses"])
        return Snapshot(state["generation"], accesses, parts)

    def write(
        self, connection: Connection, space_id: int, generation: int, told: Progress | None = None
    ) -> None:
        """Write the state that the connection reads, and remove older ones; call it while it is locked."""
        final = self._folder / f"{self._name}-{generation}"
        temporary = final.with_suffix(".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            languages, accesses = self._write_rows(temporary, connection, space_id, told)
            files = {path.name: path.stat().st_size for path in temporary.iterdir()}
            state = {
                "format": FORMAT,
                "dimension": self._dimension,
                "generation": generation,
                "languages": languages,
                "accesses": [[[name, sorted(names)] for name, names in sorted(one)] for one in accesses],
                "files": files,
            }
            (temporary / "state.json").write_text(json.dumps(state), "utf-8")
            for path in temporary.iterdir():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            shutil.rmtree(final, ignore_errors=True)
            temporary.replace(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for old in self._folder.glob(f"{self._name}*"):  # half-written ones, and a file of an older format
            if old != final:  # who has it open keeps it until he closes it
                shutil.rmtree(old) if old.is_dir() else old.unlink()

    def _write_rows(
        self, folder: Path, connection: Connection, space_id: int, told: Progress | None
    ) -> tuple[list[str], Accesses]:
        counts = dict(sorted(sizes(connection, space_id).items()))
        writers = {}
        for number, (language, count) in enumerate(counts.items()):
            vectors: Flat | Clustered = Flat(self._dimension)
            if count > FLAT_MOST:
                some = SAMPLES * Clustered.lists(count)
                vectors = Clustered.of(sample(connection, space_id, language, some), count)
            writers[language] = _Writer(folder / str(number), vectors, self._dimension)
        accesses, done = Accesses(), 0
        for rows in read(connection, space_id):
            for language in np.unique(rows.languages).tolist():
                writers[language].add(rows.of(language), accesses)
            done += len(rows.ids)
            if told is not None:
                told(done, sum(counts.values()))
        for writer in writers.values():
            writer.finish()
        return list(counts), accesses


def _generation(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


class _Writer:
    """The files of one language, as rows come."""

    def __init__(self, stem: Path, vectors: Flat | Clustered, dimension: int) -> None:
        self._stem = stem
        self._vectors = vectors
        self._rows: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]] = []
        self._cloud = Cloud.of(np.empty((0, dimension), np.float32))

    def add(self, rows: Read, accesses: Accesses) -> None:
        self._vectors.add(rows.vectors)
        self._cloud += Cloud.of(rows.vectors.astype(np.float32))
        self._rows.append((rows.ids, rows.documents, accesses.numbers(rows.documents, rows.accesses)))

    def finish(self) -> None:
        self._vectors.write(Path(f"{self._stem}.faiss"))
        for name, values in zip(_ROWS, zip(*self._rows, strict=True), strict=True):
            np.save(f"{self._stem}.{name}.npy", np.concatenate(values))
        cloud = self._cloud
        for name, value in zip(_CLOUD, (cloud.count, cloud.total, cloud.products), strict=True):
            np.save(f"{self._stem}.{name}.npy", np.asarray(value))
