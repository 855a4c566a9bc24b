"""Bytes -> Parsed, in a process of its own that can be killed.

One warm worker is kept and reused, so that small files stay fast; it is replaced only when it ran out of time
or memory, or crashed. It is a fresh interpreter, never a fork of this one: a fork of a process with torch's
threads can hang. What it starts itself (LibreOffice, tesseract) is of its process group, and is
killed with it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from ingest.parse_blocks import Block, Parsed, Part
from ingest.parse_parts import part_name
from rag import errors
from rag.errors import IngestError, UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["Boxes", "Parser"]

_BOOT = (
    "import os, sys; os.environ.update(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1'); "
    "sys.path[:0] = [sys.argv[1]]; "
    "from ingest.parse_worker import main; main(sys.argv[2])"
)
_HEAD = 8
_PARTS = "parts"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Boxes:
    """Size of a page, and (left, bottom, right, top) of each line of a quote on it, in points from the lower
    left of the page as it is written; no rects where the quote cannot be placed.
    """

    width: float
    height: float
    rects: tuple[tuple[float, float, float, float], ...] = ()


class _WorkerGoneError(Exception):
    """The worker ended without an answer."""


class Parser:
    """Parses files one after the other. Close it, or use it in a ``with`` statement, so that its process
    ends and its scratch folder goes.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._worker: subprocess.Popen[bytes] | None = None
        self._scratch: Path | None = None
        self._over = False
        self._ending = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def parse(self, data: bytes, name: str) -> Parsed:
        """What the file holds; ``name`` (with its extension) helps to tell what it is.

        The files of its ``parts`` lie in a scratch folder that the next call empties: read them, or move them
        away, before. Raises UnreadableFileError, UnsupportedFormatError or TooLargeError; the parser stays
        usable after each of them.
        """
        scratch = self._emptied()
        reply = self._asked(data, {"name": name})
        return _parsed(reply, scratch / _PARTS)

    def picture(self, data: bytes, page: int, dpi: float, width: int = 0) -> bytes:
        """Page ``page`` (from 1) of a PDF or a picture, as PNG with ``dpi`` dots per inch, or ``width`` of
        them across where it is given; fewer for a page so large that it would have over 40 million.

        Raises PageNotFoundError, UnsupportedFormatError for formats without pages, UnreadableFileError,
        TooLargeError.
        """
        self._emptied()
        reply = self._asked(data, {"page": page, "dpi": dpi, "width": width})
        _raise_error(reply)
        return base64.b64decode(reply["picture"])

    def boxes(self, data: bytes, page: int, quote: str, before: str, after: str) -> Boxes:
        """Where the quote stands on page ``page`` (from 1) of a PDF; ``before`` and ``after`` are what stands
        around it. Raises UnreadableFileError, TooLargeError.
        """
        self._emptied()
        asked = {"page": page, "quote": quote, "before": before, "after": after}
        reply = self._asked(data, asked)
        _raise_error(reply)
        rects = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in reply["rects"])
        return Boxes(float(reply["width"]), float(reply["height"]), rects)

    def _asked(self, data: bytes, question: Mapping[str, object]) -> Mapping[str, Any]:
        deadline = time.monotonic() + self._settings.parse_timeout_s
        asked = json.dumps({**question, "settings": self._settings.model_dump()}).encode("utf-8")
        try:
            reply = self._exchange(asked + b"\n", data, deadline)
        except TimeoutError as error:
            self._kill()
            limit = f"{self._settings.parse_timeout_s:g} s (setting ingest.parse_timeout_s)"
            raise UnreadableFileError(f"it was not parsed within {limit}") from error
        except (_WorkerGoneError, OSError) as error:
            self._kill()
            raise UnreadableFileError("its parser crashed: the file is damaged or made to do harm") from error
        except BaseException:
            # interrupted in the middle of an exchange: what comes next would answer the wrong question
            self._kill()
            raise
        if reply.get("spent"):
            self._kill()
        return reply

    @property
    def pid(self) -> int | None:
        """Process id of the warm worker, None while there is none."""
        return self._worker.pid if self._worker is not None else None

    def interrupt(self) -> None:
        """From another thread: end what is being parsed at once, and parse nothing any more. ``close`` is
        owed all the same, by the thread that parses or when it is through.

        Only the process is ended here. A pipe that is closed while a thread waits for it leaves the selector
        without a word, and the thread would wait for its whole time.
        """
        with self._ending:
            self._over = True
            if self._worker is not None:
                _end(self._worker)

    def close(self) -> None:
        """End the worker, and remove what it unpacked."""
        self._kill()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)

    def _emptied(self) -> Path:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="citewell-parse-"))
        parts = self._scratch / _PARTS
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir()
        return self._scratch

    def _started(self) -> subprocess.Popen[bytes]:
        if self._worker is None or self._worker.poll() is not None:
            self._kill()
            assert self._scratch is not None
            root = str(Path(__file__).resolve().parent.parent)
            with self._ending:
                if self._over:
                    raise _WorkerGoneError
                self._worker = subprocess.Popen(
                    [sys.executable, "-c", _BOOT, root, str(self._scratch)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C reaches the command only, which closes its worker itself
                )
            for pipe in (self._worker.stdin, self._worker.stdout):
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
        return self._worker

    def _exchange(self, head: bytes, data: bytes, deadline: float) -> Mapping[str, Any]:
        worker = self._started()
        assert worker.stdin is not None
        assert worker.stdout is not None
        length = (len(head) + len(data)).to_bytes(_HEAD, "little")
        for part in (length + head, data):
            _write(worker.stdin, part, deadline)
        # what OCR takes comes on top, up to what the settings allow it in all
        allowance = self._settings.ocr_max_pages * self._settings.ocr_timeout_s
        while True:
            size = int.from_bytes(_read(worker.stdout, _HEAD, deadline), "little")
            reply: Mapping[str, Any] = json.loads(_read(worker.stdout, size, deadline))
            if "more_s" not in reply:
                return reply
            more = min(float(reply["more_s"]), allowance)
            allowance -= more
            deadline += more

    def _kill(self) -> None:
        with self._ending:
            worker, self._worker = self._worker, None
        if worker is None:
            return
        _end(worker)
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        worker.wait()


def _end(worker: subprocess.Popen[bytes]) -> None:
    # its group is its own: it was started in a new session; one that was waited for has lost its number
    if worker.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)


def _raise_error(reply: Mapping[str, Any]) -> None:
    if "error" in reply:
        kind = getattr(errors, str(reply["error"]), UnreadableFileError)
        kind = kind if issubclass(kind, IngestError) else UnreadableFileError
        raise kind(str(reply["message"]), str(reply.get("remedy", "")))


def _parsed(reply: Mapping[str, Any], folder: Path) -> Parsed:
    _raise_error(reply)
    blocks = tuple(Block(*values) for values in reply["blocks"])
    # the path is made here: a worker that was taken over must not name files
    parts = tuple(
        Part(part_name(name), folder / str(number), error)
        for number, (name, error) in enumerate(reply["parts"])
    )
    return Parsed(reply["title"], blocks, reply["mime"], parts, tuple(map(str, reply["notes"])))


def _wait(pipe: IO[bytes], event: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError


def _write(pipe: IO[bytes], data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        _wait(pipe, selectors.EVENT_WRITE, deadline)
        view = view[os.write(pipe.fileno(), view[:_PIECE]) :]


def _read(pipe: IO[bytes], size: int, deadline: float) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        _wait(pipe, selectors.EVENT_READ, deadline)
        piece = os.read(pipe.fileno(), min(_PIECE, size - len(parts)))
        if not piece:
            raise _WorkerGoneError
        parts += piece
    return bytes(parts)
