"""Every benchmark by its name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks import (
    audit,
    clips,
    engine,
    exports,
    gpu,
    preparation,
    quality,
    recordings,
    risk,
    saves,
    scaling,
    search,
    segmentation,
    tables,
    triage,
    waiting,
    workbench,
)
from benchmarks.bench import Bench
from benchmarks.report import Table


def _segmentation(bench: Bench) -> Table:
    """Compare ways to find pauses, where this is no smoke run: it takes the whole human corpus."""
    if bench.sizes.real:
        return segmentation.run()
    return Table("Segmentation: left out of a smoke run", ("", ""))


def _workbench(bench: Bench) -> Table:
    """Measure the page people work in, where this is no smoke run: its own tests walk it."""
    if bench.sizes.real:
        return workbench.run(bench)
    return Table("Workbench: left out of a smoke run", ("", ""))


BENCHMARKS: Final[dict[str, Callable[[Bench], Table]]] = {
    "recordings": recordings.run,
    "clips": clips.run,
    "preparation": preparation.run,
    "waiting": waiting.run,
    "gpu": gpu.run,
    "scaling": scaling.run,
    "engine": engine.run,
    "segmentation": _segmentation,
    "risk": risk.run,
    "triage": triage.run,
    "quality": quality.run,
    "saves": saves.run,
    "search": search.run,
    "tables": tables.run,
    "exports": exports.run,
    "audit": audit.run,
    "workbench": _workbench,
}
