"""Write a project or recording out as CSV or JSONL: row by row, in constant memory, inert in a spreadsheet.

Rows are read in batches by key, not through one long cursor: a reader with a slow line holds no
connection and no transaction. Each row is as it was when its batch was read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.db.models import F, Q
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

from annotation.models import Hypothesis, Project, Recording, Segment
from transcription.formats.cells import escape, unescape

BATCH: Final = 500
FORMATS: Final = ("csv", "jsonl")

__all__ = ["COLUMNS", "FORMATS", "batches", "escape", "export", "unescape"]

#: Column: what it holds. The order is that of the CSV; JSONL has the same keys.
COLUMNS: Final[Mapping[str, str]] = {
    "file_name": "name of the recording as it was handed in",
    "recording_id": "id of the recording",
    "segment_id": "id of the segment",
    "start_ms": "where it begins in the recording, milliseconds",
    "end_ms": "where it ends, milliseconds",
    "channel": "0 = mixed down to mono",
    "speaker": "who speaks, where known",
    "language": "ISO 639 code the model heard or the project sets",
    "state": "pending, draft, refined, corrected, skipped, accepted or returned",
    "text": "the current text",
    "asr_text": "what the best pass of a model heard, never altered",
    "model": "the model that heard asr_text",
    "revision": "number of the current text's version, 0 = nothing heard yet",
    "source": "who wrote the current text: draft, refine, human or import",
    "annotator": "who last wrote the text by hand, or decided that it stands",
    "locked": "true when the row is finished",
    "locked_at": "when it was finished, ISO 8601 UTC",
    "locked_by": "who finished it",
    "risk": "0 to 1, how likely the machine text is wrong",
    "risk_reasons": "why, separated by spaces (a list in JSONL)",
    "updated_at": "last change, ISO 8601 UTC",
}


def export(scope: Project | Recording, form: str) -> Iterator[bytes]:
    """Yield the file in pieces of some hundred rows; `form` is one of FORMATS."""
    write = _csv if form == "csv" else _jsonl
    if form == "csv":
        # The mark tells spreadsheets that this is UTF-8.
        yield b"\xef\xbb\xbf" + _csv([dict(zip(COLUMNS, COLUMNS, strict=True))], escaped=False)
    for batch in batches(scope):
        yield write(batch)


def batches(scope: Project | Recording) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a project or recording in the order of its recordings and their time."""
    rows = Segment.objects.select_related("recording", "locked_by", "annotator")
    rows = rows.filter(project=scope) if isinstance(scope, Project) else rows.filter(recording=scope)
    rows = rows.filter(recording__trashed_at=None).order_by("recording_id", "start_ms", "id")
    last: Segment | None = None
    while True:
        page = list((rows.filter(_after(last)) if last else rows)[:BATCH])
        if page:
            yield _rows(page)
        if len(page) < BATCH:
            return
        last = page[-1]


def _after(last: Segment) -> Q:
    # As one row: an OR over the columns is no condition an index can begin at.
    order = Tuple(F("recording_id"), F("start_ms"), F("id"))
    return Q(TupleGreaterThan(order, (last.recording_id, last.start_ms, last.pk)))


def _rows(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    ids = [segment.pk for segment in segments]
    # Newest of the best pass: `refine` sorts after `draft`.
    heard = {
        hypothesis.segment_id: hypothesis
        for hypothesis in Hypothesis.objects.filter(segment__in=ids)
        .order_by("segment_id", "-pass_name", "-id")
        .distinct("segment_id")
        .only("segment_id", "text", "model")
    }
    return [_row(segment, heard.get(segment.pk)) for segment in segments]


def _row(segment: Segment, heard: Hypothesis | None) -> dict[str, Any]:
    return {
        "file_name": segment.recording.name,
        "recording_id": str(segment.recording_id),
        "segment_id": str(segment.pk),
        "start_ms": segment.start_ms,
        "end_ms": segment.end_ms,
        "channel": segment.channel,
        "speaker": segment.speaker,
        "language": segment.language,
        "state": segment.state,
        "text": segment.text,
        "asr_text": heard.text if heard else "",
        "model": heard.model if heard else "",
        "revision": segment.revision,
        "source": segment.source,
        "annotator": segment.annotator.get_username() if segment.annotator else "",
        "locked": segment.locked,
        "locked_at": segment.locked_at.isoformat() if segment.locked_at else None,
        "locked_by": segment.locked_by.get_username() if segment.locked_by else None,
        "risk": segment.risk,
        "risk_reasons": segment.risk_reasons,
        "updated_at": segment.updated_at.isoformat(),
    }


def _csv(rows: Sequence[Mapping[str, Any]], *, escaped: bool = True) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_cell(row[name]) if escaped else row[name] for name in COLUMNS])
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return escape(" ".join(map(str, value)))
    return escape(value) if isinstance(value, str) else value


def _jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=str) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
