"""Mail: an mbox file, a Maildir with its subfolders, or a folder of either.

Every message is a document of its own, with the subject as its title; parsers read what is attached to it.
"""

from __future__ import annotations

import glob
import hashlib
import mailbox
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.export import safe_name
from ingest.sources.names import is_clutter, printable
from rag.errors import SourceNotFoundError, SourceUnavailableError, TooLargeError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["MailSource"]

Read = Callable[[int], bytes]

_PARTS = ("cur", "new")
_HEADERS = 1 << 18
_DAY_S = 86400
_TRASHED = re.compile(r"[:;!]2,[A-Z]*T[A-Z]*$")


class MailSource:
    """The messages of mailboxes. An address is made of the mailbox and the Message-ID, so that a message
    keeps it when its flags or its place in the file change; one without an id is known by its content. A
    message that lies in two mailboxes is listed twice, each time with the readers of that mailbox.
    """

    def __init__(self, name: str, location: str, limits: IngestSettings) -> None:
        self._name, self._limits = name, limits
        self._root = Path(location).expanduser()
        self._reads: dict[str, Read] = {}
        self._held = ExitStack()

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list; every message is read for it, though not parsed. Raises SourceNotFoundError,
        SourceUnavailableError.
        """
        self.close()
        for name, path in self._boxes().items():
            root, seen = f"mail:{self._name}/{quote(name)}", dict[str, str]()
            try:
                for read in _maildir(path) if path.is_dir() else self._mbox(path):
                    yield from self._message(name, root, read, seen)
            except (OSError, mailbox.Error) as error:
                yield Failure(root, f"the mailbox cannot be read: {error}", name + "/")

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        try:
            data = self._reads[file.uri](int(self._limits.max_file_mb * 1e6) + 1)
        except (OSError, KeyError, mailbox.Error) as error:
            raise UnreadableFileError(f"the message cannot be read: {error}") from error
        if refused := size_refusal(len(data), self._limits):
            raise (TooLargeError if data else UnreadableFileError)(refused)
        return Fetched(data)

    def close(self) -> None:
        """Close the mailboxes."""
        self._held.close()
        self._reads = {}

    def _boxes(self) -> dict[str, Path]:
        """Mailboxes by their names: files that begin as mbox files do, and folders with cur and new."""
        root = self._root
        try:
            if root.is_file():
                found = {root.name: root} if _is_mbox(root) else {}
            elif root.is_dir():
                found = dict(sorted(_below(root)))
            else:
                raise SourceNotFoundError(f"{root} does not exist.", "Check the path of the mail.")
        except OSError as error:
            raise SourceUnavailableError(
                f"{error.filename or root} cannot be read: {error.strerror}.", "Check its permissions."
            ) from error
        if not found:
            raise SourceUnavailableError(
                f"{root} holds no mail.", "Give an mbox file, a Maildir, or a folder of them."
            )
        return found

    def _mbox(self, path: Path) -> Iterator[Read]:
        box = mailbox.mbox(path, create=False)
        self._held.callback(box.close)
        lock = threading.Lock()  # the file is read at one place at a time

        def reader(key: str) -> Read:
            def read(limit: int) -> bytes:
                with lock:
                    return box.get_file(key).read(limit)

            return read

        return (reader(key) for key in box.keys())  # noqa: SIM118 - a mailbox iterates over messages

    def _message(
        self, box: str, root: str, read: Read, seen: dict[str, str]
    ) -> Iterator[SourceFile | Failure]:
        """One message; ``seen`` are the contents of this mailbox so far, by address."""
        data = read(int(self._limits.max_file_mb * 1e6) + 1)
        digest = hashlib.sha256(data).hexdigest()
        headers = BytesHeaderParser().parsebytes(data[:_HEADERS])
        key = "".join(_decoded(headers, "Message-ID").split()).strip("<>") or f"sha256-{digest[:32]}"
        uri = f"{root}/{quote(key, safe='@.-_+=$')}"
        if seen.get(uri) == digest:
            return  # the same message once more
        if uri in seen:
            # another that claims the same id must not take the place of the first
            uri = f"{uri};{digest[:16]}"
        seen[uri] = digest
        subject = _decoded(headers, "Subject")
        name = safe_name(subject or "no subject", ".eml")
        if refused := size_refusal(len(data), self._limits):
            yield Failure(uri, refused, f"{box}/{name}")
            return
        self._reads[uri] = read
        mark = f"sha256:{digest}"
        yield SourceFile(uri, name, f"{box}/{name}", len(data), _moment(headers), mark, title=subject)


def _below(root: Path) -> Iterator[tuple[str, Path]]:
    """(name, path) of the mailboxes below a folder. Raises OSError."""

    def refuse(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(root, onerror=refuse):
        path = Path(folder)
        if set(_PARTS) <= set(folders):
            yield _box_name(path, root), path
            # Maildir++ keeps the subfolders of a mailbox in it, each with a dot in front
            folders[:] = [name for name in folders if name not in (*_PARTS, "tmp")]
            continue
        folders[:] = [name for name in folders if not is_clutter(name)]
        for name in files:
            if not is_clutter(name) and _is_mbox(path / name):
                yield _box_name(path / name, root), path / name


def _box_name(path: Path, root: Path) -> str:
    below = printable(path.relative_to(root).as_posix())
    if below == ".":
        return "INBOX"
    parts = [
        part.lstrip(".").replace(".", "/") if part.startswith(".") else part for part in below.split("/")
    ]
    return "/".join(parts)


def _is_mbox(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with open(path, "rb") as stream:
        return stream.read(5) == b"From "


def _maildir(path: Path) -> Iterator[Read]:
    """The messages of a Maildir but for those marked as deleted."""

    def reader(file: Path) -> Read:
        def read(limit: int) -> bytes:
            try:
                with open(file, "rb") as stream:
                    return stream.read(limit)
            except FileNotFoundError:
                # its flags are part of its name
                base = re.split(r"[:;!]2,", file.name)[0]
                moved = [
                    one for part in ("cur", "new") for one in (path / part).glob(f"{glob.escape(base)}*")
                ]
                if not moved:
                    raise
                return moved[0].read_bytes()[:limit]

        return read

    for part in _PARTS:
        for name in sorted(os.listdir(path / part)):
            file = path / part / name
            if not name.startswith(".") and not _TRASHED.search(name) and not file.is_symlink():
                yield reader(file)


def _decoded(headers: Message, name: str) -> str:
    """A header as text, whatever it was written in."""
    value = headers.get(name)
    if value is None:
        return ""
    try:
        text = str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        text = str(value)
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def _moment(headers: Message) -> float | None:
    """When a message says that it was written, in seconds since the epoch; dates to come are not believed."""
    try:
        moment = parsedate_to_datetime(str(headers.get("Date"))).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment < time.time() + _DAY_S else None
