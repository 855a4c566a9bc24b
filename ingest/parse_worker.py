"""The process that parses: one file at a time, until its input ends. Started by ingest.parse, never imported
by it.

Protocol, both ways: 8 bytes of length, then that many bytes. A request is a JSON line (name, settings) and
the file's bytes; the reply is JSON, either {"title", "mime", "blocks", "parts", "notes"} or {"error",
"message", "remedy"}; the files of parts lie in the folder "parts" of the scratch folder, named by their
number. A request with "page" and "dpi" is answered with {"picture"}, a PNG in base64, one with "page" and
"quote" with {"width", "height", "rects"}. Any number of {"more_s"} may come before the reply: seconds that
OCR takes, on top of the file's limit. JSON and not pickle, so that a document that takes over this process
cannot take over the one that reads its answer.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import resource
import shutil
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from ingest.parse_archive import check_archive
from ingest.parse_blocks import Parsed
from ingest.parse_parts import PartWriter
from ingest.parse_sniff import sniff
from rag.errors import IngestError, TooLargeError
from rag.settings import IngestSettings

__all__ = ["main", "parse_bytes", "receive", "send"]

# Imported when first needed: plain text must not wait two seconds for the Office libraries
_PARSERS = {
    "txt": ("ingest.parse_text", "parse_text"),
    "md": ("ingest.parse_web", "parse_md"),
    "html": ("ingest.parse_web", "parse_html"),
    "markup": ("ingest.parse_markup", "parse_markup"),
    "tex": ("ingest.parse_markup", "parse_tex"),
    "code": ("ingest.parse_code", "parse_code"),
    "csv": ("ingest.parse_table", "parse_csv"),
    "json": ("ingest.parse_json", "parse_json"),
    "jsonl": ("ingest.parse_json", "parse_jsonl"),
    "ipynb": ("ingest.parse_notebook", "parse_notebook"),
    "xml": ("ingest.parse_xml", "parse_xml"),
    "xlsx": ("ingest.parse_table", "parse_xlsx"),
    "docx": ("ingest.parse_office", "parse_docx"),
    "pptx": ("ingest.parse_office", "parse_pptx"),
    "odf": ("ingest.parse_odf", "parse_odf"),
    "fodf": ("ingest.parse_odf", "parse_flat_odf"),
    "epub": ("ingest.parse_epub", "parse_epub"),
    "rtf": ("ingest.parse_rtf", "parse_rtf"),
}
# These may need OCR, and time for it
_SEEN = {
    "pdf": ("ingest.parse_pdf", "parse_pdf"),
    "image": ("ingest.parse_image", "parse_image"),
}
# These find files inside of the file
_OPENERS = {
    "eml": ("ingest.parse_mail", "parse_mail"),
    "msg": ("ingest.parse_msg", "parse_msg"),
    "mbox": ("ingest.parse_mail", "parse_mbox"),
    "zip": ("ingest.parse_archive", "parse_zip"),
    "tar": ("ingest.parse_archive", "parse_tar"),
    "packed": ("ingest.parse_archive", "parse_packed"),
}
# This shows a page instead of reading it
_DRAWER = ("ingest.parse_page", "page_picture")
# This finds a quote on a page
_PLACER = ("ingest.parse_pdf_boxes", "quote_boxes")
# These become another kind first
_CONVERTER = ("ingest.parse_old_office", "modernised")
_CONVERTED = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "xlsb": "application/vnd.ms-excel",
    "wordxml": "application/msword",
    "excelxml": "application/vnd.ms-excel",
}
_psutil: Any = psutil  # it has no types
_LENGTH = struct.Struct("<Q")
_ZIPPED = ("docx", "pptx", "xlsx", "odf", "epub")
_PLAIN = ("txt", "md", "csv", "markup", "tex", "code")


def parse_bytes(
    data: bytes, name: str, settings: IngestSettings, scratch: Path, extend: Callable[[float], None]
) -> Parsed:
    """Parse in this process; parts go to the folder "parts" of ``scratch``, which is there, and ``extend`` is
    asked for the seconds that OCR takes. Raises an IngestError of a kind that fits.
    """
    with _memory_limited(settings.parse_memory_mb):
        kind = sniff(data, name)
    mime = _CONVERTED.get(kind)
    if mime is not None:
        data, kind = _imported(_CONVERTER)(data, kind, settings, scratch)
    if kind in _ZIPPED:
        check_archive(data, settings)
    limit = settings.max_text_mb * 1e6
    # plain text cannot shrink below a quarter by decoding: refuse it before it is taken apart
    if kind in _PLAIN and len(data) > 4 * limit:
        raise _too_long(settings)
    parser = _imported(_OPENERS.get(kind) or _SEEN.get(kind) or _PARSERS[kind])
    with _memory_limited(settings.parse_memory_mb):
        parsed: Parsed
        if kind in _OPENERS:
            parsed = parser(data, name, PartWriter(scratch / "parts", settings))
        elif kind in _SEEN:
            parsed = parser(data, name, settings, extend)
        else:
            parsed = parser(data, name)
    if sum(len(block.text.encode("utf-8", "replace")) for block in parsed.blocks) > limit:
        raise _too_long(settings)
    return replace(parsed, mime=mime or parsed.mime)


def _imported(place: tuple[str, str]) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(importlib.import_module(place[0]), place[1])
    return function


@contextlib.contextmanager
def _memory_limited(megabytes: int) -> Iterator[None]:
    """Let this process grow by so much at most; beyond it allocations raise MemoryError."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _psutil.Process().memory_info().vms + megabytes * 1_000_000
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _too_long(settings: IngestSettings) -> TooLargeError:
    return TooLargeError(f"its text is longer than {settings.max_text_mb:g} MB (setting ingest.max_text_mb)")


def send(stream: BinaryIO, *parts: bytes) -> None:
    """Write one message made of ``parts``."""
    stream.write(_LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        stream.write(part)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """The next message, or None when the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def _answer(request: bytes, scratch: Path, tell: Callable[[dict[str, object]], None]) -> dict[str, object]:
    head, _, data = request.partition(b"\n")
    asked = json.loads(head)
    settings = IngestSettings.model_validate(asked["settings"])
    # should the parent die, nobody is left to kill a parser that hangs: the kernel does it
    signal.setitimer(signal.ITIMER_REAL, settings.parse_timeout_s + 5)

    def extend(seconds: float) -> None:
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        signal.setitimer(signal.ITIMER_REAL, max(0.1, left + seconds))
        tell({"more_s": seconds})

    try:
        if "quote" in asked:
            return _boxes(data, asked, settings)
        if "page" in asked:
            return {"picture": _picture(data, asked, settings)}
        parsed = parse_bytes(data, asked["name"], settings, scratch, extend)
        return {
            "title": parsed.title,
            "mime": parsed.mime,
            "blocks": [astuple(block) for block in parsed.blocks],
            "parts": [(part.name, part.error) for part in parsed.parts],
            "notes": parsed.notes,
        }
    except IngestError as error:
        return {"error": type(error).__name__, "message": error.message, "remedy": error.remedy}
    except MemoryError:
        return {
            "error": "TooLargeError",
            "message": f"parsing takes over {settings.parse_memory_mb} MB (setting ingest.parse_memory_mb)",
            "spent": True,
        }
    except RecursionError:
        return {"error": "UnreadableFileError", "message": "its parts are nested too deeply"}
    except Exception as error:  # a parser's bug or a hostile file: one line, and the others go on
        return {
            "error": "UnreadableFileError",
            "message": f"it cannot be parsed: {type(error).__name__}: {error}",
        }
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _picture(data: bytes, asked: dict[str, Any], settings: IngestSettings) -> str:
    with _memory_limited(settings.parse_memory_mb):
        kind = sniff(data, "")
        drawn: bytes = _imported(_DRAWER)(data, kind, asked["page"], asked["dpi"], asked["width"])
    return base64.b64encode(drawn).decode("ascii")


def _boxes(data: bytes, asked: dict[str, Any], settings: IngestSettings) -> dict[str, object]:
    with _memory_limited(settings.parse_memory_mb):
        placer = _imported(_PLACER)
        return dict(placer(data, asked["page"], asked["quote"], asked["before"], asked["after"]))


def main(scratch: str) -> None:
    """Serve requests from standard input until it ends; ``scratch`` is the folder for what they unpack."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # libraries print notices: keep them out of the replies
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def tell(message: dict[str, object]) -> None:
        send(replies, json.dumps(message).encode("utf-8"))

    with contextlib.suppress(BrokenPipeError):
        while (request := receive(sys.stdin.buffer)) is not None:
            reply = _answer(request, Path(scratch), tell)
            del request
            tell(reply)
            if reply.get("spent"):
                return
    # who closes a parser kills this process: so the parent was killed, and cannot clear up
    shutil.rmtree(scratch, ignore_errors=True)
