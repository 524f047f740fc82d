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

import ctranslate2
import faster_whisper

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Goal:
    """State what was aimed at and what came out; `met` is None where it could not be measured."""

    what: str
    came: str
    met: bool | None

    def line(self) -> str:
        """Return the goal as one line of Markdown."""
        word = {True: "met", False: "MISSED", None: "not measured"}[self.met]
        return f"- {self.what}: {self.came} - **{word}**"


@dataclass(slots=True)
class Table:
    """Hold one measurement: what was measured and how, its rows, and what was aimed at."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    how: str = ""
    """What was done, so that somebody else can do it again."""
    goals: list[Goal] = field(default_factory=list)
    verdict: str = ""
    """What is to be said beside the goals."""
    profile: str = ""
    """Where the time goes, as Markdown; there where a goal was missed."""

    def add(self, *cells: object) -> None:
        """Append a row."""
        self.rows.append([str(cell) for cell in cells])

    def aim(self, what: str, came: str, met: bool | None) -> None:
        """Append a goal."""
        self.goals.append(Goal(what, came, met))

    @property
    def missed(self) -> bool:
        """Tell whether any goal was missed."""
        return any(goal.met is False for goal in self.goals)

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"## {self.title}", ""]
        if self.how:
            lines += [self.how, ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|" + "---|" * len(self.columns))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        lines.append("")
        if self.goals:
            lines += [*(goal.line() for goal in self.goals), ""]
        if self.verdict:
            lines += [self.verdict, ""]
        if self.profile:
            lines += [self.profile, ""]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Cost:
    """Hold what one run cost: processor seconds of every process that took part, and wall seconds."""

    cpu_s: float
    wall_s: float


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(statistics.median(c.cpu_s for c in costs), statistics.median(c.wall_s for c in costs))


def cost(action: Callable[[], object]) -> Cost:
    """Run once and return its cost: processor seconds of this process and the children it waited for."""
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
    return {name: median(costs) for name, costs in seen.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def percent(rate: float | None) -> str:
    """Write a rate 0..1 as a percentage, or a dash."""
    return "-" if rate is None else f"{100 * rate:.1f} %"


def machine() -> str:
    """Describe the machine and what computes on it in one line."""
    cores = len(os.sched_getaffinity(0))
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{platform.machine()}{_processor()}, {cores} cores, {gib:.0f} GiB, load {os.getloadavg()[0]:.1f} at "
        f"the start, Python {platform.python_version()}, CTranslate2 {ctranslate2.__version__}, "
        f"faster-whisper {faster_whisper.__version__}"
    )


def write(text: str, path: Path) -> None:
    """Write the document of one run."""
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f" ({names[0]})" if names else ""


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
