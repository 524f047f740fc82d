"""What each format of an export is, in the words of the page and of the dataset card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from annotation.states import ExportFormat

ABOUT: Final[Mapping[ExportFormat, str]] = {
    ExportFormat.CSV: (
        "A table for spreadsheets: UTF-8 with a byte order mark. A cell that would begin a formula has an "
        "apostrophe before it, which an import takes off again."
    ),
    ExportFormat.TSV: (
        "A table with tabs, UTF-8. A cell with tabs or line breaks is quoted, and one that would begin a "
        "formula has an apostrophe before it."
    ),
    ExportFormat.XLSX: "A workbook. All texts are stored as text, so none is run as a formula.",
    ExportFormat.JSONL: "One JSON object a line: the exact form of the table.",
    ExportFormat.NEMO: (
        "A manifest beside `audio/`, a 16 kHz mono WAV for each row. `text` is what to train on, `pred_text` "
        "what the machine heard."
    ),
    ExportFormat.AUDIOFOLDER: 'For `load_dataset("audiofolder", data_dir=…)`: WAV files and their metadata.',
    ExportFormat.PARQUET: "For `load_dataset(…)` on the unpacked folder: the sound is in the files.",
    ExportFormat.KALDI: (
        "A data directory, sorted as `LC_ALL=C sort` does; the paths in `wav.scp` are relative to the folder "
        "it was unpacked in."
    ),
    ExportFormat.COMMON_VOICE: (
        "Clips (16 kHz mono WAV) and TSV files in the layout of Common Voice. Speakers are named by a hash."
    ),
    ExportFormat.CTM: (
        "Words with times in seconds. A word that a person wrote and no machine heard shares the gap between "
        "its neighbours, with confidence 0."
    ),
    ExportFormat.STM: "Reference utterances for scoring, times in seconds.",
    ExportFormat.RTTM: "Who spoke when, times in seconds.",
    ExportFormat.SRT: "Subtitles, a file for each recording.",
    ExportFormat.VTT: "Subtitles with voices, a file for each recording.",
    ExportFormat.TEXTGRID: (
        "A file for each recording: a tier of utterances and one of words for each speaker."
    ),
    ExportFormat.EAF: "A file for each recording: a tier for each speaker.",
    ExportFormat.WHISPER: "Segments and words in Whisper's JSON, a file for each recording.",
    ExportFormat.WHISPERX: "Segments, words and speakers in WhisperX' JSON, a file for each recording.",
    ExportFormat.WHISPER_TSV: "Start, end and text in milliseconds, a file for each recording.",
    ExportFormat.LABEL_STUDIO: (
        "Tasks to import: predictions are what the machine heard, annotations what people wrote."
    ),
}

FAMILIES: Final[Mapping[str, tuple[ExportFormat, ...]]] = {
    "Tables": (ExportFormat.XLSX, ExportFormat.CSV, ExportFormat.TSV, ExportFormat.JSONL),
    "Training sets with sound": (
        ExportFormat.AUDIOFOLDER,
        ExportFormat.PARQUET,
        ExportFormat.NEMO,
        ExportFormat.KALDI,
        ExportFormat.COMMON_VOICE,
    ),
    "Subtitles": (ExportFormat.SRT, ExportFormat.VTT),
    "Phonetics": (ExportFormat.TEXTGRID, ExportFormat.EAF),
    "Transcripts of machines": (ExportFormat.WHISPER, ExportFormat.WHISPERX, ExportFormat.WHISPER_TSV),
    "Scoring": (ExportFormat.STM, ExportFormat.CTM, ExportFormat.RTTM),
    "Other tools": (ExportFormat.LABEL_STUDIO,),
}
"""The formats as the page groups them."""
