"""The columns that tables of ours have, told apart from columns of the same name that people brought.

People's columns keep their names. Where one of ours has that name too, ours is written as `earmark_<name>`;
so of two such columns the marked one is always ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

MARK: Final = "earmark_"

#: Column: what it holds. The order is that of a table that came from no sheet.
COLUMNS: Final[Mapping[str, str]] = {
    "file_name": "name of the recording",
    "id": "the id that the row was imported with; empty where it came without",
    "segment_id": "our id of the row; an import leaves it out",
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
    "wer": "word error rate of asr_text against correct_transcripts (spoken-1)",
    "edit_distance": "words to change to come from asr_text to correct_transcripts (spoken-1)",
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

Key = Callable[[str], str]


def header_of(column: str, taken: Collection[str], key: Key = str) -> str:
    """Return the header of a column of ours beside headers that are `taken` (given by their `key`)."""
    header = column
    while key(header) in taken or key(MARK + header) in taken:
        header = MARK + header
    return header


def told_apart(headers: Iterable[str], signs: Collection[str], key: Key = str) -> dict[str, str]:
    """Return which of our columns each header is, by the header's `key`; headers of people are left out.

    Empty unless all of `signs` are among them: then the table is none of ours.
    """
    there = set(map(key, headers))
    found = {}
    for column in COLUMNS:
        header = column
        while key(MARK + header) in there:
            header = MARK + header
        if key(header) in there:
            found[key(header)] = column
    return found if set(signs) <= set(found.values()) else {}


def beside(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return both in one object. None of ours is left out, unless theirs has a column of that name."""
    item = {}
    for column, value in ours.items():
        header = header_of(column, theirs)
        if value is not None or header != column:
            item[header] = value
    return item | dict(theirs)
