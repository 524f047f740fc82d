"""Transcripts of other tools, with their audio: each format becomes the same segments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from annotation.models import Hypothesis, ImportRow, Segment
from annotation.states import ImportState
from tests.annotation.imports.dropping import bring, check, faults_of, packed, sound

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

SRT = "1\n00:00:00,500 --> 00:00:02,000\nguten Tag\n\n2\n00:00:02,000 --> 00:00:04,000\nHerr Bosch\n"
WHISPER = {
    "language": "de",
    "segments": [
        {
            "id": 0, "start": 0.5, "end": 2.0, "text": " guten Tag",
            "words": [
                {"word": " guten", "start": 0.5, "end": 1.0, "probability": 0.9},
                {"word": " Tag", "start": 1.0, "end": 1.9, "probability": 0.8},
            ],
        },
        {"id": 1, "start": 2.0, "end": 4.0, "text": " Herr Bosch", "words": []},
    ],
}  # fmt: skip
NEMO = [
    {"audio_filepath": "/data/wav/call.wav", "offset": 0.5, "duration": 1.5, "text": "guten Tag"},
    {"audio_filepath": "/data/wav/call.wav", "offset": 2.0, "duration": 2.0, "text": "Herr Bosch"},
]
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 5
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "Ann"
        xmin = 0
        xmax = 5
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 2
            text = "guten Tag"
        intervals [3]:
            xmin = 2
            xmax = 4
            text = "Herr Bosch"
        intervals [4]:
            xmin = 4
            xmax = 5
            text = ""
"""
FILES = {
    "call.srt": SRT,
    "call.vtt": "WEBVTT\n\n" + SRT.replace(",", "."),
    "call.json": json.dumps(WHISPER),
    "manifest.jsonl": "\n".join(map(json.dumps, NEMO)) + "\n",
    "call.TextGrid": TEXTGRID,
}
WANTED = [(500, 2000, "guten Tag"), (2000, 4000, "Herr Bosch")]


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_format_becomes_segments(cast: Any, name: str) -> None:
    drop = {name: FILES[name].encode(), "call.wav": sound(5)}
    done = bring(cast.manager, cast.project, drop)
    assert (done.state, faults_of(done)) == (ImportState.DONE, {})
    found = Segment.objects.filter(project=cast.project).order_by("start_ms")
    assert list(found.values_list("start_ms", "end_ms", "text")) == WANTED
    again = bring(cast.manager, cast.project, drop)
    assert (again.counts["added"], again.counts["unchanged"]) == (0, 2)
    if name == "call.json":
        words = Hypothesis.objects.get(segment=found[0]).words
        assert [word[2].strip() for word in words] == ["guten", "Tag"]


def test_many_transcripts_at_once_find_their_audio_by_name(cast: Any) -> None:
    drop = {
        "a.srt": SRT.encode(), "b.srt": SRT.encode(), "a.wav": sound(5), "b.wav": sound(5, pitch=1),
    }  # fmt: skip
    assert bring(cast.manager, cast.project, drop).counts["added"] == 4


def test_a_broken_transcript_is_named_and_the_others_are_imported(cast: Any) -> None:
    drop = {
        "a.srt": SRT.encode(), "b.json": b'{"segments": [{"start": 1, "end": ',
        "a.wav": sound(5), "b.wav": sound(5, pitch=1),
    }  # fmt: skip
    checked = check(cast.manager, cast.project, drop)
    assert checked.counts["ready"] == 2
    assert list(faults_of(checked).values()) == [["malformed"]]


FAULTY = {
    "call.srt": (6, SRT.replace("\n\n2\n", "\n\n7\n00:00:02,000 --> 00:00:02,000\nnothing\n\n2\n")),
    "call.vtt": (
        7,
        "WEBVTT\n\n0:01.000 --> 0:02.000\na\n\n\n0:03.000 --> 0:02.000\nb\n\n0:03.000 --> 0:04.000\nc\n",
    ),
    "call.json": (
        2,
        json.dumps({"segments": [{"start": 1, "end": 2}, {"start": 2, "end": "x"}, {"start": 3, "end": 4}]}),
    ),
    "m.jsonl": (2, "\n".join(map(json.dumps, [NEMO[0], NEMO[0] | {"duration": 0}, NEMO[1]]))),
    "call.tsv": (3, "start\tend\ttext\n0\t1000\ta\n2000\t1000\tb\n2000\t3000\tc\n"),
    "call.TextGrid": (
        4,
        '"ooTextFile" "TextGrid" 0 5 <exists> 1 "IntervalTier" "A" 0 5 4\n0 1 "a"\n1 1 ""\n1 1 "b"\n1 2 "c"',
    ),
    "call.stm": (2, "call 1 Ann 0.0 1.0 a\ncall 1 Ann\ncall 1 Ann 2.0 3.0 c\n"),
    "rows.jsonl": (
        2,
        '{"file_name": "call.wav", "start_ms": 0, "end_ms": 9}\n{]\n'
        '{"file_name": "call.wav", "start_ms": 9, "end_ms": 20}',
    ),
    "tasks.json": (
        2,
        json.dumps([{"audio": "call.wav", "text": "x"}, {"text": "y"}, {"audio": "other.wav", "text": "z"}]),
    ),
}


@pytest.mark.parametrize("name", sorted(FAULTY))
def test_one_faulty_part_is_named_and_what_is_behind_it_is_read(cast: Any, name: str) -> None:
    line, text = FAULTY[name]
    drop = {name: text.encode(), "call.wav": sound(5), "other.wav": sound(5, pitch=2)}
    checked = check(cast.manager, cast.project, drop, empty_text="transcribe")
    assert list(faults_of(checked)) == [line]
    assert checked.counts["ready"] == 2
    assert f"Line {line}: " in ImportRow.objects.get(parent=checked, state="faulty").faults[0][1]


def test_regions_without_ids_of_many_tasks_are_rows_without_ids(cast: Any) -> None:
    region = {"type": "textarea", "value": {"start": 0, "end": 1, "text": ["x"]}}
    tasks = [{"data": {"audio": f"{n}.wav"}, "annotations": [{"result": [region]}]} for n in "ab"]
    drop = {"tasks.json": json.dumps(tasks).encode(), "a.wav": sound(5), "b.wav": sound(5, pitch=1)}
    checked = check(cast.manager, cast.project, drop)
    assert (faults_of(checked), checked.counts["ready"]) == ({}, 2)


def test_what_is_no_audio_is_no_orphan_and_json_of_other_kinds_is_told_what_is_read(cast: Any) -> None:
    odd = b'{"who": "knows"}'
    drop = {"a.srt": SRT.encode(), "a.wav": sound(5), "checksums.sha256": b"0 a.wav\n", "b.json": odd}
    checked = check(cast.manager, cast.project, {"all.zip": packed(drop), "c.json": odd})
    assert (checked.counts["orphans"], checked.counts["left_out"]) == (0, 3)
    causes = checked.files.filter(name__endswith=".json").values_list("cause", flat=True)
    assert len(causes) == 2
    assert all("Whisper" in cause for cause in causes)
