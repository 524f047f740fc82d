"""`manage.py import_folder`: raw audio, a table with its audio; stopped and run again."""

from __future__ import annotations

import io
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Import, Job, Recording, Segment
from annotation.services import filejobs
from annotation.states import ImportState
from tests.annotation.imports.dropping import prepare_all, sound, table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


def run(folder: Path, project: Any, *more: str) -> str:
    out = io.StringIO()
    call_command("import_folder", str(folder), "--project", str(project.pk), *more, stdout=out)
    return out.getvalue()


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    folder = tmp_path / "calls"
    (folder / "monday").mkdir(parents=True)
    for number in range(4):
        (folder / "monday" / f"{number}.wav").write_bytes(sound(1 + number, pitch=number))
    (folder / "empty.wav").write_bytes(b"")
    (folder / ".hidden.wav").write_bytes(sound(1, pitch=9))
    return folder


def test_raw_audio_becomes_recordings_once(cast: Any, audio: Path) -> None:
    said = run(audio, cast.project, "--model", "demo-draft")
    assert "4 added, 0 here already, 1 not taken" in said
    assert "empty.wav" in said
    assert Job.objects.filter(project=cast.project).count() == 4
    cast.project.refresh_from_db()
    assert cast.project.draft_model == "demo-draft"
    assert "0 added, 4 here already" in run(audio, cast.project)
    (audio / "monday" / "5.wav").write_bytes(sound(2, pitch=5))
    assert "1 added, 4 here already" in run(audio, cast.project)
    assert all((audio / "monday" / f"{n}.wav").exists() for n in range(4)), "the folder is left as it was"


def test_a_run_that_was_cut_off_goes_on(cast: Any, audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from annotation.services.imports import folders
    from annotation.services.recordings import add_recording as known

    done: list[str] = []

    def stops(**values: Any) -> Any:
        if len(done) == 3:  # the empty one is the first, and refused
            raise KeyboardInterrupt
        done.append(values["name"])
        return known(**values)

    monkeypatch.setattr(folders, "add_recording", stops)
    with pytest.raises(CommandError, match="goes on from here"):
        run(audio, cast.project)
    monkeypatch.setattr(folders, "add_recording", known)
    assert Recording.objects.filter(project=cast.project).count() == 2
    assert "2 added, 2 here already" in run(audio, cast.project)


def test_a_folder_with_a_table(cast: Any, audio: Path, tmp_path: Path) -> None:
    rows = table(
        "id,file,start,end,text", "1,monday/1.wav,0,1.5,one", "2,3.wav,0,9,two", "3,monday/2.wav,0,1,three"
    )
    (audio / "calls.csv").write_bytes(rows)
    with pytest.raises(CommandError, match="Answer with --answer"):
        run(audio, cast.project)
    how = ("--answer", "time_unit=s")
    sheet = tmp_path / "rejects.xlsx"
    assert "past the end" in run(audio, cast.project, *how, "--check", "--rejects", str(sheet)).casefold()
    assert sheet.read_bytes()[:2] == b"PK"
    assert not Recording.objects.filter(project=cast.project).exists()
    said = run(audio, cast.project, *how)
    assert "3 rows: 2 ready, 1 faulty" in said, said
    assert "wait for their audio" in said
    prepare_all()
    assert sorted(Segment.objects.filter(project=cast.project).values_list("text", flat=True)) == [
        "one",
        "three",
    ]
    assert "0 added, 0 brought up to date, 2 left as they are" in run(audio, cast.project, *how)
    assert (audio / "monday" / "1.wav").exists()


def test_workers_leave_a_folder_to_the_command(cast: Any, audio: Path) -> None:
    from annotation.services.imports import folders

    paths = folders.listed(audio)
    parent = folders.begin(user=cast.manager, project=cast.project, folder=audio, paths=paths)
    assert filejobs.claim_next(worker="w") is None
    assert filejobs.claim(parent.job_id or 0, worker="c") is not None


def test_a_second_run_gives_up_what_a_killed_one_left(cast: Any, audio: Path) -> None:
    from annotation.services.imports import folders

    (audio / "calls.csv").write_bytes(table("file,text", "monday/1.wav,one"))
    killed = folders.begin(
        user=cast.manager, project=cast.project, folder=audio.resolve(), paths=folders.listed(audio)
    )
    assert "1 ready" in run(audio, cast.project)
    killed.refresh_from_db()
    assert killed.state == ImportState.CANCELLED
    assert Import.objects.filter(project=cast.project).count() == 2


@pytest.mark.parametrize("wrong", ["nowhere", "file"])
def test_what_is_no_folder_is_said(cast: Any, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(CommandError, match="no folder"):
        run(tmp_path / wrong, cast.project)


def test_the_column_of_audio_and_other_options_can_be_said(cast: Any, audio: Path) -> None:
    rows = table("Calls of May", "Clip no,words", "monday/1.wav,one", "monday/2.wav,two", "gone,three")
    (audio / "calls.csv").write_bytes(rows)
    how = ("--option", "header_row=2", "--option", "accept=too_long,overlap")
    with pytest.raises(CommandError, match="HEADER:FIELD"):
        run(audio, cast.project, *how, "--answer", "columns=Clip no")
    said = run(
        audio, cast.project, *how, "--answer", "columns=Clip no:audio", "--answer", "columns=words:text"
    )
    assert "3 rows: 2 ready, 1 faulty" in said
    prepare_all()
    assert sorted(Segment.objects.filter(project=cast.project).values_list("text", flat=True)) == [
        "one",
        "two",
    ]


def test_the_answer_that_is_printed_is_the_one_that_is_taken(cast: Any, audio: Path) -> None:
    (audio / "calls.csv").write_bytes(table("Clip no,words,sum", "1,one,=1", "2,two,=2"))
    out = io.StringIO()
    with pytest.raises(CommandError, match="Answer with --answer"):
        call_command("import_folder", str(audio), "--project", str(cast.project.pk), stdout=out)
    (said,) = [line for line in out.getvalue().splitlines() if "Clip no:audio" in line]
    answer = shlex.split(said.split("    ")[0])
    assert "2 ready" in run(audio, cast.project, *answer, "--answer", "columns=words:text")


@pytest.mark.parametrize("with_table", [False, True])
def test_a_name_that_cannot_be_written_down_stops_no_other(cast: Any, audio: Path, with_table: bool) -> None:
    bad = os.fsencode(audio) + b"/a\xff.wav"
    try:
        Path(os.fsdecode(bad)).write_bytes(sound(1, pitch=7))
    except OSError:
        pytest.skip("this file system takes no such name")
    if with_table:
        (audio / "calls.csv").write_bytes(table("file,text", "monday/1.wav,one"))
    said = run(audio, cast.project)
    assert "1 ready" in said if with_table else "4 added, 0 here already, 2 not taken" in said
    assert "a\ufffd.wav: Its name is not UTF-8" in said
