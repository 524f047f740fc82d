"""P7: two workers against one, over the same windows."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.report import Table

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.speech import Spoken

GOAL: Final = 1.9


def run(bench: Bench) -> Table:
    """Decode one prepared recording by one worker and by two, in turn."""
    spoken = bench.speech.recording(bench.sizes.scaling_s, seed=3)
    warm = bench.speech.short(4, seed=4)
    walls: dict[int, list[float]] = {1: [], 2: []}
    spent: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(bench.sizes.rounds):
        for count in walls:
            wall_s, cpu_s = _once(bench, spoken, warm, count)
            walls[count].append(wall_s)
            spent[count].append(cpu_s)
    one, two = median(walls[1]), median(walls[2])
    table = Table(
        f"P7. Two workers against one: {bench.sizes.scaling_s / 60:.3g} minutes, prepared, fitted context",
        ("", "wall s", "cpu s of the workers", "against one"),
        how=(
            f"{bench.described}. Each worker one thread; windows wait until all workers are warm, then are "
            "let go at once; the wall ends with the last commit. "
            f" Medians of {bench.sizes.rounds} interleaved rounds."
        ),
    )
    table.add("one worker", f"{one:.1f}", f"{median(spent[1]):.1f}", "1.00 x")
    table.add("two workers", f"{two:.1f}", f"{median(spent[2]):.1f}", f"{one / two:.2f} x")
    table.aim(
        f"P7 two workers: at least {GOAL} x one, where cores allow", f"{one / two:.2f} x", one / two >= GOAL
    )
    if table.missed:
        table.profile = (
            "The wall is what counts here, so neighbours on the machine count too: with two workers nothing "
            "is left for PostgreSQL on two cores. "
            f"Processor seconds grew by "
            f"{100 * (median(spent[2]) / median(spent[1]) - 1):.0f} %."
        )
    return table


def _once(bench: Bench, spoken: Spoken, warm: list[Spoken], count: int) -> tuple[float, float]:
    """Return wall and processor seconds of `count` workers over the recording."""
    platform = bench.platform  # sets Django up, which models need

    from annotation.doorbell import ring
    from annotation.models import Decoding, Recording
    from annotation.states import RecordingState

    project, manager = platform.team(bench.models.fit)
    # No worker that decodes yet: the windows wait until they are held back.
    platform.need("audio,control")
    recording, _ = platform.upload(project, manager, spoken)
    ready = Recording.objects.filter(pk=recording.pk, state=RecordingState.READY)
    platform.wait(ready.exists, 60 + spoken.duration_s, 0.05, lambda: "the recording is not prepared")
    windows = Decoding.objects.filter(recording=recording)
    # Far in the future: nobody takes them before they are let go.
    windows.update(available_at="9999-01-01T00:00:00Z")
    names = [f"draft-{number}" for number in range(count)]
    for name in names:
        platform.start("draft", name)
    _warm_all(bench, warm, names)
    before, began = platform.spent(), time.perf_counter()
    windows.update(available_at=None)
    for _ in names:
        ring("draft")
    platform.wait_over(project, 60 + 5 * spoken.duration_s)
    wall_s = time.perf_counter() - began
    after = platform.spent()
    return wall_s, sum(after[name] - before[name] for name in names)


def _warm_all(bench: Bench, warm: list[Spoken], names: list[str]) -> None:
    """Transcribe clips until each worker has loaded its model: it has spent more than its start."""
    platform = bench.platform
    start = platform.spent()
    for _ in range(10):
        platform.transcribe(bench.models.fit, warm)
        spent = platform.spent()
        if all(spent[name] - start[name] > 0.3 for name in names):
            return
