"""Pages of stored originals as pictures, for the source viewer."""

from __future__ import annotations

from ingest.parse import Parser
from rag.settings import IngestSettings

__all__ = ["render_page"]


def render_page(data: bytes, page: int, dpi: float, settings: IngestSettings) -> bytes:
    """Page ``page`` (from 1) of a PDF or a picture as PNG.

    Drawn in a process of its own, which takes about half a second to start; a Parser that is kept draws
    further pages with ``Parser.picture`` in a tenth of that. Raises PageNotFoundError, UnsupportedFormatError
    for formats without pages, UnreadableFileError, TooLargeError.
    """
    with Parser(settings) as parser:
        return parser.picture(data, page, dpi)
