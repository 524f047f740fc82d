"""Every kind of fault: each faulty row is named once with what is wrong, and all others are imported."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import ImportRow, Segment
from annotation.services.imports import receiving
from annotation.services.imports.faults import CODES
from annotation.states import ImportState
from tests.annotation.imports import planted
from tests.annotation.imports.dropping import bring, check, faults_of, finish, packed, sound, table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


def test_each_faulty_row_is_named_once_and_the_rest_is_imported(cast: Any) -> None:
    made = planted.plan(800, every=10)
    drop = {"calls.xlsx": planted.workbook(made), "audio.zip": packed(made.audio)}
    checked = check(cast.manager, cast.project, drop)
    assert checked.state == ImportState.CHECKED, checked.refusal
    found = faults_of(checked)
    assert {line: codes[0] for line, codes in found.items()} == made.faults
    assert {line: codes for line, codes in found.items() if len(codes) > 1} == {}
    assert set(found) == set(made.faults)
    assert checked.counts["ready"] == len(made.rows) - len(made.faults)
    assert checked.counts["orphans"] == 3, "two twins and the one that no row names"
    done = finish(cast.manager, checked)
    assert (done.state, done.counts["added"]) == (ImportState.DONE, len(made.rows) - len(made.faults))
    assert Segment.objects.filter(project=cast.project).count() == done.counts["added"]
    assert faults_of(done).keys() == made.faults.keys()


def test_every_code_has_a_name_and_is_planted_or_tested_elsewhere() -> None:
    elsewhere = {
        "bad_characters", "extra_cells", "too_long", "id_elsewhere", "overlaps_existing", "locked_here",
        "leased_here", "accepted_here", "changed_here", "decided_here", "in_trash", "malformed",
        "unknown_assignee", "read_twice_here",
    }  # fmt: skip
    between = {"duplicate_id", "same_span", "duplicate_audio", "overlap"}
    assert set(CODES) == set(planted.PLANTED) | between | elsewhere


def one(cast: Any, *rows: str, header: str = "file,start_ms,end_ms,text", **more: Any) -> Any:
    return check(cast.manager, cast.project, {"t.csv": table(header, *rows), "a.wav": sound(60)}, **more)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a.wav,0,1000,one,and a comma", "extra_cells"),
        ("a.wav,0,1000,nul\x00here", "bad_characters"),
        ("a.wav,1:99:00,2:00:00,x", "bad_time"),
        ("a.wav,0,99999999999,x", "bad_time"),
        ("a.wav,0,1e30,x", "bad_time"),
        ('a.wav,0,"12,500",x', "bad_time"),
        ("a.wav,0,12.500,x", "bad_time"),
        ("file:///etc/passwd,0,1000,x", "unsafe_audio_path"),
        ("\\\\host\\share\\a.wav,0,1000,x", "unsafe_audio_path"),
        ("http://127.0.0.1:9/a.wav,0,1000,x", "unsafe_audio_path"),
        ("concat:a.wav|b.wav,0,1000,x", "unsafe_audio_path"),
    ],
)
def test_single_faults(cast: Any, row: str, code: str) -> None:
    assert faults_of(one(cast, row)) == {2: [code]}


def test_times_are_read_as_people_write_them(cast: Any) -> None:
    done = bring(
        cast.manager,
        cast.project,
        {
            "t.csv": table(
                "file;begin;stop;text", "a.wav;00:00:01,500;00:00:02.250;one", "a.wav;0:03;0:04.5;two",
                "a;00:00:05;00:00:06;three",
            ),
            "a.wav": sound(10),
        },
    )  # fmt: skip
    assert done.counts["added"] == 3
    rows = Segment.objects.filter(project=cast.project).order_by("start_ms").values_list("start_ms", "end_ms")
    assert list(rows) == [(1500, 2250), (3000, 4500), (5000, 6000)]


@pytest.mark.parametrize(("unit", "span"), [("s", (1000, 2000)), ("ms", (1, 2))])
def test_the_unit_of_bare_numbers_is_asked(cast: Any, unit: str, span: tuple[int, int]) -> None:
    asked = one(cast, "a.wav,1,2,x", header="file,start,end,text")
    assert asked.state == ImportState.ASKING
    assert [question["code"] for question in asked.questions] == ["time_unit"]
    assert asked.questions[0]["samples"] == ["1", "2"]
    with pytest.raises(Exception, match="can be changed"):
        receiving.start(user=cast.manager, parent=asked)
    answered = one(cast, "a.wav,1,2,x", header="file,start,end,text", answers={"time_unit": unit})
    assert (answered.preview[0]["start_ms"], answered.preview[0]["end_ms"]) == span


@pytest.mark.parametrize("header", ["file,start_s,end_s,text", "file,Start (sec),End (sec),text"])
def test_the_unit_in_a_header_is_believed(cast: Any, header: str) -> None:
    checked = one(cast, "a.wav,1.25,2,x", header=header)
    assert (checked.preview[0]["start_ms"], checked.preview[0]["end_ms"]) == (1250, 2000)


def test_durations_and_offsets(cast: Any) -> None:
    checked = one(cast, "a.wav,1000,500,x", header="audio_filepath,offset_ms,duration_ms,text")
    assert (checked.preview[0]["start_ms"], checked.preview[0]["end_ms"]) == (1000, 1500)


def test_a_length_alone_is_the_files_and_kept_as_it_stands(cast: Any) -> None:
    checked = one(cast, "a.wav,3.50,x", header="file_name,duration,text")
    assert (faults_of(checked), checked.questions) == ({}, [])
    row = ImportRow.objects.get(parent=checked)
    assert (row.start_ms, row.end_ms, row.metadata) == (None, None, {"duration": "3.50"})
    checked = one(cast, "a.wav,,,3.50,x", header="file_name,start,end,duration,text")
    assert (faults_of(checked), checked.counts["ready"]) == ({}, 1)


def test_paths_of_another_machine_are_asked_about(cast: Any) -> None:
    asked = one(cast, "/data/corpus/a.wav,0,1000,x")
    assert [question["code"] for question in asked.questions] == ["absolute_paths"]
    receiving.change(user=cast.manager, parent=asked, answers={"absolute_paths": "refuse"})
    assert (
        one(cast, "C:\\calls\\a.wav,0,1000,x", answers={"absolute_paths": "last_part"}).counts["ready"] == 1
    )


def test_a_column_of_audio_that_no_name_tells_is_found_by_its_files(cast: Any) -> None:
    checked = one(cast, "a.wav,x,0,1000", header="Tonspur,text,start_ms,end_ms")
    assert (checked.counts["ready"], checked.columns[0]["found"]) == (1, "audio")
    asked = check(cast.manager, cast.project, {"t.csv": table("Tonspur,text", "nowhere.wav,x")})
    assert [question["code"] for question in asked.questions] == ["columns"]
    receiving.change(user=cast.manager, parent=asked, answers={"columns": {"Tonspur": "audio"}})


def test_soft_faults_can_be_waved_through(cast: Any) -> None:
    rows = (
        "a.wav,0,40000,long",
        "a.wav,39000,41000,over",
        "a.wav,50000,50500,tooooooooooo fast for this time",
    )
    checked = one(cast, *rows)
    assert faults_of(checked) == {3: ["overlap"], 4: ["chars_per_second"]}
    receiving.change(
        user=cast.manager, parent=checked, options={"accept": ["overlap", "chars_per_second", "too_long"]}
    )
    assert (checked.state, checked.counts["ready"], checked.counts["faulty"]) == (ImportState.CHECKED, 3, 0)
    assert finish(cast.manager, checked).counts["added"] == 3


def test_two_voices_may_overlap_and_one_may_not(cast: Any) -> None:
    rows = ("a.wav,0,5000,one,Ann", "a.wav,4000,6000,two,Bob", "a.wav,4500,7000,three,Ann")
    checked = one(cast, *rows, header="file,start_ms,end_ms,text,speaker")
    assert faults_of(checked) == {4: ["overlap"]}


def test_an_id_that_belongs_elsewhere_and_rows_over_peoples_work(cast: Any) -> None:
    header = "id,file,start_ms,end_ms,text"
    bring(cast.manager, cast.project, {"t.csv": table(header, "u1,a.wav,0,5000,one"), "a.wav": sound(60)})
    again = table(header, "u1,a.wav,6000,7000,moved", "u2,a.wav,3000,8000,over", "u3,a.wav,9000,9500,fine")
    done = bring(cast.manager, cast.project, {"t.csv": again}, answers=None)
    assert faults_of(done) == {2: ["id_elsewhere"], 3: ["overlaps_existing"]} or faults_of(done)[2] == [
        "overlap"
    ]
    assert done.counts["added"] == 1
