"""Files inside of files: written into a folder of the parent's choice, under names that lead nowhere else.

What is unpacked is counted as it comes, because a size that an archive states can lie.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ingest.parse_blocks import Part
from rag.errors import TooLargeError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["Budget", "PartWriter", "check_depth", "is_junk", "part_name"]

STEP = 1 << 20
# Below this much, files compress well without meaning harm
_HARMLESS = 10 * STEP
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LONGEST = 150
# Left behind by Office, macOS and Windows beside the documents; never documents themselves
_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})


def part_name(raw: str) -> str:
    """A member's name as a path that stays inside its archive: "/" between folders, NFC, no "..", no drive,
    no controls. "" when nothing is left.
    """
    text = unicodedata.normalize("NFC", _CONTROLS.sub("", raw)).replace("\\", "/")
    kept = [step.strip()[-_LONGEST:] for step in text.split("/")]
    # "C:" of a Windows path goes too, and "!" where it would read as the mark between archive and member
    kept = [step.rstrip("!") if step.endswith("!") else step for step in kept if not step.endswith(":")]
    return "/".join(step for step in kept if step.strip(". "))


def is_junk(name: str) -> bool:
    """Whether a member is hidden, or something that a system left behind."""
    steps = name.lower().split("/")
    return any(step in _JUNK or step.startswith((".", "~$")) for step in steps)


def check_depth(depth: int, settings: IngestSettings) -> None:
    """Refuse what lies ``depth`` files deep (1: in an archive that lies in a folder). Raises
    TooLargeError.
    """
    if depth > settings.max_depth:
        raise TooLargeError(
            f"it lies {depth} archives or mails deep, over {settings.max_depth} (setting ingest.max_depth)"
        )


class Budget:
    """Counts what one file unpacks to; ``packed`` is its own size in bytes."""

    def __init__(self, packed: int, settings: IngestSettings) -> None:
        self._packed = packed
        self._limit = int(settings.max_unpacked_mb * 1e6)
        self._ratio = settings.max_ratio
        self._unpacked = 0

    def judge(self, unpacked: int) -> None:
        """Raises TooLargeError when ``unpacked`` bytes are too many in all."""
        if unpacked > self._limit:
            raise TooLargeError(
                f"it unpacks to more than {self._limit / 1e6:,.0f} MB: a zip bomb? "
                "(setting ingest.max_unpacked_mb)"
            )
        if unpacked > _HARMLESS and unpacked > self._ratio * self._packed:
            raise TooLargeError(
                f"it unpacks to more than {self._ratio:g} times its size: a zip bomb? "
                "(setting ingest.max_ratio)"
            )

    def spend(self, count: int) -> None:
        """Count bytes that were unpacked. Raises TooLargeError."""
        self._unpacked += count
        self.judge(self._unpacked)

    def read(self, stream: BinaryIO) -> Iterator[bytes]:
        """The rest of a stream in steps, each counted before the next is unpacked. Raises TooLargeError."""
        while step := stream.read(STEP):
            self.spend(len(step))
            yield step


class PartWriter:
    """Writes parts into ``folder`` as numbered files. Raises TooLargeError beyond ingest.max_members."""

    def __init__(self, folder: Path, settings: IngestSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.parts: list[Part] = []
        self._taken: dict[str, int] = {}

    def add(self, name: str, steps: Iterable[bytes], error: str = "") -> None:
        """Write one part; junk and files without a byte are left out. With an ``error`` nothing is read."""
        name = part_name(name) or "unnamed"
        if is_junk(name):
            return
        if len(self.parts) >= self.settings.max_members:
            raise TooLargeError(
                f"it holds more than {self.settings.max_members:,} files (setting ingest.max_members)"
            )
        path = self.folder / str(len(self.parts))
        with path.open("wb") as out:
            for step in steps if not error else ():
                _write(out, step)
            empty = out.tell() == 0
        if not empty or error:
            self.parts.append(Part(self._unique(name), path, error))

    def _unique(self, name: str) -> str:
        self._taken[name] = count = self._taken.get(name, 0) + 1
        if count == 1:
            return name
        path = PurePosixPath(name)
        return self._unique(str(path.with_name(f"{path.stem}~{count}{path.suffix}")))


def _write(out: BinaryIO, step: bytes) -> None:
    try:
        out.write(step)
    except OSError as error:  # not to be taken for damage of the archive
        raise UnreadableFileError(
            f"there is no room to unpack it: {error.strerror} (the system's folder for temporary files)"
        ) from error
