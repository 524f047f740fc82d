"""Every benchmark by its name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks import clips, engine, gpu, preparation, recordings, risk, saves, scaling, waiting
from benchmarks.bench import Bench
from benchmarks.report import Table

BENCHMARKS: Final[dict[str, Callable[[Bench], Table]]] = {
    "recordings": recordings.run,
    "clips": clips.run,
    "preparation": preparation.run,
    "waiting": waiting.run,
    "gpu": gpu.run,
    "scaling": scaling.run,
    "engine": engine.run,
    "risk": risk.run,
    "saves": saves.run,
}
