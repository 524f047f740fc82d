"""Transcribe a file from the command line: python -m transcription talk.wav --draft tiny --refine small --out
srt
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transcription.catalog import HUB_NAMES, default_models_dir
from transcription.errors import DecoderUnavailable, EngineError, TranscriptionError
from transcription.text.metrics import count_errors, pool

if TYPE_CHECKING:
    from transcription.passes import Transcript


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
    from transcription import hybrid  # only now: --help should not wait for it
    from transcription.passes import run

    names = {"draft": asked.draft} | ({"refine": asked.refine} if asked.refine else {})
    files = {
        name: hybrid.find(
            model, models_dir=asked.models_dir, download=not asked.offline, on_progress=screen.show
        )
        for name, model in names.items()
    }
    passes = [
        hybrid.load(
            name,
            model,
            device=asked.device,
            threads=asked.threads,
            merge=asked.merge,
            options=_options(asked),
        )
        for name, model in files.items()
    ]
    began = time.monotonic()
    done = run(
        asked.file, passes, fixed_ms=asked.fixed * 1000 if asked.fixed else None, on_progress=screen.show
    )
    took = time.monotonic() - began
    screen.end()
    for warning in done.prepared.warnings:
        sys.stderr.write(f"Note: {warning.message}\n")
    _sum_up(done, took, asked, screen)
    text = done.render(asked.out)
    if asked.output:
        asked.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def _options(asked: argparse.Namespace) -> dict[str, Any]:
    """Give the decoding options that were asked for, by name. Raises EngineError on one that is unknown."""
    given = {
        "beam_size": asked.beam,
        "language": asked.language,
        "initial_prompt": asked.prompt,
        "hotwords": asked.hotwords,
        "context": asked.context,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if asked.options:
        try:
            more = json.loads(asked.options)
        except ValueError as error:
            raise EngineError("bad_option", f"--options is no JSON: {error}") from error
        if not isinstance(more, dict):
            raise EngineError("bad_option", 'Give --options a JSON object, such as {"patience": 2}.')
        options |= more
    return options


def _sum_up(done: Transcript, took: float, asked: argparse.Namespace, screen: _Screen) -> None:
    seconds = done.prepared.duration_ms / 1000
    speed = seconds / took if took else 0.0
    screen.say(
        f"{len(done.segments)} segments, {seconds:.1f} s of audio in {took:.1f} s: {speed:.1f} x real time"
    )
    if asked.language is None and done.language is not None:
        code, probability = done.language
        screen.say(f"language: {code} ({probability:.0%})")
    doubted = Counter(flag for heard in done.heard[done.last] for flag in heard.flags)
    if doubted:
        screen.say("to look at: " + ", ".join(f"{flag} {count}" for flag, count in doubted.most_common()))
    if len(done.heard) == 2:
        changed = pool(
            count_errors(better.text, first.text)
            for first, better in zip(done.heard["draft"], done.heard["refine"], strict=True)
        )
        screen.say(f"the second pass changed {changed.errors} of {changed.reference_length} words")


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
    parser.add_argument("--hotwords", metavar="TEXT", help="names and terms, before the prompt")
    parser.add_argument(
        "--context", choices=("full", "fit"), help="pad windows to 30 s or to their own length"
    )
    parser.add_argument("--beam", type=int, default=5, metavar="N", help="beam size [5]")
    parser.add_argument("--fixed", type=int, metavar="SECONDS", help="cut at fixed lengths, not at pauses")
    parser.add_argument(
        "--merge",
        action=argparse.BooleanOptionalAction,
        help="decode neighbouring segments together [as the model's card says]",
    )
    parser.add_argument("--options", metavar="JSON", help="any other decoding options, by name")
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
