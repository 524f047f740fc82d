"""The form of every figure: its rows, what they mean, its plot. One for all of them, so that a page, a file
and the API cannot differ.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from annotation.quality.intervals import Interval
from annotation.quality.plots import Dot

Kind = Literal["text", "count", "share", "ms", "ratio", "points", "flag", "number"]
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class Column:
    """Describe one column. With `interval` the row has `key`, `key_low` and `key_high`."""

    key: str
    label: str
    kind: Kind = "text"
    interval: bool = False
    minor: bool = False
    """Whether a page leaves it to the files and the API."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys this column has in a row."""
        return (self.key, f"{self.key}_low", f"{self.key}_high") if self.interval else (self.key,)


@dataclass(frozen=True, slots=True)
class Figure:
    """Hold one figure. `plot` is an SVG, empty where there is nothing to draw; shares are 0..1."""

    name: str
    by: str
    title: str
    about: str
    """What it says, and how it was found, in sentences."""
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    plot: str = ""
    legend: tuple[tuple[int, str], ...] = ()
    """Series of the plot: number and words."""
    summary: dict[str, Any] = field(default_factory=dict)
    method: str = ""

    @property
    def file_name(self) -> str:
        """Return a name for files of it, without ending."""
        return f"{self.name}-by-{self.by}" if self.by else self.name


def to_csv(shown: Figure) -> str:
    """Return the rows of a figure as CSV; shares 0..1, no cell that a spreadsheet would run."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    keys = [key for column in shown.columns for key in column.keys]
    writer.writerow(keys)
    for row in shown.rows:
        writer.writerow([_inert(row.get(key)) for key in keys])
    return text.getvalue()


def _inert(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def spread(key: str, found: Interval | None, value: float | None = None) -> dict[str, Any]:
    """Return a value with its bounds under a column's keys; `value` where there are no bounds."""
    if found is None:
        return {key: value, f"{key}_low": None, f"{key}_high": None}
    return {key: found.value, f"{key}_low": found.low, f"{key}_high": found.high}


def share(part: float, whole: float) -> float | None:
    """Return a part of a whole, None of nothing."""
    return part / whole if whole else None


def dot(label: str, found: Interval | None, value: float | None, series: int = 0) -> Dot | None:
    """Return what a plot shows of a value, None where there is none."""
    if found is not None:
        return Dot(label, found.value, found.low, found.high, series)
    return None if value is None else Dot(label, value, series=series)
