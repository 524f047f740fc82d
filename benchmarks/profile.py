"""Where the time of a run through the platform goes: by process, and by stage of the worker that decodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from benchmarks.profiled import STAGES, read

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.site import Outcome


def by_process(outcome: Outcome) -> str:
    """Write the processor seconds of each kind of process in one line."""
    parts = sorted(outcome.spent.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in parts)


def by_stage(bench: Bench, title: str, run: Callable[[], Outcome], warm: Callable[[], object]) -> str:
    """Run once more with stopwatches in the decoding worker; return the table as Markdown."""
    out = bench.folder / "profile.json"
    out.unlink(missing_ok=True)
    platform = bench.platform
    platform.need("audio,control")
    platform.start("draft", "timed", profile=out)
    warm()
    before = read(out)
    outcome = run()
    after = read(out)
    lines = [
        f"Where the time goes, {title} (a run of its own with stopwatches; stages may overlap):",
        "",
        "| stage | seconds | calls | share of the wall |",
        "|---|---|---|---|",
    ]
    for stage in STAGES:
        seconds, calls = after[stage][0] - before[stage][0], after[stage][1] - before[stage][1]
        lines.append(f"| {stage} | {seconds:.2f} | {calls} | {100 * seconds / outcome.wall_s:.0f} % |")
    lines += ["", f"Processor seconds by process: {by_process(outcome)}; wall {outcome.wall_s:.1f} s."]
    return "\n".join(lines)


def of_both(
    bench: Bench, titles: Mapping[str, str], run: Callable[[str], Outcome], warm: Callable[[str], object]
) -> str:
    """Profile the model in full and in fitted context; on toy sizes one of them will do."""
    names = {"full": bench.models.full, "fit": bench.models.fit}
    ways = list(names) if bench.sizes.real else ["fit"]
    return "\n\n".join(
        by_stage(bench, titles[way], lambda name=names[way]: run(name), lambda name=names[way]: warm(name))  # type: ignore[misc]
        for way in ways
    )
