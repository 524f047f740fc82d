"""Whatever is written is read back as the format holds it, and what was read once never changes again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import openpyxl
import python_calamine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import recordings, texts
from transcription.formats import (
    Row,
    elan,
    json_rows,
    label_studio,
    nemo,
    nist,
    praat,
    read,
    subtitles,
    whisper,
)
from transcription.formats.cells import escape, spell, unescape, unspell
from transcription.formats.sheets import csv_lines, tsv_lines, write_xlsx

Write = Callable[[list[Row]], str | bytes]
Hold = Callable[[Row], Row | None]


def tasks(rows: list[Row]) -> str:
    # A task has one language.
    return "".join(label_studio.write_label_studio([[row] for row in rows]))


def table(rows: Iterable[Row]) -> str:
    ours = (
        {
            "file_name": row.audio, "id": row.id, "segment_id": "77", "start_ms": row.start_ms,
            "end_ms": row.end_ms, "speaker": row.speaker, "language": row.language, "asr_text": row.text,
            "correct_transcripts": row.correction, "status": "draft", "version": 3, "comment": None,
        }
        for row in rows
    )  # fmt: skip
    return "".join(json_rows.table_line(mine, row.metadata) for mine, row in zip(ours, rows, strict=True))


FORMATS: Final[dict[str, tuple[str, Hold, Write]]] = {
    "srt": ("talk.srt", subtitles.hold_srt, subtitles.write_srt),
    "vtt": ("talk.vtt", subtitles.hold_vtt, subtitles.write_vtt),
    "textgrid": ("talk.TextGrid", praat.hold_textgrid, lambda rows: praat.write_textgrid(rows, 90_000)),
    "eaf": ("talk.eaf", elan.hold_eaf, lambda rows: elan.write_eaf(rows, "talk one.wav")),
    "whisper": ("talk.json", whisper.hold_json, whisper.write_json),
    "whisperx": ("talk.json", whisper.hold_json, whisper.write_whisperx),
    "whisper_tsv": ("talk.tsv", whisper.hold_tsv, whisper.write_tsv),
    "nemo": ("m.jsonl", nemo.hold_nemo, lambda rows: "".join(map(nemo.nemo_line, rows))),
    "json_rows": ("m.jsonl", lambda row: replace(row, words=(), version=3), table),
    "label_studio": ("tasks.json", label_studio.hold_label_studio, tasks),
    "stm": ("ref.stm", nist.hold_stm, lambda rows: "".join(map(nist.stm_line, rows))),
}


def read_back(name: str, written: str | bytes) -> list[Row]:
    data = written if isinstance(written, bytes) else written.encode()
    return in_order(read(name, io.BytesIO(data)))


def in_order(rows: Iterable[Row]) -> list[Row]:
    # Tiers keep time within a speaker alone.
    return sorted(rows, key=lambda row: (row.start_ms or 0, row.end_ms or 0))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=recordings())
def test_import_export_import_changes_nothing(rows: list[Row]) -> None:
    for form, (name, hold, write) in FORMATS.items():
        held = [kept for row in rows if (kept := hold(row)) is not None]
        if not held:
            continue
        once = read_back(name, write(rows))
        assert once == held, form
        # What came out of a file goes into the next one as it is.
        assert [hold(row) for row in once] == once, form
        assert read_back(name, write(once)) == once, form


@settings(max_examples=200, deadline=None, derandomize=True)
@given(cell=texts)
def test_cells_are_inert_and_exact(cell: str) -> None:
    assert unescape(escape(cell)) == cell
    assert not escape(cell).startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))
    assert unspell(spell(cell)) == cell


@settings(max_examples=40, deadline=None, derandomize=True)
@given(table=st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=6))
def test_tables_hold_every_text(table: list[list[str]]) -> None:
    header = ["a", "b", "=c"]
    for delimiter, lines in ((",", csv_lines), ("\t", tsv_lines)):
        written = b"".join(lines(header, table)).decode("utf-8-sig")
        found = list(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter))
        assert [[unescape(cell) for cell in row] for row in found] == [header, *table]
    book = io.BytesIO()
    write_xlsx(book, header, table)
    # Two readers of the field, one of which spells control characters out.
    sheet = openpyxl.load_workbook(book).active
    assert sheet is not None
    cells = [[cell.value or "" for cell in row] for row in sheet.iter_rows()]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert [[unspell(str(cell)) for cell in row] for row in cells] == [header, *table]
    book.seek(0)
    rows = python_calamine.CalamineWorkbook.from_filelike(book).get_sheet_by_index(0).to_python()
    assert [[line_ends(str(cell)) for cell in row] for row in rows] == [
        [line_ends(cell) for cell in row] for row in [header, *table] if any(row)
    ]


def line_ends(text: str) -> str:
    # calamine takes a cell of white space for an empty one; a text that is kept has none at its ends.
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def test_the_same_rows_give_the_same_workbook() -> None:
    books = [io.BytesIO(), io.BytesIO()]
    for book in books:
        write_xlsx(book, ["text", "n"], [["=1+1", 1], ["x", 2.5]])
    assert books[0].getvalue() == books[1].getvalue()
