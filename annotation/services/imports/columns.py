"""Which column of a table is what: by the names people give them, by a template, by the audio they name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from transcription.formats.exported import MARK, told_apart

KEPT: Final = ""
"""Of a column that is none of ours: kept as metadata."""
IGNORED: Final = "ignore"

NAMES: Final[Mapping[str, str]] = {
    "audio": "file_name filename file audio audio_path audio_filepath audio_file path wav wav_path"
    " wav_filename clip recording url sound_file",
    "start": "start start_time in begin begin_time from tc_in starts onset offset start_offset",
    "end": "end end_time stop out to tc_out ends finish end_offset",
    "duration": "duration dur length",
    "text": "text transcript transcripts transcription asr asr_text hypothesis sentence content caption"
    " utterance",
    "correction": "correct_transcripts correct_transcript corrected corrected_text correction reference gold"
    " final",
    "id": "id record_id utt_id utterance_id row_id segment_id",
    "speaker": "speaker voice actor speaker_id client_id",
    "language": "language lang locale",
    "locked": "locked lock",
    "locked_at": "locked_at",
    "assignee": "assignee assigned_to assigned",
    "version": "",  # of an export of ours; in other sheets the word means other things
}
"""Headers that are understood, the surest first: of several columns for one field the first name wins."""
FIELDS: Final = tuple(NAMES)
ONE_EACH: Final = frozenset(FIELDS)
LABELS: Final[Mapping[str, str]] = {
    "audio": "Audio file",
    "start": "Start",
    "end": "End",
    "duration": "Duration",
    "text": "Text (draft)",
    "correction": "Correction",
    "id": "Id",
    "speaker": "Speaker",
    "language": "Language",
    "locked": "Locked",
    "locked_at": "Locked at",
    "assignee": "Who is asked to work on it",
    "version": "Version when it was exported",
    KEPT: "Keep as metadata",
    IGNORED: "Leave out",
}
LINE: Final = "rejected_line"
REASON: Final = "rejected_because"
"""The columns that a sheet of rejects adds; they are left out when the sheet comes back."""
OURS: Final[Mapping[str, str]] = {
    "file_name": "audio",
    "id": "id",
    "start_ms": "start",
    "end_ms": "end",
    "speaker": "speaker",
    "language": "language",
    "asr_text": "text",
    "correct_transcripts": "correction",
    "version": "version",
    "locked": "locked",
    "locked_at": "locked_at",
}
"""Column of an export of ours: its field. All others that exports add are left out when they come back."""
SIGNS: Final = ("version", "edit_distance")
"""A table with both of these columns is an export of ours."""
MILLISECONDS: Final = frozenset(("ms", "msec", "msecs", "millis", "milliseconds"))
SECONDS: Final = frozenset(("s", "sec", "secs", "seconds"))
HEADER_ROWS: Final = 10
"""Headers are looked for in so many rows."""


@dataclass(frozen=True, slots=True)
class Column:
    """Say what one column is taken for, and how that was found: by a person, a template, as a column of an
    export of ours, by its name, by the audio in its cells, or not at all."""

    header: str
    field: str
    found: str = ""

    @property
    def unit(self) -> str:
        """Return the unit that the header names: `ms`, `s`, or nothing."""
        words = _words(self.header)
        last = words[-1] if words else ""
        if last in MILLISECONDS or (len(words) == 1 and last.endswith("ms") and last[:-2] in _TIMES):
            return "ms"
        return "s" if last in SECONDS and len(words) > 1 else ""

    def to_json(self) -> dict[str, str]:
        """Return it as it is kept."""
        return {"header": self.header, "field": self.field, "found": self.found}


def plain(header: str) -> str:
    """Return a header in plain form: words in small letters, joined by underscores, without its unit."""
    words = _words(header)
    if len(words) > 1 and words[-1] in MILLISECONDS | SECONDS:
        words = words[:-1]
    elif len(words) == 1 and words[0].endswith("ms") and words[0][:-2] in _TIMES:
        words = [words[0][:-2]]
    return "_".join(words)


def _words(header: str) -> list[str]:
    text = unicodedata.normalize("NFKC", header)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).casefold()
    return [word for word in re.split(r"[\W_]+", text) if word]


_TIMES: Final = frozenset(("start", "end", "begin", "stop", "duration", "dur", "offset", "from", "to"))
_RANKS: Final[Mapping[str, tuple[str, int]]] = {
    name.replace("_", ""): (field, rank)
    for field, names in NAMES.items()
    for rank, name in enumerate(names.split())
}


def field_of(header: str) -> tuple[str, int] | None:
    """Return the field that a header names, and how sure that is (0 = surest); None where it names none."""
    return _RANKS.get(plain(header).replace("_", ""))


def find_header(rows: Sequence[Sequence[str]], is_audio: Callable[[str], bool]) -> int | None:
    """Return which of the first rows holds the headers; None where the table has none.

    It is the one with most known names. A table whose first row already names audio of this drop has no
    headers. Otherwise the first row is it, whatever it says.
    """
    known = [sum(field_of(cell) is not None for cell in row) for row in rows[:HEADER_ROWS]]
    best = max(range(len(known)), key=known.__getitem__, default=0)
    if known and known[best] >= 2:
        return best
    if rows and any(is_audio(cell) for cell in rows[0]):
        return None
    return best if known and known[best] else 0


def map_columns(
    headers: Sequence[str],
    *,
    chosen: Mapping[str, str],
    template: Mapping[str, str],
    samples: Sequence[Sequence[str]],
    is_audio: Callable[[str], bool],
    has_headers: bool,
) -> list[Column]:
    """Say what each column is: as a person chose (by header), as a template says, by its name.

    Without any column for audio, the only one whose cells all name audio of the drop is taken; and in a table
    of two columns without headers, the other one is its text.
    """
    ours = told_apart(headers, SIGNS, plain)
    mapped = [_first_guess(header, chosen, template, ours) for header in headers]
    mapped = _one_each(mapped, ours)
    if not any(column.field == "audio" for column in mapped):
        naming = [
            place
            for place, column in enumerate(mapped)
            if column.found != "person" and _all_name_audio(place, samples, is_audio)
        ]
        if len(naming) == 1:
            mapped[naming[0]] = replace(mapped[naming[0]], field="audio", found="audio")
            if not has_headers and len(mapped) == 2 and mapped[1 - naming[0]].found != "person":
                mapped[1 - naming[0]] = replace(mapped[1 - naming[0]], field="text", found="audio")
    if not any(column.field in ("start", "end") for column in mapped):
        # A length alone, as manifests have one, is that of the whole file: known, and kept as it stands.
        mapped = [
            replace(column, field=KEPT, found="") if column.field == "duration" else column
            for column in mapped
        ]
    return mapped


def remembered(headers: Sequence[str], sheet: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what columns were taken for when they came into a project, for an export of it that comes back.

    `sheet` are the columns of the project ({"header", "field"}). So nobody chooses twice what no name says.
    """
    if not told_apart(headers, SIGNS, plain):
        return {}
    keys = set(map(plain, headers))
    fields = {plain(column["header"]): column["field"] for column in sheet}
    return {key: field for key, field in fields.items() if plain(MARK + key) not in keys}


def _first_guess(
    header: str, chosen: Mapping[str, str], template: Mapping[str, str], ours: Mapping[str, str]
) -> Column:
    if header in chosen:
        return Column(header, chosen[header], "person")
    key = plain(header)
    if key in (LINE, REASON):
        return Column(header, IGNORED, "name")
    if key in template:
        return Column(header, template[key], "template")
    if key in ours:
        return Column(header, OURS.get(ours[key], IGNORED), "export")
    known = field_of(header)
    return Column(header, known[0], "name") if known else Column(header, KEPT)


def _one_each(mapped: list[Column], ours: Mapping[str, str]) -> list[Column]:
    """Leave each field to one column: a person's choice, a template's, an export's, then the surest name."""
    order = {"person": 0, "template": 1, "export": 2, "name": 3}
    best: dict[str, tuple[tuple[int, int, int], int]] = {}
    for place, column in enumerate(mapped):
        if column.field in ONE_EACH:
            known = field_of(column.header)
            rank = (order.get(column.found, 4), known[1] if known else 99, place)
            best[column.field] = min(best.get(column.field, ((9, 99, 0), place)), (rank, place))
    kept = []
    for place, column in enumerate(mapped):
        chosen = column.field not in ONE_EACH or best[column.field][1] == place
        rest = IGNORED if plain(column.header) in ours else KEPT
        kept.append(column if chosen else replace(column, field=rest, found=""))
    return kept


def _all_name_audio(place: int, samples: Sequence[Sequence[str]], is_audio: Callable[[str], bool]) -> bool:
    cells = [row[place] for row in samples if place < len(row) and row[place].strip()]
    return bool(cells) and all(map(is_audio, cells[:20]))


def letter(place: int) -> str:
    """Return the letters of a column as sheets name it: A, B, ..., Z, AA."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name


def from_json(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return columns as they were kept."""
    return [Column(str(r["header"]), str(r["field"]), str(r.get("found", ""))) for r in rows]
