"""Measure batches across files on a device against one file a call; see `benchmarks.gpu` for why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio

from benchmarks.gpu import BUSY, LEAD, WHAT, Watch
from benchmarks.report import interleaved
from benchmarks.weights import LARGE_V3, Dimensions, build
from transcription.catalog import resolve
from transcription.engines.base import WindowAudio
from transcription.engines.whisper import WhisperEngine
from transcription.types import DecodingOptions

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.report import Table

TOKENS: Final = 32
"""What every window comes to, as random weights never end: ten seconds of English speech."""
BATCH: Final = 64


def measure(
    bench: Bench,
    table: Table,
    *,
    device: Literal["cpu", "cuda"] = "cuda",
    dimensions: Dimensions = LARGE_V3,
) -> Table:
    """Decode clips and windows of a recording, mixed, in batches; clips file by file; fill the table."""
    path = build(bench.folder / "models" / "random", dimensions)
    compute_type = "float16" if device == "cuda" else "int8"
    clips = [decode_audio(str(clip.path)) for clip in bench.speech.short(bench.sizes.clips)]
    long = decode_audio(str(bench.speech.recording(bench.sizes.recording_s).path))
    step = 28 * 16_000
    windows = [WindowAudio(clip) for clip in clips]
    windows += [WindowAudio(long[at : at + step]) for at in range(0, len(long), step)]
    seconds = sum(len(clip) for clip in clips) / 16_000 / len(clips)
    files = resolve(str(path), models_dir=bench.models.models_dir)
    options = DecodingOptions(
        language="en",
        temperatures=(0.0,),
        compression_ratio_threshold=None,
        log_prob_threshold=None,
        no_speech_threshold=None,
        word_timestamps=False,
        max_tokens_per_second=0.0,  # leaves the 32 that every window gets
    )
    engine = WhisperEngine(files, device=device, compute_type=compute_type)

    def ours(batch: list[WindowAudio]) -> None:
        for at in range(0, len(batch), BATCH):
            engine.decode(batch[at : at + BATCH], options)

    raw = WhisperModel(str(path), device=device, compute_type=compute_type, local_files_only=True)
    batched = BatchedInferencePipeline(raw)

    def each() -> None:
        for clip in clips:
            list(
                batched.transcribe(
                    clip, language="en", beam_size=5, vad_filter=False,
                    # CTranslate2 writes half of the length it is given, the prompt of three included.
                    max_new_tokens=2 * TOKENS - 3,
                    clip_timestamps=[{"start": 0.0, "end": len(clip) / 16_000}],
                )[0]
            )  # fmt: skip

    with Watch() as alone:
        costs = interleaved(bench.sizes.rounds, each=each)
    with Watch() as together:
        costs |= interleaved(bench.sizes.rounds, ours=lambda: ours(windows[: len(clips)]))
    with Watch() as mixed:
        costs |= interleaved(bench.sizes.rounds, mixed=lambda: ours(windows))
    ratio = costs["each"].wall_s / costs["ours"].wall_s
    table.title = (
        f"P6. {len(clips)} clips of {seconds:.1f} s on {device}: dimensions of large-v3, random weights"
    )
    table.how = (
        f"{bench.speech.origin}; {compute_type}, beam 5, {TOKENS} tokens a window. "
        f"Ours: batches of up to {BATCH} windows of any files. Medians of {bench.sizes.rounds} rounds."
    )
    rows = (
        ("faster-whisper batched, one file a call", "each", alone),
        ("ours, clips of many files in a batch", "ours", together),
        ("ours, clips and windows of a recording mixed", "mixed", mixed),
    )
    for title, name, watch in rows:
        table.add(
            title,
            f"{costs[name].wall_s * 1000 / len(clips):.0f}" if name != "mixed" else "-",
            f"{costs['each'].wall_s / costs[name].wall_s:.2f} x" if name != "mixed" else "-",
            "-" if watch.busy is None else f"{watch.busy:.0f} %",
        )
    busy = mixed.busy
    table.aim(WHAT[0], "-" if busy is None else f"{busy:.0f} %", None if busy is None else busy >= BUSY)
    table.aim(WHAT[1], f"{ratio:.2f} x", ratio >= LEAD)
    return table
