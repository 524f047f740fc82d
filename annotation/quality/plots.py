"""Plots as SVG, made here: nothing to load and nothing to run, the same in print and in a file of its own.

Colours are attributes of the shapes, which a style sheet overrides: on a page the classes follow the theme,
in a downloaded file what is written here holds. Words are `currentColor`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

WIDTH: Final = 640
LABEL: Final = 168
"""Room for the names of rows, left of a plot."""
ROW: Final = 24
TOP: Final = 10
BELOW: Final = 36
RIGHT: Final = 70
SQUARE: Final = 300
"""Height of a plot of shares against shares."""
LONGEST_WHISKER: Final = 2.5
"""An interval that ends beyond so many times the highest value is drawn up to there; tables have its end."""
LETTERS: Final = 24
"""As many of a name are drawn; the table has all of it."""

#: Colours of the series, as they are in a file; pages have their own for each theme.
COLOURS: Final = ("#0c665e", "#c97a12", "#4c78b8", "#8d6fb0", "#a8261a", "#5b5f63")
NAMESPACE: Final = "http://www.w3.org/2000/svg"


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a plot of intervals; `low` and `high` are None where no spread is known."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    series: int = 0
    note: str = ""
    """Written at the end of the row."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line through points of the unit square."""

    label: str
    points: Sequence[tuple[float, float]]
    series: int = 0
    dashed: bool = False


def intervals(name: str, title: str, about: str, dots: Sequence[Dot]) -> str:
    """Draw a row for each value with its interval, on one axis of per cent that begins at nought."""
    if not dots:
        return ""
    low = min((d.low if d.low is not None else d.value) for d in dots)
    first, last, step = _axis(min(0.0, low), _top(dots))
    tall = TOP + ROW * len(dots)
    svg = _svg(name, title, about, WIDTH, tall + BELOW)
    wide = WIDTH - LABEL - RIGHT

    def x(value: float) -> float:
        return LABEL + wide * (value - first) / (last - first)

    for tick in _ticks(first, last, step):
        _line(svg, "q-grid", x(tick), TOP, x(tick), tall)
        _text(svg, _percent(tick, step), x(tick), tall + 16, "middle")
    for at, dot in enumerate(dots):
        y = TOP + ROW * at + ROW / 2
        _text(svg, _short(dot.label), LABEL - 10, y + 4, "end")
        group = SubElement(svg, "g", {"class": f"q-{dot.series}", "color": COLOURS[dot.series]})
        _title(group, f"{dot.label}: {_share(dot)}")
        if dot.low is not None and dot.high is not None:
            _line(group, "q-whisker", x(dot.low), y, x(min(last, dot.high)), y)
        _mark(group, dot.series, x(dot.value), y)
        _text(svg, dot.note or _percent(dot.value, 0.001), WIDTH - RIGHT + 12, y + 4, "start")
    return _done(svg)


def over_time(name: str, title: str, about: str, weeks: Sequence[str], dots: Sequence[Dot]) -> str:
    """Draw values with intervals one after another in time; one dot for each of `weeks`."""
    if not dots:
        return ""
    first, last, step = _axis(0.0, _top(dots))
    left, tall, height = 52, 190, 190 + BELOW
    svg = _svg(name, title, about, WIDTH, height)
    wide = (WIDTH - left - 20) / len(dots)

    def y(value: float) -> float:
        return tall - (tall - TOP) * (value - first) / (last - first)

    for tick in _ticks(first, last, step):
        _line(svg, "q-grid", left, y(tick), WIDTH - 20, y(tick))
        _text(svg, _percent(tick, step), left - 8, y(tick) + 4, "end")
    every = max(1, math.ceil(len(dots) / 10))
    group = SubElement(svg, "g", {"class": "q-0", "color": COLOURS[0]})
    middles = [(left + wide * (at + 0.5), y(dot.value)) for at, dot in enumerate(dots)]
    if len(middles) > 1:
        _polyline(group, middles, dashed=False)
    for at, (dot, week) in enumerate(zip(dots, weeks, strict=True)):
        middle = middles[at][0]
        place = SubElement(group, "g")
        _title(place, f"{week}: {_share(dot)}")
        if dot.low is not None and dot.high is not None:
            _line(place, "q-whisker", middle, y(dot.low), middle, y(min(last, dot.high)))
        _mark(place, 0, *middles[at])
        if at % every == 0:
            _text(svg, week, middle, tall + 16, "middle")
    return _done(svg)


def square(
    name: str,
    title: str,
    about: str,
    lines: Sequence[Line],
    *,
    across: str,
    up: str,
    dots: Sequence[tuple[float, Dot]] = (),
    mark: float | None = None,
) -> str:
    """Draw lines, or dots with intervals at places (x, dot), over the unit square. `mark`: a line across."""
    left, tall = 52, TOP + SQUARE
    svg = _svg(name, title, about, WIDTH, tall + BELOW + 10)
    wide = WIDTH - left - 20

    def place(x: float, y: float) -> tuple[float, float]:
        return left + wide * x, tall - SQUARE * min(1.0, y)

    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        _line(svg, "q-grid", *place(0, tick), *place(1, tick))
        _text(svg, _percent(tick, 0.25), left - 8, place(0, tick)[1] + 4, "end")
        _text(svg, _percent(tick, 0.25), place(tick, 0)[0], tall + 16, "middle")
    _text(svg, across, left + wide / 2, tall + 34, "middle")
    _text(svg, up, left + 8, TOP + 14, "start")
    if mark is not None:
        _line(svg, "q-mark", *place(mark, 0), *place(mark, 1))
    for line in lines:
        group = SubElement(svg, "g", {"class": f"q-{line.series}", "color": COLOURS[line.series]})
        _title(group, line.label)
        _polyline(group, [place(x, y) for x, y in line.points], dashed=line.dashed)
    for x, dot in dots:
        group = SubElement(svg, "g", {"class": f"q-{dot.series}", "color": COLOURS[dot.series]})
        _title(group, f"{dot.label}: {_share(dot)}")
        if dot.low is not None and dot.high is not None:
            _line(group, "q-whisker", *place(x, dot.low), *place(x, dot.high))
        _mark(group, dot.series, *place(x, dot.value))
    return _done(svg)


def bars(name: str, title: str, about: str, rows: Sequence[tuple[str, int]]) -> str:
    """Draw a bar for each count."""
    if not rows:
        return ""
    most, tall = max(count for _, count in rows), TOP + ROW * len(rows)
    label = LABEL + 70
    svg = _svg(name, title, about, WIDTH, tall + 10)
    group = SubElement(svg, "g", {"class": "q-2", "color": COLOURS[2]})
    for at, (words, count) in enumerate(rows):
        y = TOP + ROW * at
        _text(svg, _short(words, LETTERS + 10), label - 10, y + ROW / 2 + 4, "end")
        wide = (WIDTH - label - 50) * count / most
        SubElement(
            group, "rect", {
                "x": f"{label}", "y": f"{y + 5:.1f}", "width": f"{wide:.1f}", "height": f"{ROW - 10}",
                "rx": "2", "fill": "currentColor",
            },
        )  # fmt: skip
        _text(svg, f"{count:,}", label + wide + 8, y + ROW / 2 + 4, "start")
    return _done(svg)


def _svg(name: str, title: str, about: str, width: float, height: float) -> Element:
    svg = Element(
        "svg", {
            "xmlns": NAMESPACE, "viewBox": f"0 0 {width:g} {height:g}", "role": "img", "class": "q-plot",
            "aria-labelledby": f"{name}-title {name}-desc", "font-family": "system-ui, sans-serif",
            "font-size": "11",
        },
    )  # fmt: skip
    SubElement(svg, "title", {"id": f"{name}-title"}).text = _plain(title)
    SubElement(svg, "desc", {"id": f"{name}-desc"}).text = _plain(about)
    return svg


def _done(svg: Element) -> str:
    return tostring(svg, encoding="unicode")


def _line(into: Element, kind: str, x: float, y: float, to_x: float, to_y: float) -> None:
    looks = {
        "q-grid": {"stroke": "#8b8d88", "stroke-opacity": "0.35"},
        "q-whisker": {"stroke": "currentColor", "stroke-width": "2"},
        "q-mark": {"stroke": "currentColor", "stroke-width": "1.5", "stroke-dasharray": "2 3"},
    }[kind]
    ends = {"x1": f"{x:.1f}", "y1": f"{y:.1f}", "x2": f"{to_x:.1f}", "y2": f"{to_y:.1f}"}
    SubElement(into, "line", {"class": kind, **ends, **looks})


def _polyline(into: Element, points: Sequence[tuple[float, float]], *, dashed: bool) -> None:
    looks = {"fill": "none", "stroke": "currentColor", "stroke-width": "2", "stroke-linejoin": "round"}
    if dashed:
        looks["stroke-dasharray"] = "6 4"
    SubElement(into, "polyline", {**looks, "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points)})


def _mark(into: Element, series: int, x: float, y: float) -> None:
    """Draw a value; series differ in shape too, not in colour alone."""
    if series % 2:
        shape = {"x": f"{x - 4:.1f}", "y": f"{y - 4:.1f}", "width": "8", "height": "8"}
        SubElement(into, "rect", {**shape, "fill": "currentColor"})
    else:
        SubElement(into, "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "4.5", "fill": "currentColor"})


def _text(into: Element, words: str, x: float, y: float, anchor: str) -> None:
    places = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "fill": "currentColor"}
    SubElement(into, "text", {"class": "q-words", **places}).text = _plain(words)


def _title(into: Element, words: str) -> None:
    SubElement(into, "title").text = _plain(words)


def _plain(words: str) -> str:
    """Return text without what no XML may hold."""
    return "".join(c for c in words if unicodedata.category(c) not in ("Cc", "Cs"))


def _short(words: str, longest: int = LETTERS) -> str:
    return words if len(words) <= longest else f"{words[: longest - 1]}\u2026"


def _axis(low: float, high: float) -> tuple[float, float, float]:
    """Return the ends of an axis around two values, and the step of its ticks: 1, 2 or 5 and noughts."""
    span = max(high - low, 0.002)
    rough = span / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first = math.floor(low / step + 1e-9) * step
    return first, max(math.ceil(high / step - 1e-9) * step, first + step), step


def _top(dots: Sequence[Dot]) -> float:
    """Return how far an axis goes: to the end of the intervals, unless one of them would dwarf the values."""
    values = max(dot.value for dot in dots)
    ends = max(dot.high if dot.high is not None else dot.value for dot in dots)
    return min(ends, LONGEST_WHISKER * values) if values > 0 else ends


def _ticks(first: float, last: float, step: float) -> list[float]:
    return [first + step * at for at in range(round((last - first) / step) + 1)]


def _percent(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step * 100) + 1e-9)) if step else 0
    return f"{100 * value:.{digits}f}\u00a0%"


def _share(dot: Dot) -> str:
    if dot.low is None or dot.high is None:
        return f"{100 * dot.value:.1f} %"
    return f"{100 * dot.value:.1f} % ({100 * dot.low:.1f} to {100 * dot.high:.1f})"
