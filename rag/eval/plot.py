"""Curves as SVG, drawn without a library; colours come from the page's style sheet (classes s0, s1, ...)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Curve", "Point", "draw"]

Point = tuple[float, float]
WIDTH, HEIGHT = 380, 280
LEFT, RIGHT, TOP, BOTTOM = 48, 18, 12, 40
COLOURS = 6
MOST_POINTS = 200


@dataclass(frozen=True, slots=True)
class Curve:
    """A plot: ``series`` by name, points by ascending x. ``diagonal``: what chance or perfection would be."""

    title: str
    x: str
    y: str
    series: Mapping[str, Sequence[Point]]
    diagonal: bool = False


def _ceiling(values: Iterable[float]) -> float:
    """1 for shares, else the next of 1, 2, 5 times a power of ten."""
    most = max(values, default=1.0)
    if most <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 5, 10) if most <= step * power)


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    if len(points) <= MOST_POINTS:
        return points
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(i * step)] for i in range(MOST_POINTS)]


def draw(curve: Curve) -> str:
    """The plot as an <svg> element that scales with its place, with a legend below it."""
    most_x = _ceiling(x for points in curve.series.values() for x, _ in points)
    most_y = _ceiling(y for points in curve.series.values() for _, y in points)

    def at(x: float, y: float) -> str:
        across = LEFT + x / most_x * (WIDTH - LEFT - RIGHT)
        return f"{across:.1f},{HEIGHT - BOTTOM - y / most_y * (HEIGHT - TOP - BOTTOM):.1f}"

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        across, up = at(share * most_x, share * most_y).split(",")
        floor = HEIGHT - BOTTOM
        parts += [
            f'<path class="grid" d="M{LEFT},{up}H{WIDTH - RIGHT}M{across},{TOP}V{floor}"/>',
            f'<text x="{LEFT - 6}" y="{up}" text-anchor="end" dy="4">{share * most_y:g}</text>',
            f'<text x="{across}" y="{floor + 15}" text-anchor="middle">{share * most_x:g}</text>',
        ]
    if curve.diagonal:
        parts.append(f'<path class="chance" d="M{at(0, 0)}L{at(most_x, most_y)}"/>')
    for number, points in enumerate(curve.series.values()):
        line = " ".join(at(x, y) for x, y in _thinned(points))
        parts.append(f'<polyline class="line s{number % COLOURS}" points="{line}"/>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts += [
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(curve.x)}</text>',
        f'<text transform="rotate(-90 12 {middle})" x="12" y="{middle}" text-anchor="middle">'
        f"{escape(curve.y)}</text>",
    ]
    legend = "".join(
        f'<span><i class="s{number % COLOURS}"></i>{escape(name)}</span>'
        for number, name in enumerate(curve.series)
    )
    title = escape(curve.title)
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
        f'<p class="legend">{legend}</p></figure>'
    )
