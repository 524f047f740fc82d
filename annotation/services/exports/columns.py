"""The columns of an export as a table: those of the sheet it came from in their place, and what we add."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from annotation.services.exports.frozen import FrozenRow
from annotation.services.imports.columns import Column
from transcription.formats.clocks import clock
from transcription.text.metrics import ErrorCounts, count_errors
from transcription.text.normalize import TAG

NORMALISER: Final = "spoken-1"
"""Profile under which the word errors of a table are counted: the one of the quality pages."""

Values = dict[str, Any]

#: Column: what it holds. The order is that of a table that came from no sheet.
COLUMNS: Final[Mapping[str, str]] = {
    "file_name": "name of the recording",
    "segment_id": "id of the row: the one it was imported with, or else ours",
    "start_ms": "where it begins in the recording, milliseconds",
    "end_ms": "where it ends, milliseconds",
    "speaker": "who speaks, where known",
    "language": "ISO 639 code",
    "asr_text": "what the best pass of a model heard, or the text that was imported; never altered",
    "correct_transcripts": "the text that a person stands behind; empty where nobody has decided",
    "status": "pending, draft, refined, corrected, skipped, accepted or returned",
    "split": "train, validation or test",
    "confidence": "0 to 1: how sure the model was of its words, on average",
    "risk": "0 to 1: how likely the machine's text is wrong",
    "risk_reasons": "why, separated by spaces",
    "wer": f"word error rate of asr_text against correct_transcripts ({NORMALISER})",
    "edit_distance": f"words to change to come from asr_text to correct_transcripts ({NORMALISER})",
    "tags": "tags in the text, separated by spaces",
    "model": "the model that heard asr_text",
    "version": "number of the text's revision",
    "annotator": "who last wrote the text by hand, or decided that it stands",
    "written_at": "when, ISO 8601 UTC",
    "verdict": "what the last reviewer said: accept, fix or return",
    "comment": "why it was returned",
    "reviewer": "who that was",
    "reviewed_at": "when, ISO 8601 UTC",
    "locked": "true when the row is finished",
    "locked_at": "when it was finished, ISO 8601 UTC",
}

FIELDS: Final[Mapping[str, str]] = {
    "audio": "file_name",
    "start": "start_ms",
    "end": "end_ms",
    "text": "asr_text",
    "correction": "correct_transcripts",
    "id": "segment_id",
    "speaker": "speaker",
    "language": "language",
    "locked": "locked",
    "locked_at": "locked_at",
}
"""Field of an imported sheet: which of our columns fills it."""


def values_of(row: FrozenRow, file_name: str) -> Values:
    """Return what each of our columns holds for a row, in plain values."""
    facts = row.facts
    # A model that heard nothing where people heard words has left all of them out.
    compared = row.decided and (row.heard or row.model)
    errors = count_errors(row.text, row.heard, profile=NORMALISER) if compared else None
    logprob = row.signals.get("avg_logprob")
    return {
        "file_name": file_name,
        "segment_id": row.shown_id,
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
        "speaker": facts["speaker"],
        "language": facts["language"],
        "asr_text": row.machine_text,
        "correct_transcripts": row.text if row.decided else None,
        "status": facts["state"],
        "split": row.split,
        "confidence": None if logprob is None else round(min(1.0, math.exp(logprob)), 4),
        "risk": None if facts["risk"] is None else round(facts["risk"], 4),
        "risk_reasons": facts["risk_reasons"],
        "wer": _rate(errors),
        "edit_distance": None if errors is None else errors.errors,
        "tags": [tag[1:-1] for tag in TAG.findall(row.text)],
        "model": row.model,
        "version": facts["revision"],
        "annotator": facts["annotator"],
        "written_at": facts["written_at"],
        "verdict": facts["verdict"],
        "comment": facts["verdict_reason"] or None,
        "reviewer": facts["reviewer"],
        "reviewed_at": facts["reviewed_at"],
        "locked": facts["locked"],
        "locked_at": facts["locked_at"],
    }


def _rate(errors: ErrorCounts | None) -> float | None:
    rate = errors.rate if errors else None
    return None if rate is None else round(rate, 4)


Fill = Callable[[FrozenRow, Values], Any]


class Layout:
    """The header of a table, and how each row fills it.

    `sheet` are the columns of the sheets that were imported into the project ({"header", "field"}): they
    come first, in their order, those that are none of ours with what the rows brought along. Behind them
    come those of ours that are not among them; `split` where the dataset has parts.
    """

    def __init__(self, sheet: Sequence[Mapping[str, str]], *, split: bool) -> None:
        self.header: list[str] = []
        self._fills: list[Fill] = []
        taken = set() if split else {"split"}
        for column in sheet:
            field, header = column["field"], column["header"]
            if field == "ignore" or header in self.header:
                continue
            if field in ("", "assignee"):  # kept as it came
                self._add(header, _kept(header))
            elif field == "duration":
                self._add(header, _duration(header))
            elif (ours := FIELDS.get(field)) is not None and ours not in taken:
                taken.add(ours)
                self._add(header, _time(ours, header) if field in ("start", "end") else _ours(ours))
        for name in COLUMNS:
            if name not in taken and name not in self.header:
                self._add(name, _ours(name))

    def _add(self, header: str, fill: Fill) -> None:
        self.header.append(header)
        self._fills.append(fill)

    def fill(self, row: FrozenRow, values: Values) -> list[Any]:
        """Return the cells of a row."""
        return [fill(row, values) for fill in self._fills]


def _kept(header: str) -> Fill:
    return lambda row, _: row.facts["metadata"].get(header, "")


def _ours(name: str) -> Fill:
    return lambda _, values: values[name]


def _time(name: str, header: str) -> Fill:
    write = _written_as(header)
    return lambda _, values: write(values[name])


def _duration(header: str) -> Fill:
    write = _written_as(header)
    return lambda row, _: write(row.end_ms - row.start_ms)


def _written_as(header: str) -> Callable[[int], Any]:
    """Return how a time is written under a header: in the unit that it names, or else as on a clock.

    A bare number under `start` would leave whoever reads it to guess.
    """
    unit = Column(header, "").unit
    if unit == "ms":
        return lambda value: value
    return (lambda value: value / 1000) if unit == "s" else clock
