"""Git repositories: the files of one branch, tag or commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ingest.access import SIDECAR
from ingest.source import Failure, Fetched, Known, SourceFile, size_refusal
from ingest.sources.git_mirror import GitMirror, GitOptions
from ingest.sources.names import is_hidden, printable
from ingest.sources.options import Scrub, split_login
from rag.errors import UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["GitSource"]

_LFS = b"version https://git-lfs.github.com/spec/"


class GitSource:
    """The files of a repository at ``options.ref``, but for hidden ones, links and submodules.

    An address is git+URL!/path, without the commit: a file keeps it through all its versions. The mark of a
    file is the id of its content, its time that of the commit that last changed it on this branch.
    """

    def __init__(
        self,
        location: str,
        options: GitOptions,
        limits: IngestSettings,
        place: Path,
        takes: Callable[[str], bool],
    ) -> None:
        """The mirror lies in ``place`` with the ending .git. Only what ``takes`` a path is fetched. Raises
        SettingsError, MachineError.
        """
        url, username, password = split_login(location)
        login = {"username": options.username or username, "password": options.password or password}
        options = options.model_copy(update=login)
        scrub = Scrub(location, {"password": options.password})
        self._mirror = GitMirror(url, place.parent / f"{place.name}.git", options, scrub)
        self._root = f"git+{url.rstrip('/')}" + (f"@{options.ref}" if options.ref != "HEAD" else "")
        self._limits, self._takes = limits, takes

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list. Raises SourceNotFoundError, SourceUnavailableError."""
        self._mirror.update()
        files = {printable(blob.path): blob for blob in self._mirror.files() if not is_hidden(blob.path)}
        new = {
            path: blob
            for path, blob in files.items()
            if _is_sidecar(path) or (self._takes(path) and not self._has(path, blob.oid, known))
        }
        self._mirror.bring(blob.oid for blob in new.values())
        sizes = self._mirror.sizes([blob.oid for blob in new.values()]) if new else {}
        times = self._mirror.times(blob.path for blob in new.values()) if new else {}
        for path, blob in sorted(files.items(), key=lambda item: (not _is_sidecar(item[0]), item[0])):
            uri = self._uri(path)
            if path in new:
                size, modified = sizes.get(blob.oid), times.get(blob.path)
            elif uri in known:
                size, modified = known[uri].size, known[uri].modified
            else:
                size = modified = None
            refused = "" if _is_sidecar(path) else size_refusal(size, self._limits)
            if refused:
                yield Failure(uri, refused, path)
            else:
                yield SourceFile(uri, path.rpartition("/")[2], path, size, modified, blob.oid)

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        data = self._mirror.content(file.etag)
        if data.startswith(_LFS):
            raise UnreadableFileError("its content is in Git LFS, which is not fetched")
        if refused := size_refusal(len(data), self._limits):
            raise UnreadableFileError(refused)
        return Fetched(data)

    def close(self) -> None:
        """Nothing is held; the mirror stays for the next sync."""

    def _uri(self, path: str) -> str:
        return f"{self._root}!/{path}"

    def _has(self, path: str, oid: str, known: Mapping[str, Known]) -> bool:
        uri = self._uri(path)
        return uri in known and known[uri].etag == oid


def _is_sidecar(path: str) -> bool:
    return path.rpartition("/")[2] == SIDECAR
