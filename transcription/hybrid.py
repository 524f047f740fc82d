"""Transcribe a file in two passes: a draft of everything first, a better model behind it.

    from transcription import transcribe

    talk = transcribe("talk.wav", draft="tiny", refine="small")
    print(talk)
    talk.save("talk.srt")

This is the library's own way from a file to a transcript, for notebooks and the command line. The platform
uses the same pieces, with its segments, claims and results in a database in between.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from transcription.catalog import ModelFiles, default_models_dir, resolve
from transcription.passes import Pass, Progress, Transcript, run

BUNDLED: Final = Path(__file__).resolve().parent.parent / "models"


def transcribe(
    source: Path | str,
    *,
    draft: str = "tiny",
    refine: str | None = None,
    device: Literal["cpu", "cuda", "auto"] = "auto",
    threads: int = 0,
    models_dir: Path | None = None,
    download: bool = True,
    merge: bool | None = None,
    fixed_ms: int | None = None,
    on_progress: Progress | None = None,
    **options: Any,
) -> Transcript:
    """Transcribe an audio or video file and give its segments, texts, words and signals.

    `draft`, `refine`: names of models (`tiny`, `small`, ...), hub ids or directories. `threads`: 0 for all
    cores. `merge`: decode neighbouring segments in one window; as each model's card says where not given.
    `fixed_ms`: cut at that length, and not at pauses. All else are DecodingOptions by name, for both passes:
    `language="de"`, `beam_size=1`, `context="fit"`, `hotwords="Earmark"`.

    Raises MediaRejected for a file that is no audio, ModelUnavailable, EngineError; each says what to do.
    """
    tell = on_progress or (lambda step, percent: None)
    names = {"draft": draft} | ({"refine": refine} if refine else {})
    files = {
        name: find(model, models_dir=models_dir, download=download, on_progress=tell)
        for name, model in names.items()
    }
    passes = [
        load(name, model, device=device, threads=threads, merge=merge, options=options)
        for name, model in files.items()
    ]
    return run(Path(source), passes, fixed_ms=fixed_ms, on_progress=tell)


def find(
    model: str, *, models_dir: Path | None, download: bool, on_progress: Callable[[str, int], None]
) -> ModelFiles:
    """Find a model on this disk, or download it once. Raises ModelUnavailable."""
    return resolve(
        model,
        models_dir=models_dir or default_models_dir(),
        bundled_dir=BUNDLED,
        allow_download=download,
        on_progress=lambda done, total: on_progress(f"download {model}", done * 100 // max(1, total)),
    )


def load(
    name: str,
    files: ModelFiles,
    *,
    device: Literal["cpu", "cuda", "auto"] = "auto",
    threads: int = 0,
    merge: bool | None = None,
    options: dict[str, Any] | None = None,
) -> Pass:
    """Load a model as the pass `name`, with options as its card says and `options` before it."""
    asked = files.card.options(**(options or {}))
    # Only now: a wrong model name or option should not wait for this.
    from transcription.engines.whisper import WhisperEngine

    return Pass(name, WhisperEngine(files, device=device, threads=threads), files.card, asked, merge)
