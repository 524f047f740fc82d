"""P3: many clips of about five seconds through the platform, against faster-whisper one file at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks import profile
from benchmarks.models import BEAM
from benchmarks.peers import FasterWhisper, Run
from benchmarks.report import Cost, Table, percent
from benchmarks.speech import Spoken, wer

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.site import Outcome

EVERY: Final = 2
"""One at a time, each clip costs the same: every second one tells as much in half the time."""
PROFILED: Final = 40
GOALS: Final = {"full": 2.5, "fit": 4.5}
OURS: Final = {"full": "ours, full context", "fit": "ours, fitted context"}


def run(bench: Bench) -> Table:
    """Take clips all the ways, in portions in turn, and return the cost of one clip each way."""
    clips = bench.speech.short(bench.sizes.clips)
    warm = bench.speech.short(2, seed=8)
    platform, names = bench.platform, {"full": bench.models.full, "fit": bench.models.fit}
    size = -(-len(clips) // bench.sizes.rounds)
    portions = [clips[at : at + size] for at in range(0, len(clips), size)]
    ours: dict[str, list[Outcome]] = {way: [] for way in OURS}
    each: list[Run] = []
    platform.need("audio,control", "draft")
    with FasterWhisper(bench.models.path) as raw:
        for name in names.values():
            platform.transcribe(name, warm)
        raw.run("each", files=_paths(warm), words=True)
        for portion in portions:
            for way, name in names.items():
                ours[way].append(platform.transcribe(name, portion))
            each.append(raw.run("each", files=_paths(portion[::EVERY]), words=True))
        some = clips[: bench.sizes.text_clips]
        text = raw.run("each", files=_paths(some), words=False)
        seed = raw.run("each_as_seed", files=_paths(some))
        batched = raw.run("each_batched", files=_paths(some), words=True)
    references = [clip.text for clip in clips]

    halves = [clip for portion in portions for clip in portion[::EVERY]]

    def of_clip(*costs: Cost, count: int = len(clips)) -> Cost:
        return Cost(sum(c.cpu_s for c in costs) / count, sum(c.wall_s for c in costs) / count)

    costs = {way: of_clip(*(o.cost for o in outcomes)) for way, outcomes in ours.items()}
    costs["each"] = of_clip(*(r.cost for r in each), count=len(halves))
    for way, found in (("text", text), ("batched", batched), ("seed", seed)):
        costs[way] = of_clip(found.cost, count=len(some))
    rates = {way: wer(references, [t for o in outcomes for t in o.texts]) for way, outcomes in ours.items()}
    rates["each"] = wer([clip.text for clip in halves], [t for r in each for t in r.texts])
    for way, found in (("text", text), ("batched", batched), ("seed", seed)):
        rates[way] = wer(references[: len(some)], found.texts)

    seconds = sum(clip.duration_s for clip in clips) / len(clips)
    table = Table(
        f"P3. {len(clips)} clips of {seconds:.1f} s on average: files to rows in PostgreSQL",
        ("", "cpu ms a clip", "wall ms a clip", "against one at a time", "WER"),
        how=(
            f"{bench.described}. WAV, 16 kHz; beam {BEAM}; one thread each; of ours all is counted as in P1. "
            f"Clips are taken in {len(portions)} portions in turn, every second one of them one at a time. "
            f"Rows marked * were measured with {len(some)} of the clips. "
            "Naive: two FFmpeg a file, language open, as in P2."
        ),
    )
    titles = {
        **OURS,
        "each": "faster-whisper, one file at a time, with word times",
        "text": "faster-whisper, one file at a time, text only *",
        "batched": "faster-whisper batched, one file at a time, with word times *",
        "seed": "naive: two FFmpeg a file, language detected *",
    }
    for way, title in titles.items():
        table.add(
            title,
            f"{costs[way].cpu_s * 1000:.0f}",
            f"{costs[way].wall_s * 1000:.0f}",
            f"{costs['each'].cpu_s / costs[way].cpu_s:.2f} x",
            percent(rates[way]),
        )
    for way, wanted in GOALS.items():
        ratio, plain = (costs[of].cpu_s / costs[way].cpu_s for of in ("each", "text"))
        table.aim(
            f"P3 {OURS[way]}: at least {wanted} x one file at a time with the same work (word times)",
            f"{ratio:.2f} x ({plain:.2f} x without word times)",
            ratio >= wanted,
        )
    table.verdict = "Processor seconds of ours by process, last portion. " + " ".join(
        f"{OURS[way]}: {profile.by_process(ours[way][-1])}." for way in OURS
    )
    if table.missed:
        table.profile = profile.of_both(
            bench,
            OURS,
            lambda name: platform.transcribe(name, clips[:PROFILED]),
            lambda name: platform.transcribe(name, warm),
        )
    columns = {
        "seed": "naive",
        "each": "fw",
        "batched": "fw batched",
        "full": "ours, full",
        "fit": "ours, fitted",
    }
    for way, column in columns.items():
        bench.note("clip of 5 s, cpu ms", column, f"{costs[way].cpu_s * 1000:.0f}")
    return table


def _paths(clips: list[Spoken]) -> list[str]:
    return [str(clip.path) for clip in clips]
