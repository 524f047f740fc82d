"""Write an export as transcripts: a file for each recording, or one file with the lines of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final

from annotation.services.exports.building import Build, Package, file_name, stem
from annotation.services.exports.frozen import FrozenRow
from annotation.services.exports.recordings import add_recordings
from annotation.states import ExportFormat
from transcription.formats import Row, elan, label_studio, nist, praat, subtitles, whisper
from transcription.formats.sorting import SortedLines

EACH: Final[dict[ExportFormat, tuple[str, Callable[[Row], Row | None], bool]]] = {
    ExportFormat.SRT: ("srt", subtitles.hold_srt, False),
    ExportFormat.VTT: ("vtt", subtitles.hold_vtt, False),
    ExportFormat.TEXTGRID: ("TextGrid", praat.hold_textgrid, True),
    ExportFormat.EAF: ("eaf", elan.hold_eaf, False),
    ExportFormat.WHISPER: ("json", whisper.hold_json, True),
    ExportFormat.WHISPERX: ("json", whisper.hold_json, True),
    ExportFormat.WHISPER_TSV: ("tsv", whisper.hold_tsv, False),
}
"""Format of a file for each recording: its ending, what it holds of a row, whether it has words."""
KEY_END: Final = b"\x1f"


def pack_transcripts(build: Build, package: Package) -> None:
    """Write `<recording>.<ending>` for each recording."""
    form = ExportFormat(build.export.format)
    ending, hold, words = EACH[form]
    for rows in build.recordings(words=words):
        held = list(_held(build, rows, hold))
        package.add(f"transcripts/{stem(rows[0])}.{ending}", [_one(form, held, rows[0])])
    if build.options.audio == "recordings":
        add_recordings(build, package)


def _held(build: Build, rows: Sequence[FrozenRow], hold: Callable[[Row], Row | None]) -> Iterator[Row]:
    for row in rows:
        whole = row.row(file_name(row))
        held = hold(whole)
        if held is None:
            build.unheld(row)
        else:
            build.altered(held.final != whole.final)
            yield whole


def _one(form: ExportFormat, rows: Sequence[Row], first: FrozenRow) -> bytes:
    match form:
        case ExportFormat.EAF:
            return elan.write_eaf(rows, f"../audio/{file_name(first)}")
        case ExportFormat.TEXTGRID:
            text = praat.write_textgrid(rows, first.facts["duration_ms"])
        case ExportFormat.VTT:
            text = subtitles.write_vtt(rows)
        case ExportFormat.WHISPER:
            text = whisper.write_json(rows)
        case ExportFormat.WHISPERX:
            text = whisper.write_whisperx(rows)
        case ExportFormat.WHISPER_TSV:
            text = whisper.write_tsv(rows)
        case _:
            text = subtitles.write_srt(rows)
    return text.encode("utf-8", "replace")


def lines_of(build: Build) -> Iterator[bytes]:
    """Yield the one file of a format that has the rows of all recordings."""
    form = ExportFormat(build.export.format)
    if form == ExportFormat.LABEL_STUDIO:
        yield from _tasks(build)
        return
    with SortedLines() as lines:
        for row in build.rows(words=form == ExportFormat.CTM):
            # These tools know a recording by its name without the ending.
            held = row.row(stem(row), normalise=build.options.normalise)
            if form == ExportFormat.STM:
                build.altered(nist.hold_stm(held).final != held.final)
                _keep(lines, held, row.start_ms, nist.stm_line(held))
            elif form == ExportFormat.RTTM:
                _keep(lines, held, row.start_ms, nist.rttm_line(held))
            else:
                written = nist.ctm_lines(held)
                if not written:
                    build.unheld(row)
                for start_ms, line in written:
                    _keep(lines, held, start_ms, line)
        for keyed in lines:
            yield keyed.partition(KEY_END)[2]


def _keep(lines: SortedLines, row: Row, start_ms: int, line: str) -> None:
    # By recording, then by time as a number: as text 10 comes before 9.
    lines.add(f"{nist.name_of(row)} {start_ms:012}{KEY_END.decode()}{line}")


def _tasks(build: Build) -> Iterator[bytes]:
    def tasks() -> Iterator[list[Row]]:
        for rows in build.recordings():
            by_language: dict[str, list[Row]] = {}
            for row in rows:
                by_language.setdefault(row.language, []).append(row.row(file_name(row)))
            yield from by_language.values()

    models = build.snapshot.facts["models"]
    model = models["refine"] or models["draft"]
    for piece in label_studio.write_label_studio(tasks(), model):
        yield piece.encode("utf-8", "replace")


def write_lines(build: Build, file: BinaryIO) -> None:
    """Write the one file that the export is."""
    for line in lines_of(build):
        file.write(line)


def pack_lines(build: Build, package: Package) -> None:
    """Write the one file into an archive, with the recordings beside it."""
    form = ExportFormat(build.export.format)
    ending = "json" if form == ExportFormat.LABEL_STUDIO else form.value
    package.add(f"segments.{ending}", lines_of(build))
    add_recordings(build, package)
