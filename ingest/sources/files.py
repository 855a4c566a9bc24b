"""Files behind any fsspec URL: object stores, sftp, smb, http indexes, archives.

https://filesystem-spec.readthedocs.io lists the protocols. Credentials come from options, which are passed
on, or from wherever the protocol's own package looks for them (environment, profiles, instance roles).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import fsspec
from fsspec.registry import get_filesystem_class, known_implementations
from pathspec import PathSpec
from pydantic import ConfigDict, Field

from ingest.access import SIDECAR
from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.names import is_clutter, printable, split_glob
from ingest.sources.options import Options, Scrub, public_url
from rag.errors import (
    CitewellError,
    MissingPackageError,
    SettingsError,
    SourceNotFoundError,
    SourceUnavailableError,
    TooLargeError,
    UnreadableFileError,
)
from rag.settings import IngestSettings

__all__ = ["FilesOptions", "FilesSource"]

Result = TypeVar("Result")
Info = dict[str, Any]

_DEPTH = 100
_LOCAL = ("file", "local")
_HTTP = ("http", "https")
# What fsspec's own implementations need; the others are packages named after themselves
_PACKAGES = {
    "sftp": "paramiko", "ssh": "paramiko", "smb": "smbprotocol", "http": "aiohttp", "https": "aiohttp",
    "hdfs": "pyarrow", "arrow_hdfs": "pyarrow", "webhdfs": "requests", "webdav": "webdav4[fsspec]",
    "github": "requests", "git": "pygit2", "dbfs": "requests", "libarchive": "libarchive-c",
}  # fmt: skip
# Names under which file systems tell a mark of the content, the best first, and a time
_MARKS = (
    "sha256", "md5", "md5Hash", "content_md5", "Content-MD5", "Digest", "ETag", "etag", "checksum", "sha",
    "generation", "VersionId", "version_id", "CRC",
)  # fmt: skip
_TIMES = (
    "LastModified", "last_modified", "Last-Modified", "mtime", "modified", "updated", "last_write_time",
    "modificationTime", "date_time", "created",
)  # fmt: skip


class FilesOptions(Options):
    """All options but these are passed to the protocol's file system (key, secret, host, anon ...)."""

    model_config = ConfigDict(extra="allow")

    timeout_s: float = Field(60, gt=0, description="Seconds that one request may take.")


class FilesSource:
    """All files below a URL, or those that match a glob; one request lists one folder.

    Over http a folder is a page of links whose URL ends with a slash. Sidecars above the location are looked
    for too, except over http, where a server may answer anything to a name that it does not know.
    """

    def __init__(self, location: str, options: FilesOptions, limits: IngestSettings) -> None:
        """Raises SettingsError, MissingPackageError."""
        protocols = [part.partition("://")[0] for part in location.split("::")]
        for protocol in protocols:
            _check(protocol)
        self._options = {**(options.model_extra or {})}
        self._timeout_s = options.timeout_s
        self._limits = limits
        self._scrub = Scrub(location, self._options)
        self._http = protocols[0] in _HTTP
        self._location, self._pattern = location, ""
        if len(protocols) == 1:
            self._location, self._pattern = split_glob(location, frozenset("*" if self._http else "*?["))
        self._shown = public_url(self._location)
        self._paths: dict[str, str] = {}
        self._fs: Any = None
        self._root = ""

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list. Raises SourceNotFoundError, SourceUnavailableError."""
        root = self._open()
        if root["type"] == "file":
            yield from self._single(root)
            return
        yield from self._sidecars_above(self._root)
        wanted = PathSpec.from_lines("gitignore", [self._pattern]) if self._pattern else None
        for found in self._walk(self._root, "", 0):
            always = found.path.endswith(("/" + SIDECAR, "/")) or found.path in ("", SIDECAR)
            if wanted is None or always or wanted.match_file(found.path):
                yield found

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        limit = int(self._limits.max_file_mb * 1e6)
        path = self._paths[file.uri]

        def read() -> bytes:
            if file.size is not None and file.size <= limit:
                content: bytes = self._fs.cat_file(path)
                return content
            with self._fs.open(path, "rb") as stream:
                start: bytes = stream.read(limit + 1)
                return start

        try:
            data = self._call(read)
        except Exception as error:  # each file system raises its own kinds
            raise UnreadableFileError(f"cannot be fetched: {self._reason(error)}") from error
        if refused := size_refusal(len(data), self._limits):
            raise (TooLargeError if data else UnreadableFileError)(refused)
        return Fetched(data)

    def close(self) -> None:
        """The file system gives its connections back when nobody holds it any more."""
        self._fs = None

    def _open(self) -> Info:
        """Reach the location; what it is."""
        try:
            self._fs, self._root = self._call(
                lambda: fsspec.core.url_to_fs(self._location, skip_instance_cache=True, **self._options)
            )
            if self._http and (self._pattern or self._root.endswith("/")):
                self._root = self._root.rstrip("/") + "/"
                return {"type": "directory"}  # fsspec itself takes every page for a file
            self._root = self._root.rstrip("/") or self._root
            info: Info = self._call(lambda: self._fs.info(self._root))
        except FileNotFoundError as error:
            raise SourceNotFoundError(f"{self._shown} does not exist.", "Check the location.") from error
        except CitewellError:
            raise
        except ImportError as error:
            raise MissingPackageError(
                f"{self._shown} needs a Python package that is missing: {self._reason(error)}.",
                "Install it with pip.",
            ) from error
        except Exception as error:  # each file system raises its own kinds
            raise SourceUnavailableError(
                f"{self._shown} cannot be reached: {self._reason(error)}.",
                "Check the location, its options and the network.",
            ) from error
        return info

    def _single(self, info: Info) -> Iterator[SourceFile | Failure]:
        folder = self._root.rpartition("/")[0]
        yield from self._sidecars_above(folder)
        if not self._http and self._exists(f"{folder}/{SIDECAR}"):
            yield self._sidecar(f"{folder}/{SIDECAR}", SIDECAR)
        yield self._file(info, _name(self._root, self._http), self._shown)

    def _sidecars_above(self, folder: str) -> Iterator[SourceFile]:
        if self._http:
            return
        above = folder.strip("/").split("/")[:-1]
        for length in range(len(above) + 1):
            path = "/".join([*above[:length], SIDECAR])
            path = "/" + path if folder.startswith("/") else path
            if folder.strip("/") and self._exists(path):
                yield self._sidecar(path, "../" * (len(above) + 1 - length) + SIDECAR)

    def _exists(self, path: str) -> bool:
        try:
            return self._call(lambda: bool(self._fs.exists(path)))
        except Exception:  # not allowed to look there: then nothing there speaks for this source
            return False

    def _sidecar(self, path: str, below: str) -> SourceFile:
        uri = _joined(self._shown, below)
        self._paths[uri] = path
        return SourceFile(uri, SIDECAR, below)

    def _walk(self, folder: str, below: str, depth: int) -> Iterator[SourceFile | Failure]:
        """What lies below ``folder``, whose path below the location is ``below``, a sidecar first."""
        here = _joined(self._shown, below.rstrip("/"))
        if depth > _DEPTH:
            yield Failure(here, f"folders are nested deeper than {_DEPTH}", below)
            return
        try:
            entries: Sequence[Info] = self._call(lambda: self._fs.ls(folder, detail=True))
        except Exception as error:  # each file system raises its own kinds
            yield Failure(here, f"folder cannot be listed: {self._reason(error)}", below)
            return
        named = [(_name(str(entry["name"]), self._http), entry) for entry in entries]
        for name, entry in sorted(named, key=lambda pair: (pair[0] != SIDECAR, pair[0])):
            path = str(entry["name"])
            # object stores list the folder itself, web servers the orders that it can be sorted in
            if path.rstrip("/") == folder.rstrip("/") or is_clutter(name) or (self._http and "?" in path):
                continue
            if entry["type"] == "directory":
                yield from self._walk(path, f"{below}{name}/", depth + 1)
            elif name == SIDECAR:
                yield self._sidecar(path, below + name)
            else:
                yield self._file(entry, below + name, _joined(self._shown, below + name))

    def _file(self, info: Info, below: str, uri: str) -> SourceFile | Failure:
        path = str(info["name"])
        if info["type"] != "file":
            return Failure(uri, "not a regular file; links are not followed", below)
        mark, modified = _mark(info), _time(info)
        if not mark and modified is None:
            try:
                info = {**info, **self._call(lambda: self._fs.info(path))}
            except Exception as error:  # each file system raises its own kinds
                return Failure(uri, f"cannot be looked at: {self._reason(error)}", below)
            mark, modified = _mark(info), _time(info)
        size = info.get("size")
        size = int(size) if size is not None else None
        if refused := size_refusal(size, self._limits):
            return Failure(uri, refused, below)
        self._paths[uri] = path
        return SourceFile(uri, below.rpartition("/")[2], below, size, modified, mark)

    def _call(self, call: Callable[[], Result]) -> Result:
        """A call that may take no longer than the timeout, whatever the file system allows itself."""
        outcome: list[Result] = []
        problem: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(call())
            except BaseException as error:
                problem.append(error)

        thread = threading.Thread(target=run, daemon=True, name="fsspec call")
        thread.start()
        thread.join(self._timeout_s)
        if problem:
            raise problem[0]
        if not outcome:
            raise TimeoutError(f"no answer within {self._timeout_s:g} s (option timeout_s)")
        return outcome[0]

    def _reason(self, error: Exception) -> str:
        return self._scrub(error) or type(error).__name__


def _check(protocol: str) -> None:
    """Raises SettingsError for a protocol that is not served here, MissingPackageError naming the package."""
    if protocol in _LOCAL:
        raise SettingsError("kind files does not read this machine's folders.", "Use kind folder for them.")
    try:
        get_filesystem_class(protocol)
    except ValueError as error:
        names = "s3, gcs, az, sftp, smb, http"
        raise SettingsError(
            f"{protocol} is no protocol that fsspec knows.", f"Begin the location with one: {names} ..."
        ) from error
    except ImportError as error:
        module = str(known_implementations.get(protocol, {}).get("class", protocol)).partition(".")[0]
        package = _PACKAGES.get(protocol, module.replace("_", "-"))
        raise MissingPackageError(
            f"{protocol}:// needs the Python package {package}, which is not installed.",
            f'Run `pip install "{package}"`.',
        ) from error


def _joined(location: str, below: str) -> str:
    """The address of what lies below a location."""
    start = location[:-1] if location.endswith("://") else location.rstrip("/")
    return f"{start}/{below}" if below else start


def _name(path: str, http: bool) -> str:
    last = (urlsplit(path).path if http else path).rstrip("/").rpartition("/")[2]
    return printable(unquote(last) if http else last)


def _mark(info: Info) -> str:
    for name in _MARKS:
        value = info.get(name)
        if isinstance(value, bytes | bytearray):
            value = value.hex()
        if value:
            return f"{name.lower()}:{value}"
    return ""


def _time(info: Info) -> float | None:
    for name in _TIMES:
        if info.get(name):
            found = _seconds(info[name])
            if found is not None:
                return found
    return None


def _seconds(value: object) -> float | None:
    """Seconds since the epoch of a time in any of the forms that file systems give it."""
    try:
        if isinstance(value, tuple):
            value = datetime(*value)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = parsedate_to_datetime(str(value))
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, int | float):
            # Hadoop counts milliseconds
            return value / 1000 if value > 1e11 else float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return None
