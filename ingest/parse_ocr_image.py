"""A picture of a page -> what tesseract reads best: grey, without speckle, upright to a tenth of a degree."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

__all__ = ["cleaned", "densest", "has_columns"]

_Grey: TypeAlias = NDArray[np.uint8]
# Grey levels by which a picture's ink and paper differ at least, and the least share of ink: less is blank
_CONTRAST, _LEAST_INK = 40, 2e-5
# Grey levels by which neighbours on plain paper differ in a noisy scan
_NOISY = 1.5
# Width of a gutter as a share of the page's; share of the rows beside it that it parts; share of all rows
# that are beside it
_GUTTER, _PARTED, _BESIDE = 0.012, 0.7, 0.3
# Longest side, in pixels, of the picture whose lean is measured; degrees of lean that are put right
_SMALL, _LEAN, _LEAST_LEAN = 1000, 6.0, 0.2


def cleaned(picture: Image.Image) -> Image.Image | None:
    """The page in grey, upright, and None when nothing is on it."""
    grey = picture if picture.mode == "L" else picture.convert("L")
    # tesseract takes each speckle for a letter: a noisy page then takes minutes instead of a second
    if _noise(grey) > _NOISY:
        grey = grey.filter(ImageFilter.MedianFilter(3))
    small = grey.copy()
    small.thumbnail((_SMALL, _SMALL), Image.Resampling.BOX)
    pixels = np.asarray(small)
    threshold = _threshold(pixels)
    ink = pixels < threshold
    if ink.mean() < _LEAST_INK or ink.all() or _contrast(pixels, ink) < _CONTRAST:
        return None
    # of white on black, the letters are the rarer
    lean = _lean(ink if ink.mean() < 0.5 else ~ink)
    if abs(lean) >= _LEAST_LEAN:
        paper = int(np.median(pixels[~ink])) if ink.mean() < 0.5 else int(np.median(pixels[ink]))
        grey = grey.rotate(lean, resample=Image.Resampling.BICUBIC, fillcolor=paper)
    return grey


def densest(picture: Image.Image, share: float) -> Image.Image:
    """The strip across the page, of that share of its height, with most ink."""
    small = picture.resize((max(1, picture.width // 8), max(1, picture.height // 8)), Image.Resampling.BOX)
    pixels = np.asarray(small)
    rows = (pixels < _threshold(pixels)).sum(axis=1)
    height = max(1, int(len(rows) * share))
    sums = np.convolve(rows, np.ones(height), "valid")
    top = int(sums.argmax()) * 8
    return picture.crop((0, top, picture.width, min(picture.height, top + height * 8)))


def has_columns(picture: Image.Image) -> bool:
    """Whether a white strip parts most of the rows of ink that stand on both sides of it."""
    small = picture.resize((max(1, picture.width // 8), max(1, picture.height // 8)), Image.Resampling.BOX)
    pixels = np.asarray(small)
    counts = (pixels < _threshold(pixels)).cumsum(axis=1)
    width = max(2, int(_GUTTER * counts.shape[1]))
    if counts.shape[1] <= 2 * width:
        return False
    before, after = counts[:, :-width], counts[:, width:]
    both = (before > 0) & (counts[:, -1:] > after)
    white = (both & (before == after)).sum(axis=0)
    parted = white > _PARTED * np.maximum(1, both.sum(axis=0))
    return bool((parted & (both.sum(axis=0) > _BESIDE * (counts[:, -1] > 0).sum())).any())


def _noise(grey: Image.Image) -> float:
    """Mean difference of a pixel to its neighbourhood where that is plain, in the middle of the page."""
    x, y = grey.width // 2, grey.height // 2
    part = grey.crop((max(0, x - 400), max(0, y - 400), x + 400, y + 400))
    pixels = np.asarray(part).astype(np.int16)
    smooth = np.asarray(part.filter(ImageFilter.MedianFilter(3))).astype(np.int16)
    broad = np.asarray(part.filter(ImageFilter.BoxBlur(4))).astype(np.int16)
    plain = np.abs(smooth - broad) < 12
    return float(np.abs(pixels - smooth)[plain].mean()) if plain.any() else 0.0


def _threshold(pixels: _Grey) -> int:
    """The grey level that parts ink from paper (Otsu 1979, "A threshold selection method")."""
    counts = np.bincount(pixels.ravel(), minlength=256).astype(np.float64)
    below = counts.cumsum()
    weight = (counts * np.arange(256)).cumsum()
    total = below[-1]
    inside = (below > 0) & (below < total)
    spread = np.zeros(256)
    mean = weight[-1] / total
    spread[inside] = (mean * below[inside] - weight[inside]) ** 2 / (below[inside] * (total - below[inside]))
    return int(spread.argmax()) + 1


def _contrast(pixels: _Grey, ink: NDArray[np.bool_]) -> float:
    return float(np.median(pixels[~ink])) - float(np.median(pixels[ink])) if ink.any() else 0.0


def _lean(ink: NDArray[np.bool_]) -> float:
    """Degrees, anticlockwise, by which the page must be turned: then rows of ink and of paper part most
    sharply (Postl 1986, projection profiles).
    """
    ys, xs = np.nonzero(ink)

    def sharpness(degrees: float) -> float:
        rows = np.bincount((ys - xs * np.tan(np.radians(degrees)) + ink.shape[1]).astype(np.int64))
        return float((np.diff(rows.astype(np.float64)) ** 2).sum())

    best = max(np.arange(-_LEAN, _LEAN + 0.01, 0.5), key=sharpness)
    return float(max(np.arange(best - 0.5, best + 0.51, 0.1), key=sharpness))
