"""Read the frozen rows of an export again, in batches: what they hold never changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from annotation.errors import Gone
from annotation.models import Export, ExportedRow, Hypothesis, Revision
from annotation.states import SegmentState, Source
from transcription.formats import Row
from transcription.formats.timing import timed_words
from transcription.text.normalize import normalize
from transcription.types import Word

BATCH: Final = 500

DECIDED: Final = frozenset((SegmentState.CORRECTED, SegmentState.ACCEPTED, SegmentState.RETURNED))
"""States in which a person stands behind the text, if a person wrote it: who skips leaves it as it was."""


@dataclass(frozen=True)
class FrozenRow:
    """One row of an export, with the texts that it names."""

    number: int
    recording_id: int
    segment_id: int
    split: str
    facts: Mapping[str, Any]
    text: str
    """The text of the frozen revision."""
    heard: str
    """What the best machine heard, or what was imported."""
    model: str
    """Which machine that was; empty for imported text."""
    signals: Mapping[str, Any]
    heard_words: tuple[Word, ...]
    language: str
    """As the row says, or else its project."""

    @property
    def decided(self) -> bool:
        """Tell whether a person stands behind the text."""
        return self.facts["state"] in DECIDED and self.facts["source"] == Source.HUMAN

    @property
    def machine_text(self) -> str:
        """Return what a machine heard, or was imported; while nobody has decided that is the text itself."""
        return self.heard if self.heard or self.decided else self.text

    @property
    def start_ms(self) -> int:
        """Return where it begins in the recording."""
        return int(self.facts["start_ms"])

    @property
    def end_ms(self) -> int:
        """Return where it ends in the recording."""
        return int(self.facts["end_ms"])

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Return the words of the text with times, as far as a machine has heard them."""
        return timed_words(self.text, self.heard_words, self.start_ms, self.end_ms)

    def row(self, audio: str, *, normalise: str = "") -> Row:
        """Return it as the formats write it, for a recording of this name."""
        text = normalize(self.text, normalise) if normalise else self.text
        decided = self.decided or bool(normalise)
        return Row(
            audio=audio,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            text=self.heard if decided else text,
            correction=text if decided else None,
            speaker=self.facts["speaker"],
            language=self.language,
            id=self.facts["external_id"],
            words=self.words,
        )


def frozen_rows(export: Export, *, words: bool = False, split: str | None = None) -> Iterator[FrozenRow]:
    """Yield the rows in their order, some hundred in memory at once; `words` where their times are wanted.

    `split`: those of one part alone. Raises Gone where a text has been deleted for good before the export
    was written.
    """
    language = export.snapshot.facts["language"]
    for page in _pages(export, split):
        yield from whole(page, language, words=words)


def first_rows(export: Export) -> Iterator[FrozenRow]:
    """Yield the first row of each recording of an export, without its texts."""
    recording = 0
    for page in _pages(export, None):
        for row in page:
            if row.recording_id != recording:
                recording = row.recording_id
                row.revision_id = row.hypothesis_id = None
                yield from whole([row], export.snapshot.facts["language"], words=False)


def _pages(export: Export, split: str | None) -> Iterator[list[ExportedRow]]:
    rows = ExportedRow.objects.filter(export=export).order_by("number")
    if split is not None:
        rows = rows.filter(split=split)
    last = 0
    while True:
        page = list(rows.filter(number__gt=last)[:BATCH])
        yield page
        if len(page) < BATCH:
            return
        last = page[-1].number


def whole(page: Sequence[ExportedRow], language: str, *, words: bool = False) -> Iterator[FrozenRow]:
    """Yield rows with the texts they name; `language` is the project's. Raises Gone where one is no more."""
    named = _ids([*(row.revision_id for row in page), *(row.facts["imported"] for row in page)])
    texts = dict(Revision.objects.filter(pk__in=named).values_list("pk", "text")) if named else {}
    fields = ("pk", "text", "model", "signals") + (("words",) if words else ())
    heard = {
        found[0]: found[1:]
        for found in Hypothesis.objects.filter(pk__in=_ids(row.hypothesis_id for row in page)).values_list(
            *fields
        )
    }
    for row in page:
        if row.revision_id is not None and row.revision_id not in texts:
            raise Gone(
                "A recording was deleted for good before the export was written. Make another export.",
                segment=str(row.segment_id),
            )
        said, model, signals, *timed = heard.get(row.hypothesis_id or 0, ("", "", {}))
        yield FrozenRow(
            number=row.number,
            recording_id=row.recording_id,
            segment_id=row.segment_id,
            split=row.split,
            facts=row.facts,
            text=texts.get(row.revision_id or 0, ""),
            heard=said or texts.get(row.facts["imported"], ""),
            model=model,
            signals=signals,
            heard_words=tuple(Word(*word) for word in timed[0]) if timed else (),
            language=row.facts["language"] or language,
        )


def _ids(found: Iterable[int | None]) -> list[int]:
    return [one for one in found if one is not None]
