"""Brings a model onto this machine: fetch its published file, compare the hash, convert, verify by values,
publish.

All work happens in ``models_dir/.partial/NAME`` and ends in one rename, so that a kill at any moment
leaves either nothing usable or a complete model; what was downloaded stays there and the next run goes on
from it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from rag.errors import (
    ConversionError,
    DownloadError,
    HashMismatchError,
    MachineError,
    ModelError,
    ModelMissingError,
)
from rag.home import make_home
from rag.models import convert_e5, convert_gguf
from rag.models.catalogue import CatalogueEntry, catalogue, find, find_by_hash, folder_entries
from rag.models.folder import OURS, ModelRecord, read_record, write_record
from rag.models.protocols import Progress
from rag.models.sources import SourceError, from_hub, from_index, no_room, sync

__all__ = ["import_path", "is_current", "pull"]

WORK = ".partial"
SLACK = 256 << 20  # bytes left free for everybody else
UNKNOWN_LICENCE = "unknown"
CONVERTERS = {"e5s1": convert_e5.VERSION, "gguf": convert_gguf.VERSION}
AS_IS = "as-is"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _ignore(stage: str, done: int, total: int) -> None:
    """A Progress that shows nothing."""


def is_current(entry: CatalogueEntry, models_dir: Path) -> bool:
    """Whether the finished folder is there, of the pinned file and made by the present converter."""
    record = read_record(models_dir / entry.name)
    return (
        record is not None and record.sha256 == entry.sha256 and record.converter == CONVERTERS[entry.format]
    )


def pull(entry: CatalogueEntry, models_dir: Path, progress: Progress | None = None, *, hub: str = "") -> Path:
    """Fetch, verify and convert; returns the finished folder. Does nothing when that is there already.

    ``hub`` names a mirror to use instead of the publisher's host. Raises DownloadError (no source gave the
    file; it names each with the reason), HashMismatchError, ConversionError, DiskFullError, MachineError
    (another run is at it).
    """
    progress = progress or _ignore
    if is_current(entry, models_dir):
        return models_dir / entry.name
    with _workshop(entry.name, models_dir, _room(entry)) as work:
        file = work / entry.file
        if not file.exists():
            _fetch(entry, file, progress, hub)
        else:
            _compare(file, entry, progress)
        return _finish(entry, file, work, models_dir, progress)


def _room(entry: CatalogueEntry) -> int:
    """Bytes that the work takes at its peak: pieces beside the joined file, then that beside the folder."""
    return max(2 * entry.size, entry.size + entry.finished_size)


@contextlib.contextmanager
def _workshop(name: str, models_dir: Path, needed: int) -> Iterator[Path]:
    """The work folder, for one process at a time and with room enough. A full disk is a DiskFullError."""
    work = models_dir / WORK / name
    make_home(models_dir.parent)
    work.mkdir(parents=True, exist_ok=True)
    held = sum(path.stat().st_size for path in work.rglob("*") if path.is_file())
    if shutil.disk_usage(work).free < needed - held + SLACK:
        raise no_room(needed + SLACK, models_dir)
    with (models_dir / WORK / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MachineError(
                f"Another process is fetching {name} at this moment.", "Wait until it has finished."
            ) from error
        try:
            yield work
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise no_room(needed, models_dir) from error
            raise


def _fetch(entry: CatalogueEntry, file: Path, progress: Progress, hub: str) -> None:
    """Each source in turn until one gives the right bytes."""
    sources: list[tuple[str, Callable[[], None]]] = []
    if entry.hub:
        source = entry.hub
        sources.append((source.resolve_url(hub), lambda: from_hub(source, file, entry.size, progress, hub)))
    if entry.index:
        wheels = entry.index
        sources.append((entry.sources[-1], lambda: from_index(wheels, file, entry.size, progress)))
    reasons = []
    mismatch: HashMismatchError | None = None
    for name, take in sources:
        try:
            take()
            _compare(file, entry, progress)
            return
        except SourceError as error:
            reasons.append(f"- {name}: {error}")
        except HashMismatchError as error:
            mismatch = error
            reasons.append(f"- {name}: {error.message}")
    if mismatch is not None and len(sources) == 1:
        raise mismatch
    kind = HashMismatchError if mismatch else DownloadError
    raise kind(
        f"{entry.name} could not be fetched. Tried:\n" + "\n".join(reasons),
        f"Check the network, or get {entry.file} (sha256 {entry.sha256[:12]}…) some other way and run "
        f"`citewell model import PATH --name {entry.name}`.",
    )


def _sha256(file: Path, progress: Progress) -> str:
    total, done = file.stat().st_size, 0
    digest = hashlib.sha256()
    with file.open("rb") as read:
        while piece := read.read(1 << 22):
            digest.update(piece)
            done += len(piece)
            progress("verifying", done, total)
    return digest.hexdigest()


def _compare(file: Path, entry: CatalogueEntry, progress: Progress) -> None:
    """Remove a download that is not what the catalogue pins, and say so."""
    found = _sha256(file, progress)
    if found == entry.sha256:
        return
    file.unlink()
    raise HashMismatchError(
        f"{entry.file} has sha256 {found[:12]}…, pinned is {entry.sha256[:12]}…; the download was removed.",
        "Run the command again; if it stays so, the source serves another file: import it from elsewhere.",
    )


def _finish(entry: CatalogueEntry, file: Path, work: Path, models_dir: Path, progress: Progress) -> Path:
    """Convert ``file`` into a fresh folder, verify it and publish it; then clear the work folder."""
    folder = work / "folder"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    progress("converting", 0, 0)
    if entry.format == "e5s1":
        convert_e5.convert_e5(file, folder)
    else:
        convert_gguf.convert_gguf(file, folder, entry.check)
    record = ModelRecord(entry.name, entry.revision, entry.sha256, entry.licence, CONVERTERS[entry.format])
    finished = _publish(folder, record, models_dir)
    shutil.rmtree(work, ignore_errors=True)
    return finished


def _publish(folder: Path, record: ModelRecord, models_dir: Path) -> Path:
    """Record, fsync, rename. A finished model is replaced; a folder that is not ours is never touched."""
    target = models_dir / record.name
    write_record(folder, record)
    for path in [*folder.rglob("*"), folder]:
        if path.is_file():
            path.chmod(0o644)
        sync(path)
    former = folder.with_name("former")
    if target.exists():
        if read_record(target) is None:
            raise ModelError(
                f"{target} is in the way: it is not a model that Citewell has made.",
                "Move it elsewhere and run the command again; what was downloaded is kept.",
            )
        shutil.rmtree(former, ignore_errors=True)
        target.rename(former)
    folder.rename(target)
    sync(models_dir)
    shutil.rmtree(former, ignore_errors=True)
    return target


def import_path(
    entry: CatalogueEntry | str | None, path: Path, models_dir: Path, progress: Progress | None = None
) -> Path:
    """Take a model from a file or folder on this machine; ``path`` itself is left as it is. Returns the
    finished folder.

    A file, or a folder that holds it, must be the published file of a catalogue entry (``None`` finds the
    entry by its hash). A folder with ``config.json`` is taken as a model as it stands: one of the
    catalogue is verified by values; any other name is allowed, its licence is recorded as unknown unless the
    catalogue states it, and the hashes of its files are recorded for later comparison. Raises
    ModelMissingError, UnknownModelError, HashMismatchError, ConversionError, DiskFullError.
    """
    progress = progress or _ignore
    if not path.exists():
        raise ModelMissingError(f"There is nothing at {path}.", "Check the path.")
    if path.is_dir() and (path / "config.json").is_file():
        return _import_folder(entry, path, models_dir, progress)
    known = find(entry) if isinstance(entry, str) else entry
    file, known = _published_file(known, path, progress)
    with _workshop(known.name, models_dir, _room(known)) as work:
        return _finish(known, file, work, models_dir, progress)


def _published_file(
    entry: CatalogueEntry | None, path: Path, progress: Progress
) -> tuple[Path, CatalogueEntry]:
    """The file at or in ``path`` whose hash the catalogue (or the given entry) pins."""
    sizes = {entry.size} if entry else {each.size for each in catalogue()}
    found = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    candidates = [each for each in found if each.stat().st_size in sizes]
    for file in candidates:
        sha256 = _sha256(file, progress)
        match = entry if entry and entry.sha256 == sha256 else None if entry else find_by_hash(sha256)
        if match:
            return file, match
    wanted = f"{entry.file} of sha256 {entry.sha256}" if entry else "a file of the catalogue"
    remedy = "`citewell model list` names each file with its hash."
    if candidates or path.is_file():
        raise HashMismatchError(f"{path} is not {wanted}; nothing was changed.", remedy)
    raise ModelMissingError(f"{path} does not hold {wanted}.", remedy)


def _import_folder(
    entry: CatalogueEntry | str | None, path: Path, models_dir: Path, progress: Progress
) -> Path:
    record = read_record(path)
    name = (
        entry.name if isinstance(entry, CatalogueEntry) else entry or (record.name if record else path.name)
    )
    if not NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot be a model's name.", "Give another with --name: letters, digits, . _ and -."
        )
    known = next((each for each in catalogue() if each.name == name), None)
    files = sorted(each for each in path.rglob("*") if each.is_file() and each.name not in OURS)
    size = sum(each.stat().st_size for each in files)
    with _workshop(name, models_dir, size) as work:
        folder = work / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        hashes: dict[str, str] = {}
        done = 0
        for file in files:
            target = folder / file.relative_to(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            hashes[str(file.relative_to(path))] = _sha256(target, _ignore)
            done += file.stat().st_size
            progress("copying", done, size)
        if known:
            progress("verifying", 0, 0)
            _verify(known, folder)
            record = ModelRecord(name, known.revision, known.sha256, known.licence, CONVERTERS[known.format])
        else:
            sha256 = hashlib.sha256("".join(f"{n}\0{h}\n" for n, h in hashes.items()).encode()).hexdigest()
            licence = next((each.licence for each in folder_entries() if each.name == name), UNKNOWN_LICENCE)
            record = ModelRecord(name, sha256[:12], sha256, licence, AS_IS, hashes)
        finished = _publish(folder, record, models_dir)
        shutil.rmtree(work, ignore_errors=True)
        return finished


def _verify(entry: CatalogueEntry, folder: Path) -> None:
    """Known values of a model that is already converted."""
    try:
        if entry.format == "e5s1":
            convert_e5.verify_e5(folder)
        elif entry.check:
            convert_gguf.verify_generator(folder, entry.check)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConversionError(
            f"The folder does not load as {entry.name}: {error}", "Import another copy."
        ) from error
