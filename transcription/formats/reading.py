"""Find out which format a transcript file is in, and read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from transcription.formats import elan, json_rows, label_studio, nemo, nist, praat, subtitles, whisper
from transcription.formats.rows import MAX_ROWS, FormatError, Found, Row
from transcription.formats.texts import encoding_of, joined

WHISPERS_FIRST: Final = re.compile(r'\{\s*"(?:text|segments|language|task|duration|words|word_segments)"')
"""What the results of Whisper and of its kin begin with."""
HEAD: Final = 64 << 10
"""How much of a file is looked at to tell its format, in bytes."""


class Format(StrEnum):
    """The formats that can be read."""

    SRT = "srt"
    VTT = "vtt"
    TEXTGRID = "textgrid"
    EAF = "eaf"
    WHISPER = "whisper"
    WHISPER_TSV = "whisper_tsv"
    NEMO = "nemo"
    JSON_ROWS = "json_rows"
    LABEL_STUDIO = "label_studio"
    STM = "stm"


Reader = Callable[[BinaryIO, str | None], Iterator[Row] | Iterator[Found]]

READERS: Final[Mapping[Format, Reader]] = {
    Format.SRT: subtitles.read_srt,
    Format.VTT: subtitles.read_vtt,
    Format.TEXTGRID: praat.read_textgrid,
    Format.EAF: elan.read_eaf,
    Format.WHISPER: whisper.read_json,
    Format.WHISPER_TSV: whisper.read_tsv,
    Format.NEMO: nemo.read_nemo,
    Format.JSON_ROWS: json_rows.read_json_rows,
    Format.LABEL_STUDIO: label_studio.read_label_studio,
    Format.STM: nist.read_stm,
}

BY_ENDING: Final[Mapping[str, Format]] = {
    ".srt": Format.SRT,
    ".vtt": Format.VTT,
    ".textgrid": Format.TEXTGRID,
    ".eaf": Format.EAF,
    ".stm": Format.STM,
}
#: Endings of files that may be in a format we read: worth a look with `recognise`.
READABLE: Final = frozenset((*BY_ENDING, ".json", ".jsonl", ".ndjson", ".manifest", ".tsv"))


def recognise(name: str, head: bytes) -> Format | None:
    """Tell the format of a file by its name's ending and its first bytes (64 KiB do); None = none of ours."""
    ending = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if ending in BY_ENDING:
        return BY_ENDING[ending]
    text = head[:HEAD].decode(encoding_of(head[:4]), "ignore").lstrip("\ufeff \t\r\n")
    if ending == ".tsv":
        header = text.split("\n", 1)[0].rstrip("\r").split("\t")
        return Format.WHISPER_TSV if tuple(header) == whisper.TSV_HEADER else None
    if ending not in READABLE:
        return None
    if text.startswith("["):
        return Format.LABEL_STUDIO
    first = text.split("\n", 1)[0]
    if '"audio_filepath"' in first:
        return Format.NEMO
    if '"file_name"' in first:
        return Format.JSON_ROWS
    if ending == ".json":
        return Format.WHISPER if WHISPERS_FIRST.match(text) else None
    return Format.NEMO if text.startswith("{") else None


def read(
    name: str, stream: BinaryIO, *, form: Format | None = None, encoding: str | None = None
) -> Iterator[Row]:
    """Yield the utterances of a transcript file, in constant memory where the format allows it.

    The format is told by `form`, or else found by the name and the first bytes. Text is UTF-8 unless a
    byte order mark or `encoding` says otherwise. Raises FormatError, also while rows are being yielded:
    `unknown_format`, `too_large`, `too_many_rows`, `encoding`, `malformed`, `bad_time` or `not_safe`.
    """
    for found in read_each(name, stream, form=form, encoding=encoding):
        if isinstance(found, FormatError):
            raise found
        yield found


def read_each(
    name: str, stream: BinaryIO, *, form: Format | None = None, encoding: str | None = None
) -> Iterator[Found]:
    """Yield the utterances as `read` does, and in the place of a faulty one what is wrong with it.

    Raises FormatError only where nothing behind the fault can be read.
    """
    head = b""
    if form is None:
        head = stream.read(HEAD)
        form = recognise(name, head)
    if form is None:
        raise FormatError(
            "unknown_format",
            f"“{name[:100]}” is in none of the formats that can be read: "
            f"{', '.join(sorted(one.value for one in Format))}.",
        )
    whole = joined(head, stream) if head else stream
    for count, found in enumerate(READERS[form](whole, encoding), 1):
        if count > MAX_ROWS:
            raise FormatError("too_many_rows", f"There are more than {MAX_ROWS:,} utterances in the file.")
        yield found
