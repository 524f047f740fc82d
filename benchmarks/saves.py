"""Saves of revisions: what one costs, alone and with eight people at once."""

from __future__ import annotations

import threading
import time
from typing import Final

from benchmarks.report import Table, percentile

WRITERS: Final = 8
SAVES: Final = 200
GOAL_MS: Final = 50.0


def run() -> Table:
    """Save through the service on the embedded PostgreSQL; every save is a commit on disk."""
    from tests import services  # decides the environment: must precede Django

    servers = services.embedded()
    servers.start()
    try:
        import django

        django.setup()
        return _measure()
    finally:
        servers.stop()


def _measure() -> Table:
    from django.core.management import call_command
    from django.db import connection, connections

    from annotation import progress
    from annotation.models import Segment, User
    from annotation.services.segments import save_text
    from tests.factories import make_segment
    from tests.personas import make_cast

    call_command("migrate", database="owner", verbosity=0, interactive=False)
    cast = make_cast()
    progress.client().ping()

    def write(segment: Segment, user: User, spent: list[float]) -> None:
        for number in range(SAVES):
            began = time.perf_counter()
            save_text(user=user, segment=segment, text=f"text {number}", base_revision=number)
            spent.append((time.perf_counter() - began) * 1000)
        connection.close()

    alone: list[float] = []
    write(make_segment(cast.project), cast.annotator, alone)
    together: list[list[float]] = [[] for _ in range(WRITERS)]
    rows = [make_segment(cast.project, start_ms=n * 1000) for n in range(WRITERS)]
    threads = [
        threading.Thread(target=write, args=(row, cast.annotator, spent))
        for row, spent in zip(rows, together, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connections.close_all()
    table = Table(
        "Saves: one revision with its audit, committed to disk", ("", "p50 ms", "p95 ms", "saves a second")
    )
    flat = [value for spent in together for value in spent]
    table.add("one writer", *_row(alone), f"{1000 * len(alone) / sum(alone):.0f}")
    table.add(f"{WRITERS} writers at once", *_row(flat), f"{1000 * WRITERS * len(flat) / sum(flat):.0f}")
    met = percentile(flat, 0.95) <= GOAL_MS
    table.verdict = f"Goal: p95 at most {GOAL_MS:.0f} ms. {'Met' if met else 'Missed'}."
    return table


def _row(values: list[float]) -> tuple[str, str]:
    return f"{percentile(values, 0.5):.1f}", f"{percentile(values, 0.95):.1f}"
