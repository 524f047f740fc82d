"""Exports read back by the tools that their formats belong to."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import warnings
import wave
from pathlib import Path
from typing import Any

import openpyxl
import pysubs2
import pytest
from praatio import textgrid
from pympi import Elan

from annotation import storage
from annotation.models import Recording, Segment
from annotation.services.exports.frozen import frozen_rows
from tests.annotation.exporting import (
    TEXTS,
    content,
    make_dataset,
    make_rows,
    make_sound,
    make_version,
    opened,
    unpacked,
)
from tests.factories import make_recording
from tests.personas import Cast
from transcription.formats import read
from transcription.formats.cells import unescape
from transcription.wav import slice_wav

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

SPLIT = {"split_by": "recording", "seed": "1", "train": 40, "validation": 30, "test": 30}


@pytest.fixture
def dataset(cast: Cast) -> list[Recording]:
    return make_dataset(cast)


def sound_of(segment: Segment) -> bytes:
    return slice_wav(storage.wav_path(segment.recording_id), segment.start_ms, segment.end_ms)


def duration_of(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        return float(sound.getnframes() / 16_000)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# -- Tables ------------------------------------------------------------------------------------------------


def test_xlsx_and_csv_hold_every_text_and_no_formula(cast: Cast, dataset: list[Recording]) -> None:
    book = openpyxl.load_workbook(io.BytesIO(content(make_version(cast, "xlsx"))))
    sheet = book.active
    assert sheet is not None
    header, *rows = sheet.iter_rows()
    at = [cell.value for cell in header].index("correct_transcripts")
    assert [row[at].value for row in rows] == [*TEXTS] * 3
    assert {cell.data_type for row in rows for cell in row} == {"s", "n"}
    assert rows[0][at].quotePrefix
    assert [rows[1][i].value for i in (0, 2, 3, 4)] == ["talk one.wav", str(segment_ids()[1]), 1000, 2000]
    text = content(make_version(cast, "csv")).decode("utf-8-sig")
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [unescape(row["correct_transcripts"]) for row in found] == [*TEXTS] * 3
    assert found[0]["correct_transcripts"] == "'=1+1"


def segment_ids() -> list[int]:
    return list(Segment.objects.order_by("recording_id", "start_ms").values_list("pk", flat=True))


def test_libreoffice_opens_the_workbook_and_runs_nothing(cast: Cast, tmp_path: Path) -> None:
    office = shutil.which("soffice")
    if office is None:
        message = "NO LIBREOFFICE: workbooks were NOT opened with it."
        warnings.warn(message, ResourceWarning, stacklevel=1)
        pytest.skip(message)
    texts = (
        "=1+1",
        "+1",
        "-1",
        "@A1",
        "007",
        '=HYPERLINK("http://x")',
        "'quoted",
        "שלום",
        "日本語 😀",
        "1e5",
        "#N/A",
    )
    make_rows(cast, make_recording(cast.project, duration_ms=60_000), texts)
    (tmp_path / "book.xlsx").write_bytes(content(make_version(cast, "xlsx")))
    command = [
        office, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to",
        "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false", "--outdir", str(tmp_path),
        "book.xlsx",
    ]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    text = (tmp_path / "book.csv").read_text(encoding="utf-8")
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["correct_transcripts"] for row in found] == list(texts)


def test_jsonl_is_read_back_as_it_was(cast: Cast, dataset: list[Recording]) -> None:
    rows = list(read("segments.jsonl", io.BytesIO(content(make_version(cast, "jsonl")))))
    assert [(row.audio, row.start_ms, row.correction, row.text) for row in rows] == [
        (name, number * 1000, text, f"heard {number}")
        for name in ("talk one.wav", "talk one.mp3", "שיחה.ogg")
        for number, text in enumerate(TEXTS)
    ]


def test_the_recordings_come_along_as_they_were_handed_in(cast: Cast, dataset: list[Recording]) -> None:
    with opened(make_version(cast, "tsv", options={"audio": "recordings"})) as archive:
        assert "segments.tsv" in archive.namelist()
        for recording in dataset:
            assert archive.read(f"audio/{recording.name}") == storage.original_path(recording.pk).read_bytes()


# -- Training sets -----------------------------------------------------------------------------------------


def test_audiofolder_has_the_layout_that_datasets_looks_for(
    cast: Cast, dataset: list[Recording], tmp_path: Path
) -> None:
    folder = unpacked(make_version(cast, "audiofolder", options=SPLIT), tmp_path)
    listed = {}
    for part in ("train", "validation", "test"):
        for line in lines_of((folder / part / "metadata.jsonl").read_text(encoding="utf-8")):
            listed[int(line["segment_id"])] = line
            assert duration_of((folder / part / line["file_name"]).read_bytes()) == line["duration"] == 1.0
    assert list(listed) == [] or sorted(listed) == segment_ids()
    for segment in Segment.objects.all():
        assert listed[segment.pk]["transcription"] == segment.text
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "automatic-speech-recognition" in card.split("---")[1]


def test_parquet_is_seen_as_audio_by_its_schema(cast: Cast, dataset: list[Recording], tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    folder = unpacked(make_version(cast, "parquet", options=SPLIT), tmp_path)
    by_id = {str(segment.pk): segment for segment in Segment.objects.all()}
    seen = []
    for path in sorted((folder / "data").iterdir()):
        table = pq.read_table(path)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert features["audio"] == {"sampling_rate": 16_000, "_type": "Audio"}
        assert list(features) == table.column_names
        assert str(table.schema.field("audio").type) == "struct<bytes: binary, path: string>"
        for row in table.to_pylist():
            segment = by_id[row["segment_id"]]
            assert row["audio"]["bytes"] == sound_of(segment)
            assert row["transcription"] == segment.text
            seen.append(row["segment_id"])
        assert f"data/{path.name.split('-')[0]}-*.parquet" in (folder / "README.md").read_text(
            encoding="utf-8"
        )
    assert sorted(seen) == sorted(by_id)


def test_nemo_manifest_names_files_that_last_as_long_as_it_says(
    cast: Cast, dataset: list[Recording], tmp_path: Path
) -> None:
    folder = unpacked(make_version(cast, "nemo"), tmp_path)
    lines = lines_of((folder / "manifest.jsonl").read_text(encoding="utf-8"))
    assert [line["text"] for line in lines] == [*TEXTS] * 3
    assert lines[0]["pred_text"] == "heard 0"
    for line, segment in zip(lines, Segment.objects.order_by("recording_id", "start_ms"), strict=True):
        data = (folder / line["audio_filepath"]).read_bytes()
        assert data == sound_of(segment)
        assert duration_of(data) == line["duration"]


def test_normalised_texts_are_said_to_be_so(cast: Cast, dataset: list[Recording]) -> None:
    export = make_version(cast, "nemo", options={"normalise": "plain-1"})
    with opened(export) as archive:
        lines = lines_of(archive.read("manifest.jsonl").decode())
    assert lines[8]["text"] == "she said hi left back n c new"
    manifest = export.file.manifest["normaliser"]
    assert (manifest["name"], manifest["version"], manifest["applied_to_texts"]) == ("plain", "1", True)


def test_kaldi_directory_passes_what_its_validator_asks(
    cast: Cast, dataset: list[Recording], tmp_path: Path
) -> None:
    folder = unpacked(make_version(cast, "kaldi"), tmp_path)
    files = {path.name: path.read_bytes() for path in (folder / "data" / "all").iterdir()}
    assert set(files) == {"wav.scp", "segments", "text", "utt2spk", "spk2utt", "utt2dur", "reco2dur"}
    maps = {}
    for name, data in files.items():
        lines = data.splitlines()
        sorted_by_c = subprocess.run(
            ["sort"], input=data, capture_output=True, check=True, env={"LC_ALL": "C"}
        ).stdout
        assert data == sorted_by_c, name
        assert b"  " not in data
        maps[name] = {line.split(b" ", 1)[0]: line.split(b" ", 1)[1] for line in lines}
        assert len(maps[name]) == len(lines), f"an id twice in {name}"
    assert maps["text"].keys() == maps["segments"].keys() == maps["utt2spk"].keys() == maps["utt2dur"].keys()
    speakers = [speaker for _, speaker in sorted(maps["utt2spk"].items())]
    assert speakers == sorted(speakers), "not in the order of speakers"
    inverted: dict[bytes, list[bytes]] = {}
    for utterance, speaker in sorted(maps["utt2spk"].items()):
        inverted.setdefault(speaker, []).append(utterance)
    assert {speaker: b" ".join(found) for speaker, found in inverted.items()} == maps["spk2utt"]
    for recording, start, end in (value.split() for value in maps["segments"].values()):
        assert 0 <= float(start) < float(end) <= float(maps["reco2dur"][recording])
    for recording, path in maps["wav.scp"].items():
        assert duration_of((folder / path.decode()).read_bytes()) == float(maps["reco2dur"][recording])


def test_common_voice_names_no_speaker(cast: Cast, dataset: list[Recording], tmp_path: Path) -> None:
    folder = unpacked(make_version(cast, "common_voice", options=SPLIT), tmp_path)
    text = (folder / "validated.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert [row["sentence"] for row in rows] == [" ".join(text.split("\n")) for text in TEXTS] * 3
    assert "speaker 1" not in text
    assert (
        len({row["client_id"] for row in rows}) == 3 + 3
    )  # three speakers, and rows without one by recording
    assert all((folder / "clips" / row["path"]).is_file() for row in rows)
    split = [
        line
        for name in ("train", "dev", "test")
        for line in (folder / f"{name}.tsv").read_text("utf-8").splitlines()[1:]
    ]
    assert sorted(split) == sorted(text.splitlines()[1:])


# -- Transcripts -------------------------------------------------------------------------------------------


def test_subtitles_open_in_pysubs2(cast: Cast, dataset: list[Recording]) -> None:
    for form in ("srt", "vtt"):
        with opened(make_version(cast, form)) as archive:
            text = archive.read(f"transcripts/שיחה.{form}").decode()
        found = pysubs2.SSAFile.from_string(text, form, keep_html_tags=True)
        assert [(event.start, event.end) for event in found] == [
            (n * 1000, n * 1000 + 1000) for n in range(10)
        ]
        said = [event.text.replace("\\N", "\n") for event in found]
        assert said[1].endswith("007 leading zeros")
        assert said[4].endswith("สวัสดีครับ")
    assert said[1].startswith("<v speaker 1>")


def test_textgrid_opens_in_praatio(cast: Cast, dataset: list[Recording], tmp_path: Path) -> None:
    folder = unpacked(make_version(cast, "textgrid"), tmp_path)
    grid = textgrid.openTextgrid(str(folder / "transcripts" / "שיחה.TextGrid"), includeEmptyIntervals=True)
    assert (grid.minTimestamp, grid.maxTimestamp) == (0, 10)
    assert grid.tierNames == (
        "utterances", "utterances - words", "speaker 1", "speaker 1 - words", "speaker 2",
        "speaker 2 - words", "speaker 0", "speaker 0 - words",
    )  # fmt: skip
    assert [entry for entry in grid.getTier("utterances").entries if entry.label][2].label == TEXTS[8]
    first, *_, last = grid.getTier("speaker 1").entries
    assert (first.start, last.end, first.label) == (0, 10, "")


def test_eaf_opens_in_pympi(cast: Cast, dataset: list[Recording], tmp_path: Path) -> None:
    folder = unpacked(make_version(cast, "eaf", options={"audio": "recordings"}), tmp_path)
    path = folder / "transcripts" / f"talk one-{dataset[0].pk}.eaf"
    eaf = Elan.Eaf(str(path))
    assert eaf.get_annotation_data_for_tier("utterances") == [
        (0, 1000, TEXTS[0]), (4000, 5000, TEXTS[4]), (8000, 9000, TEXTS[8])
    ]  # fmt: skip
    linked = eaf.get_linked_files()[0]["RELATIVE_MEDIA_URL"]
    assert (path.parent / linked.replace("%20", " ")).resolve().is_file()


def test_the_scoring_formats_are_sorted_and_whole(cast: Cast, dataset: list[Recording]) -> None:
    Recording.objects.filter(pk=dataset[0].pk).update(name="zz.wav")
    forms = {form: content(make_version(cast, form)).decode().splitlines() for form in ("stm", "ctm", "rttm")}
    order = {
        "stm": [(line.split()[0].encode(), float(line.split()[3])) for line in forms["stm"]],
        "ctm": [(line.split()[0].encode(), float(line.split()[2])) for line in forms["ctm"]],
        "rttm": [(line.split()[1].encode(), float(line.split()[3])) for line in forms["rttm"]],
    }
    for form, found in order.items():
        assert found == sorted(found), form
    assert len(forms["stm"]) == len(forms["rttm"]) == 30
    # Of every text all words are there, with times within their row.
    assert len(forms["ctm"]) == 3 * sum(len(text.split()) for text in TEXTS)
    for line in forms["ctm"]:
        _, _, start, length, _, confidence = line.split()
        assert 0 <= float(start) <= float(start) + float(length) <= 10
        assert 0 <= float(confidence) <= 1
    assert forms["rttm"][0].split()[8:] == ["<NA>", "<NA>"] or len(forms["rttm"][0].split()) == 10


def test_whisper_files_and_label_studio_tasks_come_back(cast: Cast, dataset: list[Recording]) -> None:
    for form, ending in (("whisper", "json"), ("whisperx", "json"), ("whisper_tsv", "tsv")):
        with opened(make_version(cast, form)) as archive:
            name = f"transcripts/שיחה.{ending}"
            rows = list(read(name, io.BytesIO(archive.read(name))))
        assert [row.start_ms for row in rows] == [n * 1000 for n in range(10)]
        assert rows[1].text == TEXTS[1]
        if form != "whisper_tsv":
            assert [word.text.strip() for word in rows[1].words] == TEXTS[1].split()
    found = list(read("tasks.json", io.BytesIO(content(make_version(cast, "label_studio")))))
    assert [(row.text, row.correction) for row in found[:10]] == [
        (f"heard {number}", text) for number, text in enumerate(TEXTS)
    ]


def test_names_that_no_disk_takes_are_made_fit_and_differ(cast: Cast) -> None:
    names = ("a:b*?.wav", "CON.wav", "same.wav", "SAME.wav", "…", "a/b.wav", "a?b.wav", "a_b.wav", "x" * 201)
    made = []
    for name in (*names, "x" * 200 + "y"):
        made.append(make_recording(cast.project, name=name))
        make_sound(made[-1])
        make_rows(cast, made[-1], ("x",))
    # What is called as another one will be with its id behind it.
    last = make_recording(cast.project, name=f"same-{made[2].pk}.wav")
    make_sound(last)
    make_rows(cast, last, ("x",))
    for form, folder in (("srt", "transcripts/"), ("csv", "audio/")):
        audio = {"options": {"audio": "recordings"}} if form == "csv" else {}
        export = make_version(cast, form, **audio)
        with opened(export) as archive:
            found = [name for name in archive.namelist() if name.startswith(folder)]
        assert len({name.lower() for name in found}) == len(made) + 1
        assert not any(bad in name for name in found for bad in ':*?"<>|\\')
        assert not any(Path(name).stem.upper() == "CON" for name in found)
        assert all(name.count("/") == 1 for name in found)
        assert len(list(frozen_rows(export))) == len(made) + 1
