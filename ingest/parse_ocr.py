"""Pictures of pages -> lines of text, read by tesseract, a program of its own.

One model reads better than several at once: of a letter in Chinese, chi_sim alone got 97% of the characters
right, together with eng 93%, and with chi_tra too 86%. So each page is read by the model that is surest of
it, and lines of another script by the one for that.
"""

from __future__ import annotations

import ctypes
import io
import os
import re
import shutil
import signal
import subprocess
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache

from PIL import Image

from ingest.parse_ocr_image import cleaned, densest, has_columns
from ingest.parse_ocr_words import Read, as_lines, confidence, from_tsv
from ingest.parse_pdf_lines import Line
from rag.errors import UnreadableFileError
from rag.settings import IngestSettings

__all__ = ["Extend", "Ocr", "OcrError", "named"]

# Tells whoever counts the seconds that so many more are needed (or, below 0, were not)
Extend = Callable[[float], None]
PROGRAM = "tesseract"
# Scripts that have models of their own, which are tried one by one; all others are read together
_SEPARATE = frozenset(
    {"chi_sim", "chi_tra", "chi_sim_vert", "chi_tra_vert", "jpn", "jpn_vert", "kor", "kor_vert"}
)
# tesseract's page segmentation: find columns; take the page for one block, which loses fewer letters
_COLUMNS, _BLOCK = "3", "6"
# Mean confidence at which no other model is tried; below which a page may lie on its side; below which a line
# may be of another script; below which it is no text
_SURE, _POOR, _WEAK, _NOISE = 88.0, 60.0, 70.0, 45.0
# So many pages that cannot be read, and none that can, are enough to tell that the file's language is missing
_GIVE_UP = 3
# On a strip of a page, models no farther apart than this may both be right: simplified pages lay 3 to 6
# apart, traditional ones 11 to 13
_CLOSE = 8.0
# By how much another model must be surer; letters, and share of the page's, that are worth asking it; pixels
# around what it is shown
_BETTER, _WORTH, _WORTH_SHARE, _ROOM = 4.0, 8, 0.02, 12
# Share of a page's height that tells its script
_STRIP = 0.15
_LATIN = re.compile(r"[A-Za-z]")
_ROTATE = re.compile(r"Rotate: (\d+)\s+Orientation confidence: ([\d.]+)")
_SURE_OF_TURN = 2.0
_PR_SET_PDEATHSIG = 1


class OcrError(Exception):
    """A page could not be read: one line that says why."""


class Ocr:
    """Reads the pages of one file; the model that read one is tried first on the next.

    Raises UnreadableFileError, with the remedy, when tesseract or all of its languages are missing.
    """

    def __init__(self, settings: IngestSettings, extend: Extend) -> None:
        self._settings = settings
        self._extend = extend
        self._program = _program()
        wanted = settings.ocr_languages.split("+")
        installed = _installed(self._program)
        self._missing = [name for name in wanted if name not in installed]
        self._illegible: list[int] = []
        self._legible = False
        self._left: list[int] = []
        found = [name for name in wanted if name in installed]
        if not found:
            raise UnreadableFileError(
                f"no OCR language of {settings.ocr_languages} is installed (setting ingest.ocr_languages)",
                f"apt-get install {' '.join(map(_package, wanted))}",
            )
        latin = "+".join(name for name in found if name not in _SEPARATE)
        apart = [name for name in found if name in _SEPARATE]
        self._latin = latin
        self._models = ([latin] if latin else []) + apart
        self._turns = "osd" in installed
        self._last = self._models[0]

    def lines(self, picture: Image.Image, page: int, dpi: float) -> list[Line]:
        """Lines of a page's picture, in points, from the top; none when nothing is on it. Raises OcrError
        when it takes more than ``ocr_timeout_s``, or when tesseract fails.

        When none of the first pages of a file was legible, the others are not tried.
        """
        if not self._legible and len(self._illegible) >= _GIVE_UP:
            self._left.append(page - 1)
            return []
        began = time.monotonic()
        self._extend(self._settings.ocr_timeout_s)
        try:
            return self._lines(picture, page, dpi, began + self._settings.ocr_timeout_s)
        finally:
            self._extend(time.monotonic() - began - self._settings.ocr_timeout_s)

    def notes(self) -> list[str]:
        """What was wanting for the pages so far, a line each."""
        notes = [
            f"OCR language {name} is not installed (Debian: {_package(name)}; setting ingest.ocr_languages)"
            for name in self._missing
        ]
        if self._illegible:
            notes.append(
                f"{named(self._illegible)} hardly legible to OCR, or in a language that is not in "
                f"{self._settings.ocr_languages} (setting ingest.ocr_languages)"
            )
        if self._left:
            notes.append(f"{named(self._left)} not read by OCR, since none before was legible")
        return notes

    def _lines(self, picture: Image.Image, page: int, dpi: float, until: float) -> list[Line]:
        clean = cleaned(picture)
        if clean is None:
            return []
        read = self._best(clean, dpi, until)
        if confidence(read) < _POOR and self._turns:
            turn = self._turn(clean, dpi, until)
            if turn:
                clean = cleaned(picture.rotate(turn, expand=True)) or clean
                read = self._best(clean, dpi, until)
        read = self._mended(clean, dpi, read, until)
        poor = bool(read) and confidence(read) < _POOR
        if poor:
            self._illegible.append(page - 1)
        elif read:
            self._legible = True
        # of a page in a script that no model knows, what looks like words is none
        kept = [line for line in read if confidence([line]) >= (_POOR if poor else _NOISE)]
        return as_lines(kept, page, clean.height, dpi)

    def _best(self, picture: Image.Image, dpi: float, until: float) -> list[Read]:
        """The page as the model reads it that is surest of its densest part; of the whole, where two are
        about equally sure of that.
        """
        layout = _COLUMNS if has_columns(picture) else _BLOCK
        read: dict[str, list[Read]] = {}
        if self._last == self._latin or len(self._models) == 1:
            # surest of all where it is right, so that the others need not be asked
            read[self._last] = self._read(picture, self._last, layout, dpi, until)
            if len(self._models) == 1 or confidence(read[self._last]) >= _SURE:
                return read[self._last]
        strip = densest(picture, _STRIP)
        sure = {model: confidence(self._read(strip, model, _BLOCK, dpi, until)) for model in self._models}
        close = [model for model in self._models if sure[model] > max(sure.values()) - _CLOSE]
        for model in close:
            if model not in read:
                read[model] = self._read(picture, model, layout, dpi, until)
        # the setting's order decides between models that are about equally sure: that of traditional Chinese
        # is a little surer of a simplified page too, that of simplified Chinese much less of a traditional
        best = max(confidence(read[model]) for model in close)
        self._last = next(model for model in close if confidence(read[model]) > best - _BETTER)
        return read[self._last]

    def _mended(self, picture: Image.Image, dpi: float, read: list[Read], until: float) -> list[Read]:
        """Lines of another script than the page's, which its model is not sure of, read by that script's."""
        if self._last == self._latin:
            weak = [line for line in read if confidence([line]) < _WEAK]
            models = [model for model in self._models if model != self._last]
        else:
            # a second model for Chinese would bring traditional characters into a simplified text
            weak = [line for line in read if _is_latin(line) and confidence([line]) < _SURE]
            models = [self._latin] if self._latin else []
        letters = sum(len(line.text) for line in weak)
        if not models or letters < max(_WORTH, _WORTH_SHARE * sum(len(line.text) for line in read)):
            return read
        sheet, places = _sheet(picture, weak)
        found = [self._read(sheet, model, _BLOCK, dpi, until) for model in models]
        instead: dict[int, list[Read]] = {}
        for line in max(found, key=confidence):
            number = bisect_right(places, (line.top + line.foot) / 2) - 1
            shift = weak[number].top - _ROOM - places[number]
            instead.setdefault(id(weak[number]), []).append(line.moved(shift))
        return [
            one
            for line in read
            for one in (
                instead[id(line)]
                if confidence(instead.get(id(line), [])) > confidence([line]) + _BETTER
                else [line]
            )
        ]

    def _read(self, picture: Image.Image, model: str, layout: str, dpi: float, until: float) -> list[Read]:
        return from_tsv(self._run(picture, ("-l", model, "--psm", layout), ("tsv",), dpi, until))

    def _turn(self, picture: Image.Image, dpi: float, until: float) -> int:
        """Degrees, anticlockwise, to turn the page by; 0 when tesseract cannot tell."""
        try:
            told = self._run(picture, ("-l", "osd", "--psm", "0"), (), dpi, until)
        except OcrError:
            return 0
        match = _ROTATE.search(told)
        return -int(match[1]) if match and float(match[2]) >= _SURE_OF_TURN else 0

    def _run(
        self, picture: Image.Image, options: Sequence[str], output: Sequence[str], dpi: float, until: float
    ) -> str:
        given = io.BytesIO()
        picture.save(given, "ppm")
        command = [self._program, "stdin", "stdout", *options, "--dpi", str(round(dpi)), *output]
        try:
            done = subprocess.run(
                command,
                input=given.getvalue(),
                capture_output=True,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
                preexec_fn=_die_with_parent,
                timeout=max(0.1, until - time.monotonic()),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            limit = f"{self._settings.ocr_timeout_s:g} s (setting ingest.ocr_timeout_s)"
            raise OcrError(f"was not read by OCR within {limit}") from error
        if done.returncode != 0:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
            raise OcrError(f"was not read by OCR: tesseract failed ({said or done.returncode})")
        return done.stdout.decode("utf-8", "replace")


def named(pages: Sequence[int]) -> str:
    """As in "page 3 was", "pages 3 to 7 were", "12 pages (3, 5, 9 …) were"; ``pages`` count from 0."""
    numbers = [number + 1 for number in pages]
    if len(numbers) == 1:
        return f"page {numbers[0]} was"
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"pages {numbers[0]} to {numbers[-1]} were"
    shown = ", ".join(map(str, numbers[:3]))
    return f"{len(numbers)} pages ({shown}{' …' if len(numbers) > 3 else ''}) were"


def _package(language: str) -> str:
    return f"tesseract-ocr-{language.replace('_', '-')}"


def _program() -> str:
    program = shutil.which(PROGRAM)
    if program is None:
        raise UnreadableFileError(
            "its pages are pictures, and tesseract, which would read them, is not installed (Debian: "
            "tesseract-ocr)",
            "apt-get install tesseract-ocr tesseract-ocr-chi-sim tesseract-ocr-chi-tra",
        )
    return program


@lru_cache(maxsize=4)
def _installed(program: str) -> frozenset[str]:
    done = subprocess.run(
        [program, "--list-langs"], capture_output=True, text=True, timeout=30, check=False, errors="replace"
    )
    return frozenset(done.stdout.split("\n")[1:]) - {""}


def _is_latin(line: Read) -> bool:
    return len(_LATIN.findall(line.text)) > 0.5 * len(line.text.replace(" ", ""))


def _sheet(picture: Image.Image, lines: Sequence[Read]) -> tuple[Image.Image, list[int]]:
    """The lines below each other on a page of their own, each at its own distance from the left, and where
    each begins.
    """
    heights = [line.foot - line.top + 2 * _ROOM for line in lines]
    places = [sum(heights[:number]) for number in range(len(lines))]
    paper = int(picture.getextrema()[1])  # type: ignore[arg-type]
    sheet = Image.new("L", (picture.width, sum(heights)), paper)
    for line, top in zip(lines, places, strict=True):
        box = (
            max(0, line.left - _ROOM),
            max(0, line.top - _ROOM),
            min(picture.width, line.right + _ROOM),
            min(picture.height, line.foot + _ROOM),
        )
        sheet.paste(picture.crop(box), (box[0], top + box[1] - line.top + _ROOM))
    return sheet, places


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """In the new process: the kernel ends it when this one ends, however that happens."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
