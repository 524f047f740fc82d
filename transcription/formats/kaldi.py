"""A Kaldi data directory: `wav.scp`, `segments`, `text`, `utt2spk`, `spk2utt`, `utt2dur`, `reco2dur`.

Kaldi wants each file sorted by bytes, and utterances in the order of their speakers as well. So a
speaker's id has only letters, digits and underscores, which all sort behind the hyphen that ends it, and
an utterance's id begins with it.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Final, Self

from transcription.formats.nist import seconds
from transcription.formats.rows import Row
from transcription.formats.sorting import SortedLines
from transcription.formats.texts import tokens

FILES: Final = ("wav.scp", "segments", "text", "utt2spk", "spk2utt", "utt2dur", "reco2dur")
UNFIT: Final = re.compile(r"[^\w]+")


def identity(name: str) -> str:
    """Give a name as an id: letters, digits, underscores. Names that differ stay different."""
    fit = UNFIT.sub("_", name).strip("_")
    if fit == name:
        return fit
    return f"{fit or 'x'}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


class KaldiDirectory:
    """Collect utterances in any order; give the files of the directory, sorted, in constant memory."""

    def __init__(self) -> None:
        self._lines = {name: SortedLines() for name in FILES if name != "spk2utt"}
        self._recording = ("", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what was collected."""
        for lines in self._lines.values():
            lines.close()

    def add(self, row: Row, wav: str, recording_ms: int) -> bool:
        """Take an utterance of a recording whose sound is the file `wav`; False where it has no text.

        Rows of the same recording come one after the other. `row.audio` is the recording's unique name and
        `row.id` is unique in it; without a speaker the recording counts as one.
        """
        text = tokens(row.final)
        if not text:
            return False
        recording = identity(row.audio)
        speaker = identity(row.speaker) if row.speaker else recording
        start, end = row.start_ms or 0, row.end_ms or 0
        utterance = f"{speaker}-{recording}-{start:09}-{end:09}-{identity(row.id)}"
        # Of a recording whose channels are apart, rows of both come in turn.
        if recording not in self._recording:
            self._recording = (self._recording[-1], recording)
            self._lines["wav.scp"].add(f"{recording} {wav}\n")
            self._lines["reco2dur"].add(f"{recording} {seconds(recording_ms)}\n")
        self._lines["segments"].add(f"{utterance} {recording} {seconds(start)} {seconds(end)}\n")
        self._lines["text"].add(f"{utterance} {text}\n")
        self._lines["utt2spk"].add(f"{utterance} {speaker}\n")
        self._lines["utt2dur"].add(f"{utterance} {seconds(end - start)}\n")
        return True

    def files(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Yield (name, lines) of each file."""
        for name in FILES:
            yield name, self._speakers() if name == "spk2utt" else iter(self._lines[name])

    def _speakers(self) -> Iterator[bytes]:
        pairs = (line.split() for line in self._lines["utt2spk"])
        for speaker, group in itertools.groupby(pairs, key=lambda pair: pair[1]):
            yield speaker
            for utterance, _ in group:
                yield b" " + utterance
            yield b"\n"
