"""Pages of originals as pictures, and quotes on them: a warm parse worker, one page at a time.

A hostile file reaches that process only, and keeps others waiting for a short while at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi import Request

from ingest.originals import original_path
from ingest.parse import Boxes, Parser
from rag.errors import NotFoundError
from rag.settings import Settings

__all__ = ["Pages", "pages"]

T = TypeVar("T")
PAGE_S = 20.0  # seconds that one page may take
_DPI = 110.0


class Pages:
    """Draws pages. Safe to use from several threads; close it."""

    def __init__(self, settings: Settings) -> None:
        most = min(PAGE_S, settings.ingest.parse_timeout_s)
        self._parser = Parser(settings.ingest.model_copy(update={"parse_timeout_s": most}))
        self._folder = settings.originals_dir
        self._lock = threading.Lock()

    def original(self, sha256: str) -> Path:
        """The file with these bytes. Raises NotFoundError when it is not kept."""
        path = original_path(self._folder, sha256)
        if len(sha256) != 64 or not path.is_file():
            raise NotFoundError(
                "The original of this document is not kept.",
                "Set ingest.keep_originals to true and ingest the document again.",
            )
        return path

    def picture(self, sha256: str, page: int, width: int) -> bytes:
        """Page ``page`` (from 1) as PNG, ``width`` pixels across. Raises as Parser.picture does, and
        NotFoundError.
        """
        return self._with(sha256, lambda data: self._parser.picture(data, page, _DPI, width))

    def boxes(self, sha256: str, page: int, quote: str, before: str, after: str) -> Boxes:
        """Where a quote stands on a page. Raises as Parser.boxes does, and NotFoundError."""
        return self._with(sha256, lambda data: self._parser.boxes(data, page, quote, before, after))

    def _with(self, sha256: str, work: Callable[[bytes], T]) -> T:
        path = self.original(sha256)
        with self._lock:
            return work(path.read_bytes())

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._parser.close()


def pages(request: Request) -> Pages:
    """Dependency: the pages of this server's originals."""
    found = request.app.state.pages
    assert isinstance(found, Pages)
    return found
