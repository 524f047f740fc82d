"""Transcribe a file from the command line: python -m transcription talk.wav --draft tiny --refine small --out
srt
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from transcription.catalog import HUB_NAMES, ModelFiles, default_models_dir, resolve
from transcription.errors import DecoderUnavailable, TranscriptionError
from transcription.formats.captions import to_json, to_srt, to_txt, to_vtt
from transcription.text.metrics import count_errors, pool
from transcription.types import DecodingOptions

BUNDLED = Path(__file__).resolve().parent.parent / "models"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and give its exit status: 0 done, 1 the file or a model is at fault, 2 wrong usage."""
    asked = _parser().parse_args(arguments)
    screen = _Screen(quiet=asked.quiet)
    try:
        return _run(asked, screen)
    except TranscriptionError as error:
        screen.end()
        sys.stderr.write(f"{error}\n")
        if isinstance(error, DecoderUnavailable) and error.how_to:
            sys.stderr.write(f"{error.how_to}\n")
        return 1
    except OSError as error:
        screen.end()
        sys.stderr.write(f"{error}\n")
        return 1


def _run(asked: argparse.Namespace, screen: _Screen) -> int:
    models = {"draft": _model(asked.draft, asked, screen)}
    if asked.refine:
        models["refine"] = _model(asked.refine, asked, screen)
    # Only now: --help and a wrong model name should not wait for these.
    from transcription.engines.whisper import WhisperEngine
    from transcription.hybrid import Pass, transcribe

    passes = [
        Pass(
            name,
            WhisperEngine(files, device=asked.device, threads=asked.threads),
            DecodingOptions(
                language=asked.language,
                beam_size=asked.beam,
                context=files.card.context,
                margin_ms=files.card.margin_ms,
                initial_prompt=asked.prompt,
            ),
        )
        for name, files in models.items()
    ]
    began = time.monotonic()
    done = transcribe(
        asked.file,
        passes,
        [files.card for files in models.values()],
        fixed_ms=asked.fixed * 1000 if asked.fixed else None,
        on_progress=screen.show,
    )
    took = time.monotonic() - began
    screen.end()
    for warning in done.prepared.warnings:
        sys.stderr.write(f"Note: {warning.message}\n")
    last = passes[-1].name
    seconds = done.prepared.duration_ms / 1000
    screen.say(f"{len(done.segments)} segments, {seconds:.1f} s of audio in {took:.1f} s")
    if len(passes) == 2:
        changed = pool(
            count_errors(better.text, first.text)
            for first, better in zip(done.heard["draft"], done.heard["refine"], strict=True)
        )
        screen.say(f"the second pass changed {changed.errors} of {changed.reference_length} words")
    lines = done.lines(last)
    if asked.out == "json":
        model = models[last]
        text = to_json(
            lines, duration_ms=done.prepared.duration_ms, model=model.name, model_sha256=model.sha256
        )
    else:
        text = {"txt": to_txt, "srt": to_srt, "vtt": to_vtt}[asked.out](lines)
    if asked.output:
        asked.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def _model(name: str, asked: argparse.Namespace, screen: _Screen) -> ModelFiles:
    return resolve(
        name,
        models_dir=asked.models_dir,
        bundled_dir=BUNDLED,
        allow_download=not asked.offline,
        on_progress=lambda done, total: screen.show(f"download {name}", done * 100 // max(1, total)),
    )


class _Screen:
    """Shows progress on standard error, one line rewritten; on anything but a terminal a line per step."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._step = ""
        self._open = False

    def show(self, step: str, percent: int) -> None:
        if self._quiet:
            return
        if self._live:
            if step != self._step and self._open:
                sys.stderr.write("\n")
            sys.stderr.write(f"\r{step:<12} {percent:3} %")
            sys.stderr.flush()
            self._open = True
        elif percent == 100 and step != self._step:
            sys.stderr.write(f"{step}: done\n")
        if self._live or percent == 100:
            self._step = step

    def end(self) -> None:
        if self._open:
            sys.stderr.write("\n")
            self._open = False

    def say(self, text: str) -> None:
        if not self._quiet:
            sys.stderr.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m transcription",
        description="Transcribe a recording with Whisper, in one pass or two.",
        epilog=f"Models: {', '.join(HUB_NAMES)}; demo-draft, demo-refine; org/name of the hub; a path.",
    )
    parser.add_argument("file", type=Path, help="audio or video file")
    parser.add_argument("--draft", default="tiny", metavar="MODEL", help="model of the (first) pass [tiny]")
    parser.add_argument("--refine", metavar="MODEL", help="model of the second pass")
    parser.add_argument("--out", choices=("txt", "srt", "vtt", "json"), default="txt", help="format [txt]")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to write it [standard output]")
    parser.add_argument("--language", metavar="CODE", help="such as en; detected where not given")
    parser.add_argument("--prompt", metavar="TEXT", help="words to expect: names, terms")
    parser.add_argument("--beam", type=int, default=5, metavar="N", help="beam size [5]")
    parser.add_argument("--fixed", type=int, metavar="SECONDS", help="cut at fixed lengths, not at pauses")
    parser.add_argument("--device", choices=("cpu", "cuda", "auto"), default="auto")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads [all cores]")
    parser.add_argument(
        "--models-dir",
        type=Path,
        default=default_models_dir(),
        help="where models are kept [EARMARK_MODELS_DIR, the site's, or ~/.cache/earmark/models]",
    )
    parser.add_argument("--offline", action="store_true", help="never download")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
