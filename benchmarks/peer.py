"""Raw faster-whisper in a process of its own: `python -m benchmarks.peer MODEL THREADS`, JSON both ways.

Its cost is what the process spends from the command to the answer, children included; loading the model is
not counted, as a worker of ours has loaded its model too.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel

from benchmarks.models import BEAM
from transcription.ffmpeg import find_ffmpeg

BATCH: Final = 8
"""The batch size of faster-whisper's own figures for a CPU."""

Answer = dict[str, Any]


class Peer:
    """Hold one model and run it in faster-whisper's ways, all with the same beam."""

    def __init__(self, path: str, threads: int) -> None:
        self._model = WhisperModel(path, device="cpu", compute_type="int8", cpu_threads=threads)
        self._batched = BatchedInferencePipeline(self._model)
        self._ffmpeg = str(find_ffmpeg(None))
        self._first_s: float | None = None
        self._began = 0.0

    def batched(self, file: str, *, words: bool, first_only: bool = False) -> list[str]:
        """Run the batched pipeline with its own voice detection and defaults."""
        found = self._batched.transcribe(
            file, language="en", beam_size=BEAM, batch_size=BATCH, word_timestamps=words
        )[0]
        return [self._text(found, first_only)]

    def whole(self, file: str, *, words: bool, first_only: bool = False) -> list[str]:
        """Run `transcribe` on the whole file."""
        found = self._model.transcribe(file, language="en", beam_size=BEAM, word_timestamps=words)[0]
        return [self._text(found, first_only)]

    def each(self, files: list[str], *, words: bool) -> list[str]:
        """Run `transcribe` on one file after another."""
        return [self.whole(file, words=words)[0] for file in files]

    def each_batched(self, files: list[str], *, words: bool) -> list[str]:
        """Run the batched pipeline on one file after another."""
        return [self.batched(file, words=words)[0] for file in files]

    def each_as_seed(self, files: list[str]) -> list[str]:
        """Do as a naive service does with one file after another."""
        return [self.seed(file, cut_s=30.0, detect=True)[0] for file in files]

    def seed(self, file: str, *, cut_s: float, detect: bool, first_only: bool = False) -> list[str]:
        """Do as a naive service does: convert, cut by one FFmpeg each, transcribe cut by cut, text only.

        `detect` leaves the language open. A model of English only detects nothing, so that one more pass of
        its encoder stands in for what a multilingual model of the size would spend.
        """
        with tempfile.TemporaryDirectory() as folder:
            made = self._cut(file, Path(folder), cut_s)
            texts = []
            for path in made:
                if detect and not self._model.model.is_multilingual:
                    self._model.encode(np.zeros((self._model.model.n_mels, 3000), np.float32))
                found = self._model.transcribe(str(path), language=None if detect else "en", beam_size=BEAM)[
                    0
                ]
                texts.append(self._text(found, first_only))
                if first_only and self._first_s is not None:
                    break
            return [" ".join(texts)]

    def cut(self, file: str, *, cut_s: float) -> list[str]:
        """Prepare segments as a naive service does, and transcribe nothing."""
        with tempfile.TemporaryDirectory() as folder:
            return [str(len(self._cut(file, Path(folder), cut_s)))]

    def answer(self, command: Answer) -> Answer:
        """Run one command and say what it cost."""
        work: Callable[..., list[str]] = getattr(self, command.pop("do"))
        self._first_s, before, self._began = None, _cpu(), time.perf_counter()
        texts = work(**command)
        wall_s = time.perf_counter() - self._began
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "texts": texts,
            "cpu_s": _cpu() - before,
            "wall_s": wall_s,
            "first_s": self._first_s,
            "peak_mb": peak_mb,
        }

    def _cut(self, file: str, folder: Path, cut_s: float) -> list[Path]:
        whole = folder / "whole.wav"
        self._run("-i", file, "-ac", "1", "-ar", "16000", str(whole))
        seconds = (whole.stat().st_size - 44) / 32_000
        made: list[Path] = []
        while len(made) * cut_s < seconds - 0.05:
            path = folder / f"{len(made):04}.wav"
            start = f"{len(made) * cut_s:.2f}"
            self._run("-i", str(whole), "-ss", start, "-t", f"{cut_s:.2f}", "-c", "copy", str(path))
            made.append(path)
        return made

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._ffmpeg, "-v", "error", "-y", *arguments], check=True, stdin=subprocess.DEVNULL)

    def _text(self, segments: Iterable[Any], first_only: bool) -> str:
        texts = []
        for segment in segments:
            if self._first_s is None and segment.text.strip():
                self._first_s = time.perf_counter() - self._began
            texts.append(segment.text.strip())
            if first_only and self._first_s is not None:
                break
        return " ".join(texts)


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    """Answer commands until the other side closes the pipe."""
    path, threads = sys.argv[1:]
    peer = Peer(path, int(threads))
    for line in sys.stdin:
        print(json.dumps(peer.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
