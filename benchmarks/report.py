"""Tables of measured figures, printed and written to `docs/benchmarks.md`."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


@dataclass(slots=True)
class Table:
    """Hold one measurement: what was measured, its rows, and what was aimed at."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    verdict: str = ""
    """The goal and whether it was met, in one line."""

    def add(self, *cells: object) -> None:
        """Append a row."""
        self.rows.append([str(cell) for cell in cells])

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"## {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|" + "---|" * len(self.columns))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", self.verdict, ""])


@dataclass(frozen=True, slots=True)
class Cost:
    """Hold what one run cost: processor seconds of this process and its children, and wall seconds."""

    cpu_s: float
    wall_s: float


def cost(action: Callable[[], object]) -> Cost:
    """Run once and return its cost."""
    before, began = _cpu(), time.perf_counter()
    action()
    return Cost(_cpu() - before, time.perf_counter() - began)


def interleaved(rounds: int, **actions: Callable[[], object]) -> dict[str, Cost]:
    """Run the actions in turn, `rounds` times after one round unmeasured, and return each one's median.

    Interleaved, because a machine that slows down must slow all of them down alike.
    """
    for action in actions.values():
        action()
    seen: dict[str, list[Cost]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            seen[name].append(cost(action))
    return {
        name: Cost(statistics.median(c.cpu_s for c in costs), statistics.median(c.wall_s for c in costs))
        for name, costs in seen.items()
    }


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine() -> str:
    """Describe the machine in one line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def write(tables: Sequence[Table], command: str) -> None:
    """Write the tables to `docs/benchmarks.md` with the command that made them."""
    body = "\n".join(table.markdown() for table in tables)
    DOCUMENT.write_text(
        f"# Benchmarks\n\nMade by `{command}` on {machine()}. Ratios were measured side by side in one run;\n"
        f"trust them more than the seconds.\n\n{body}",
        encoding="utf-8",
    )


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
