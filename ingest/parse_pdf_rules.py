"""What a PDF page draws beside its text: pictures, and the ruled lines that borders of tables are made of."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, NamedTuple

import pypdfium2.raw

__all__ = ["Drawn", "Rule", "page_drawing"]

raw: Any = pypdfium2.raw  # it has no types
# In points: a rule is at most so thick and at least so long
_THICKEST, _SHORTEST = 3.0, 6.0
# Drawings have more; they are no tables
_LOOKED_AT = (raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)
_MOST_OBJECTS, _MOST_SEGMENTS, _MOST_RULES = 20_000, 4_000, 3_000


class Rule(NamedTuple):
    """A level or upright line: either ``left`` and ``right`` or ``foot`` and ``top`` are equal."""

    left: float
    foot: float
    right: float
    top: float

    @property
    def level(self) -> bool:
        """Whether it runs from left to right."""
        return self.foot == self.top


class Drawn(NamedTuple):
    """What a page shows beside text: ``images`` is the share of it that pictures cover, ``other`` counts what
    is neither text nor picture.
    """

    rules: list[Rule]
    images: float
    other: int


def page_drawing(page: Any, turn: int) -> Drawn:  # noqa: ANN401 - pypdfium2 has no types
    """What the page draws, turned as its lines are (``turn`` quarters); no rules where there are too many for
    a table.
    """
    total = raw.FPDFPage_CountObjects(page)
    rules: list[Rule] = []
    images, other = 0.0, 0
    edges = tuple(ctypes.c_float() for _ in range(4))
    left, foot, right, top = edges
    refs = tuple(map(ctypes.byref, edges))
    for index in range(min(total, _MOST_OBJECTS)):
        drawn = raw.FPDFPage_GetObject(page, index)
        kind = raw.FPDFPageObj_GetType(drawn)
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            continue
        other += kind != raw.FPDF_PAGEOBJ_IMAGE
        if kind not in _LOOKED_AT or not raw.FPDFPageObj_GetBounds(drawn, *refs):
            continue
        box = (left.value, foot.value, right.value, top.value)
        if kind == raw.FPDF_PAGEOBJ_PATH:
            if len(rules) <= _MOST_RULES:
                rules += (_turned(rule, turn) for rule in _rules(drawn, box))
        else:
            images += max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
    area = raw.FPDF_GetPageWidthF(page) * raw.FPDF_GetPageHeightF(page)
    return Drawn(rules if len(rules) <= _MOST_RULES else [], images / area if area else 0.0, other)


def _rules(path: Any, box: tuple[float, float, float, float]) -> Iterator[Rule]:  # noqa: ANN401
    rule = _rule(*box)
    if rule is not None:
        yield rule
    elif box[2] - box[0] > _SHORTEST and box[3] - box[1] > _SHORTEST and _is_stroked(path):
        yield from _sides(path)


def _rule(left: float, foot: float, right: float, top: float) -> Rule | None:
    if top - foot <= _THICKEST and right - left >= _SHORTEST:
        middle = (foot + top) / 2
        return Rule(left, middle, right, middle)
    if right - left <= _THICKEST and top - foot >= _SHORTEST:
        middle = (left + right) / 2
        return Rule(middle, foot, middle, top)
    return None


def _turned(rule: Rule, turn: int) -> Rule:
    left, foot, right, top = rule
    if turn == 1:
        return Rule(-top, left, -foot, right)
    if turn == 2:
        return Rule(-right, -top, -left, -foot)
    return Rule(foot, -right, top, -left) if turn == 3 else rule


def _is_stroked(path: Any) -> bool:  # noqa: ANN401
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    return bool(raw.FPDFPath_GetDrawMode(path, ctypes.byref(fill), ctypes.byref(stroke)) and stroke.value)


def _sides(path: Any) -> Iterator[Rule]:  # noqa: ANN401
    """The level and upright segments of a path: a frame, or a whole grid drawn at once."""
    total = raw.FPDFPath_CountSegments(path)
    matrix = raw.FS_MATRIX()
    if not 0 < total <= _MOST_SEGMENTS or not raw.FPDFPageObj_GetMatrix(path, ctypes.byref(matrix)):
        return
    x, y = ctypes.c_float(), ctypes.c_float()
    start = before = (0.0, 0.0)
    for index in range(total):
        segment = raw.FPDFPath_GetPathSegment(path, index)
        raw.FPDFPathSegment_GetPoint(segment, ctypes.byref(x), ctypes.byref(y))
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO:
            yield from _straight(before, point)
        if raw.FPDFPathSegment_GetClose(segment):
            yield from _straight(point, start)
        before = point


def _straight(a: tuple[float, float], b: tuple[float, float]) -> Iterator[Rule]:
    rule = _rule(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))
    if rule is not None:
        yield rule
