"""The document of one run: the scenarios side by side, then every table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from benchmarks.report import Table

if TYPE_CHECKING:
    from benchmarks.bench import Bench

COLUMNS: Final = ("naive", "fw", "fw batched", "ours, full", "ours, fitted")


def document(bench: Bench, tables: Mapping[str, Table], machine: str, command: str) -> str:
    """Return the Markdown of `docs/benchmarks.md`."""
    parts = [
        "# Benchmarks",
        f"Made by `{command}` on {machine}. Everything that is compared was measured side by side in one "
        "run; trust the ratios more than the seconds.",
        _side_by_side(bench),
        _goals(tables),
        *(table.markdown() for table in tables.values()),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part)


def _side_by_side(bench: Bench) -> str:
    if not bench.figures:
        return ""
    table = Table("Side by side", ("", *COLUMNS))
    for scenario, figures in bench.figures.items():
        table.add(scenario, *(figures.get(column, "-") for column in COLUMNS))
    return table.markdown()


def _goals(tables: Mapping[str, Table]) -> str:
    lines = [goal.line() for table in tables.values() for goal in table.goals]
    return "\n".join(["## Goals", "", *lines]) if lines else ""
