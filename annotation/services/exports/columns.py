"""The columns of an export as a table: those of the sheet it came from in their place, and what we add."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from annotation.services.exports.frozen import FrozenRow
from annotation.services.imports.columns import OURS, Column, plain
from transcription.formats.clocks import clock
from transcription.formats.exported import COLUMNS, header_of
from transcription.text.metrics import ErrorCounts, count_errors
from transcription.text.normalize import TAG

NORMALISER: Final = "spoken-1"
"""Profile under which the word errors of a table are counted: the one of the quality pages."""

Values = dict[str, Any]

FIELDS: Final[Mapping[str, str]] = {field: column for column, field in OURS.items()}
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
        "id": facts["external_id"],
        "segment_id": str(row.segment_id),
        "start_ms": row.start_ms,
        "end_ms": row.end_ms,
        "speaker": facts["speaker"],
        "language": facts["language"],
        "asr_text": row.machine_text,
        "correct_transcripts": row.text if row.decided else None,
        "status": facts["state"],
        "split": row.split or None,
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
    come those of ours that are not among them, under a name of their own where people's have theirs; `split`
    where the dataset has parts. `paths`: sheets said more of the audio than its name; that comes back as it
    was, and the name stands in a marked column of ours.
    """

    def __init__(
        self, sheet: Sequence[Mapping[str, str]], *, split: bool = False, paths: bool = False
    ) -> None:
        self.header: list[str] = []
        self._fills: list[Fill] = []
        taken = set()
        for column in sheet:
            field, header = column["field"], column["header"]
            if field == "ignore" or header in self.header:
                continue
            if field in ("", "assignee"):  # kept as it came
                self._add(header, _kept(header))
            elif field == "duration":
                self._add(header, _duration(header))
            elif field == "audio" and paths:
                self._add(header, _said(header))
            elif (ours := FIELDS.get(field)) is not None and ours not in taken:
                taken.add(ours)
                self._add(header, _time(ours, header) if field in ("start", "end") else _ours(ours))
        theirs = {plain(header) for header in self.header} | ({"file_name"} if paths else set())
        for name in COLUMNS:
            header = header_of(name, theirs, plain)
            if name not in taken and (name != "split" or split or header != name):
                self._add(header, _ours(name))

    def _add(self, header: str, fill: Fill) -> None:
        self.header.append(header)
        self._fills.append(fill)

    def fill(self, row: FrozenRow, values: Values) -> list[Any]:
        """Return the cells of a row."""
        return [fill(row, values) for fill in self._fills]


def _kept(header: str) -> Fill:
    return lambda row, _: row.facts["metadata"].get(header, "")


def _said(header: str) -> Fill:
    return lambda row, values: row.facts["metadata"].get(header, values["file_name"])


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
