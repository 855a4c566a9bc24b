"""What the last sync saw of a web site, in a small file, so that unchanged pages need not come again."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

__all__ = ["PageState", "SiteState"]

_VERSION = 1


class PageState(BaseModel):
    """One page: its validators, what its content was, and where it led.

    ``sha256`` is that of the content as it was handed on, "" for what was none of our formats.
    """

    etag: str = ""
    last_modified: str = ""
    lastmod: str = ""
    sha256: str = ""
    size: int = 0
    modified: float | None = None
    suffix: str = ""
    index: bool = True
    links: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Is it a document, and does it want to be found?"""
        return bool(self.sha256) and self.index


_Pages = TypeAdapter(dict[str, PageState])


class SiteState:
    """Pages by address. Losing the file costs one full download, nothing else."""

    def __init__(self, file: Path = Path()) -> None:
        self._file = file
        self._before: dict[str, PageState] = {}
        self._now: dict[str, PageState] = {}
        with contextlib.suppress(OSError, ValueError, ValidationError, KeyError, TypeError):
            content = json.loads(file.read_bytes())
            if content["version"] == _VERSION:
                self._before = _Pages.validate_python(content["pages"])

    def get(self, url: str) -> PageState | None:
        """What is known of a page."""
        return self._now.get(url) or self._before.get(url)

    def put(self, url: str, page: PageState) -> None:
        """Remember what was seen now."""
        self._now[url] = page

    def keep(self, url: str) -> PageState | None:
        """Remember what was seen before, of a page that could not be read now."""
        page = self._before.get(url)
        if page is not None:
            self._now[url] = page
        return page

    def save(self, *, whole: bool) -> None:
        """Write the file; pages that were not met are forgotten if the listing was ``whole``."""
        pages = self._now if whole else {**self._before, **self._now}
        content = {"version": _VERSION, "pages": _Pages.dump_python(pages, exclude_defaults=True)}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
        os.replace(partial, self._file)
