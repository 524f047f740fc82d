"""P1 and P2: a recording from file to rows, against raw faster-whisper and against the naive way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks import profile
from benchmarks.models import BEAM
from benchmarks.peers import FasterWhisper, Run
from benchmarks.report import Cost, Table, median, percent
from benchmarks.speech import wer

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.site import Outcome

FULL_AGAINST_BATCHED: Final = 0.97
FIT_AGAINST_BATCHED: Final = 1.5
AGAINST_SEED: Final = {"full": (2.2, 1.2), "fit": (3.5, 1.9)}
"""Goals against the naive way: as published, and at its best."""

OURS: Final = {"full": "ours, full context", "fit": "ours, fitted context"}
PEERS: Final = {
    "batched": "faster-whisper batched, b8, with word times",
    "text": "faster-whisper batched, b8, text only",
    "seed": "naive: cuts of 30.0 s, language detected",
    "best": "naive: cuts of 29.9 s, language given",
}
COMMANDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "batched": ("batched", {"words": True}),
    "text": ("batched", {"words": False}),
    "seed": ("seed", {"cut_s": 30.0, "detect": True}),
    "best": ("seed", {"cut_s": 29.9, "detect": False}),
}


def run(bench: Bench) -> Table:
    """Take one recording all the ways in turn, and return their costs side by side."""
    spoken = bench.speech.recording(bench.sizes.recording_s)
    warm = bench.speech.recording(min(30, bench.sizes.recording_s), seed=9)
    platform, names = bench.platform, {"full": bench.models.full, "fit": bench.models.fit}
    ours: dict[str, list[Outcome]] = {way: [] for way in OURS}
    peers: dict[str, list[Run]] = {way: [] for way in PEERS}
    platform.need("audio,control", "draft")
    with FasterWhisper(bench.models.path) as raw:
        for name in names.values():
            platform.transcribe(name, [warm])
        for do, arguments in COMMANDS.values():
            raw.run(do, file=str(warm.path), **arguments)
        for _ in range(bench.sizes.rounds):
            for way, name in names.items():
                ours[way].append(platform.transcribe(name, [spoken]))
            for way, (do, arguments) in COMMANDS.items():
                peers[way].append(raw.run(do, file=str(spoken.path), **arguments))
    costs: dict[str, Cost] = {way: median([o.cost for o in outcomes]) for way, outcomes in ours.items()}
    costs |= {way: median([r.cost for r in runs]) for way, runs in peers.items()}
    texts = {way: o[-1].texts for way, o in ours.items()} | {way: r[-1].texts for way, r in peers.items()}
    rates = {way: wer([spoken.text], said) for way, said in texts.items()}

    minutes = bench.sizes.recording_s / 60
    table = Table(
        f"P1, P2. A recording of {minutes:.3g} minutes: file to rows in PostgreSQL",
        ("", "cpu s", "wall s", "x real time", "against batched", "WER"),
        how=(
            f"{bench.described}. MP3, 44.1 kHz stereo; beam {BEAM}; one thread each. Ours: upload, "
            "doorbell, real Celery workers (one prepares, one decodes beside it), segments, texts and word "
            "times in PostgreSQL; counted are all processes (workers, their FFmpeg, PostgreSQL, Redis, the "
            "uploader), "
            "children included, and the wall from the upload to the last commit. Others: one process that "
            f"has its model loaded. Medians of {bench.sizes.rounds} interleaved rounds after one warm-up."
            f" {STAND_IN_NOTE}"
        ),
    )
    for way, title in {**OURS, **PEERS}.items():
        spent = costs[way]
        table.add(
            title,
            f"{spent.cpu_s:.1f}",
            f"{spent.wall_s:.1f}",
            f"{spoken.duration_s / spent.cpu_s:.1f}",
            f"{costs['batched'].cpu_s / spent.cpu_s:.2f} x",
            percent(rates[way]),
        )

    def ratio(of: str, way: str) -> float:
        return costs[of].cpu_s / costs[way].cpu_s

    for way, wanted in (("full", FULL_AGAINST_BATCHED), ("fit", FIT_AGAINST_BATCHED)):
        table.aim(
            f"P1 {OURS[way]}: at least {wanted} x batched with the same work (word times)",
            f"{ratio('batched', way):.2f} x ({ratio('text', way):.2f} x batched without word times)",
            ratio("batched", way) >= wanted,
        )
        for of, goal in zip(("seed", "best"), AGAINST_SEED[way], strict=True):
            table.aim(
                f"P2 {OURS[way]}: at least {goal} x {PEERS[of]}",
                f"{ratio(of, way):.2f} x",
                ratio(of, way) >= goal,
            )
    table.verdict = "Processor seconds of ours by process, last round. " + " ".join(
        f"{OURS[way]}: {profile.by_process(ours[way][-1])}." for way in OURS
    )
    if table.missed:
        table.profile = profile.of_both(
            bench,
            OURS,
            lambda name: platform.transcribe(name, [spoken]),
            lambda name: platform.transcribe(name, [warm]),
        )
    _note(bench, costs, spoken.duration_s)
    return table


STAND_IN_NOTE: Final = (
    "The model hears English only and detects no language; one more pass of its encoder for each cut stands "
    "in for what detection costs a multilingual model of its size."
)


def _note(bench: Bench, costs: dict[str, Cost], duration_s: float) -> None:
    columns = {"seed": "naive", "batched": "fw batched", "full": "ours, full", "fit": "ours, fitted"}
    for way, column in columns.items():
        bench.note("recording, x real time per core", column, f"{duration_s / costs[way].cpu_s:.1f}")
