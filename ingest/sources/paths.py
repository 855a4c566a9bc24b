"""Paths that were given on a command line, as one source: what a folder's sidecars say holds here too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ingest.access import AccessSource, Selection
from ingest.source import Failure, Fetched, Known, Source, SourceFile
from ingest.sources.folder import FolderSource, root_uri
from rag.errors import SourceNotFoundError
from rag.settings import Settings, SourceSettings

__all__ = ["PathsSource"]


class PathsSource:
    """Several files and folders. Raises SourceNotFoundError, before anything is read, when one of them does
    not exist.
    """

    def __init__(self, paths: Sequence[Path], settings: Settings) -> None:
        missing = [path for path in paths if not path.expanduser().exists()]
        if missing:
            raise SourceNotFoundError(
                f"{missing[0]} does not exist.", "Check the path; folders and files are accepted."
            )
        self._sources: list[Source] = []
        for path in paths:
            config = SourceSettings(location=str(path))
            folder = FolderSource(config.location, settings.ingest)
            self._sources.append(AccessSource("", folder, Selection("", config)))
        self._within = tuple(root_uri(path).rstrip("/") + "/" for path in paths)
        self._listed: dict[str, Source] = {}

    def list(self, known: Mapping[str, Known]) -> Iterator[SourceFile | Failure]:
        """See Source.list; what two paths share comes once."""
        for source in self._sources:
            for item in source.list(known):
                if isinstance(item, Failure):
                    yield item
                elif item.uri not in self._listed:
                    self._listed[item.uri] = source
                    yield item

    def fetch(self, file: SourceFile) -> Fetched:
        """See Source.fetch."""
        return self._listed[file.uri].fetch(file)

    def close(self) -> None:
        """Give back what the sources hold."""
        for source in self._sources:
            source.close()

    def covers(self, uri: str) -> bool:
        """Whether a uri lies at or below one of the paths."""
        return f"{uri}/".startswith(self._within)
