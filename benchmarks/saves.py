"""Saves of revisions: what one costs, alone and with eight people at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from benchmarks.report import Table, percentile

if TYPE_CHECKING:
    from annotation.models import Segment, User
    from benchmarks.bench import Bench

GOAL_MS: Final = 50.0


def run(bench: Bench) -> Table:
    """Save through the service on the embedded PostgreSQL; every save is a commit on disk."""
    _ = bench.platform  # it is what sets Django up
    from django.db import connection

    from annotation import progress
    from annotation.services.segments import save_text
    from tests.factories import make_segment
    from tests.personas import make_cast

    cast, writers = make_cast(), bench.sizes.writers
    progress.client().ping()

    def write(segment: Segment, user: User, spent: list[float]) -> None:
        for number in range(bench.sizes.saves):
            began = time.perf_counter()
            save_text(user=user, segment=segment, text=f"text {number}", base_revision=number)
            spent.append((time.perf_counter() - began) * 1000)
        connection.close()

    alone: list[float] = []
    write(make_segment(cast.project), cast.annotator, alone)
    together: list[list[float]] = [[] for _ in range(writers)]
    rows = [make_segment(cast.project, start_ms=n * 1000) for n in range(writers)]
    threads = [
        threading.Thread(target=write, args=(row, cast.annotator, spent))
        for row, spent in zip(rows, together, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = Table(
        "Saves: one revision with its audit, committed to disk", ("", "p50 ms", "p95 ms", "saves a second")
    )
    flat = [value for spent in together for value in spent]
    table.add("one writer", *_row(alone), f"{1000 * len(alone) / sum(alone):.0f}")
    table.add(f"{writers} writers at once", *_row(flat), f"{1000 * writers * len(flat) / sum(flat):.0f}")
    p95 = percentile(flat, 0.95)
    table.aim(f"P8 saves, p95: at most {GOAL_MS:.0f} ms", f"{p95:.1f} ms", p95 <= GOAL_MS)
    return table


def _row(values: list[float]) -> tuple[str, str]:
    return f"{percentile(values, 0.5):.1f}", f"{percentile(values, 0.95):.1f}"
