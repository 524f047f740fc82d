"""One place in the audio is one row's, however it is named; and no row lands where nobody would see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotation.models import Recording, Segment
from annotation.services import trash
from annotation.services.imports import landing
from annotation.states import ImportState
from tests.annotation.imports.dropping import (
    bring,
    check,
    faults_of,
    finish,
    prepare_all,
    sound,
    table,
)
from tests.annotation.imports.test_folders import run
from tests.factories import make_recording, make_segment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


def texts(project: Any) -> list[str]:
    return list(Segment.objects.filter(project=project).order_by("text").values_list("text", flat=True))


def thrown(cast: Any) -> Recording:
    """Make a recording, and put it into the trash."""
    bring(cast.manager, cast.project, {"old.csv": table("file,text", "a.wav,old"), "a.wav": sound(2)})
    (recording,) = Recording.objects.filter(project=cast.project)
    trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk])
    return recording


def test_a_row_is_for_the_channel_of_its_speaker(cast: Any) -> None:
    recording = make_recording(cast.project, name="phone.wav", duration_ms=5000)
    for channel, speaker, text in ((0, "Left", "hallo"), (1, "Right", "guten tak")):
        make_segment(
            cast.project, recording=recording, channel=channel, start_ms=0, end_ms=2000, speaker=speaker,
            text=text, revision=1, source="draft", state="draft",
        )  # fmt: skip
    sheet = table("file,start_ms,end_ms,text,correction,speaker", "phone.wav,0,2000,,Guten Tag,Right")
    assert bring(cast.manager, cast.project, {"t.csv": sheet}).counts["updated"] == 1
    assert texts(cast.project) == ["Guten Tag", "hallo"]
    assert Segment.objects.get(text="Guten Tag").channel == 1


DROP = {
    "t.csv": table("file,text", "a.wav,mended", "b.wav,two"),
    "a.wav": sound(2),
    "b.wav": sound(2, pitch=1),
}


def test_rows_for_audio_in_the_trash_are_named(cast: Any) -> None:
    recording = thrown(cast)
    checked = check(cast.manager, cast.project, DROP)
    assert faults_of(checked) == {2: ["in_trash"]}
    assert finish(cast.manager, checked).counts["added"] == 1
    trash.restore(user=cast.manager, project=cast.project, recordings=[recording.pk])
    assert bring(cast.manager, cast.project, DROP).counts["updated"] == 1
    assert texts(cast.project) == ["mended", "two"]


def test_audio_thrown_away_after_the_check_takes_no_rows_with_it(cast: Any) -> None:
    known = bring(cast.manager, cast.project, DROP)
    again = {"t.csv": table("file,text", "a.wav,mended again", "b.wav,three")}
    here = check(cast.manager, cast.project, again)
    by_file = check(cast.manager, cast.project, {**again, "a.wav": sound(2)})
    assert here.counts["ready"] == by_file.counts["ready"] == 2
    recording = Recording.objects.get(project=cast.project, name="a.wav")
    trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk])
    for parent in (here, by_file):
        done = finish(cast.manager, parent)
        assert faults_of(done) == {2: ["in_trash"]}
        assert done.state == ImportState.DONE
    assert known.counts["added"] == 2


def test_a_folder_tells_what_lies_in_the_trash(cast: Any, tmp_path: Path) -> None:
    recording = thrown(cast)
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "a.wav").write_bytes(sound(2))
    said = run(tmp_path / "calls", cast.project)
    assert "0 added, 0 here already, 1 not taken" in said
    assert "trash" in said
    trash.restore(user=cast.manager, project=cast.project, recordings=[recording.pk])
    assert "1 here already" in run(tmp_path / "calls", cast.project)
    trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk])
    assert "0 here already, 1 not taken" in run(tmp_path / "calls", cast.project)


def test_twins_in_a_folder_are_one_sound(cast: Any, tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in ("a.wav", "twin.wav"):
        (folder / name).write_bytes(sound(2))
    (folder / "other.wav").write_bytes(sound(2, pitch=1))
    (folder / "t.csv").write_bytes(table("file,text", "a.wav,one", "twin.wav,two", "other.wav,three"))
    assert "3 rows: 1 ready, 2 faulty" in run(folder, cast.project)
    prepare_all()
    assert texts(cast.project) == ["three"]


def test_a_recording_and_a_file_with_its_bytes_are_one_sound(cast: Any) -> None:
    bring(cast.manager, cast.project, {"old.wav": sound(2)})
    rows = table("file,start_ms,end_ms,text", "old.wav,0,1000,one", "new.wav,0,1000,two")
    checked = check(cast.manager, cast.project, {"t.csv": rows, "new.wav": sound(2)})
    assert faults_of(checked) == {2: ["same_span"], 3: ["same_span"]}


@pytest.mark.parametrize("batch", [1, landing.BATCH])
def test_rows_that_become_the_same_at_the_end_of_their_audio(
    cast: Any, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "BATCH", batch)
    rows = table(
        "file,start_ms,end_ms,text,speaker", "a.wav,500,1000,one,Ann", "a.wav,500,1100,two,Bob",
        "a.wav,0,400,three,Bob",
    )  # fmt: skip
    drop = {"t.csv": rows, "a.wav": sound(1)}
    done = bring(cast.manager, cast.project, drop)
    assert (done.state, done.counts["added"], faults_of(done)) == (ImportState.DONE, 2, {3: ["same_span"]})
    assert texts(cast.project) == ["one", "three"]
    again = bring(cast.manager, cast.project, drop)
    assert (again.counts["unchanged"], faults_of(again)) == (2, {3: ["same_span"]})
