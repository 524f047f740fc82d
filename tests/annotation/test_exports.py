"""Frozen exports: which rows go in, that nothing changes them afterwards, and how they are dealt to parts."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from annotation import storage
from annotation.errors import AnnotationError, Conflict, Denied, Gone, Invalid
from annotation.models import Export, ExportedFile, ExportedRow, Job, Project, Recording, Segment, Snapshot
from annotation.services import exports, filejobs, reviews, segments
from annotation.services.exports import frozen, running
from annotation.services.exports.building import Build
from annotation.services.exports.columns import NORMALISER
from annotation.services.exports.freezing import freeze, stored_options
from annotation.services.filejobs import Lost
from annotation.states import DecisionKind, ExportFormat, SegmentState, Verdict
from tests.annotation.exporting import (
    content,
    make_dataset,
    make_rows,
    make_version,
    opened,
    run_job,
    written,
)
from tests.factories import make_recording, make_segment, move
from tests.personas import Cast
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


def never(done: int, total: int, phase: str = "", failed: int = 0) -> None:
    """Say nothing of the progress."""


def claim() -> filejobs.ClaimedJob:
    claimed = filejobs.claim_next(worker="test")
    assert claimed is not None
    return claimed


def texts(export: Export) -> list[str]:
    lines = content(export).decode().splitlines()
    return [json.loads(line).get("correct_transcripts") for line in lines]


# -- What goes in ------------------------------------------------------------------------------------------


def test_rows_nobody_has_checked_stay_out_and_it_is_said_how_many(cast: Cast) -> None:
    recording = make_recording(cast.project)
    for number, state in enumerate(SegmentState.values):
        if state in (SegmentState.ACCEPTED, SegmentState.RETURNED):
            row = make_segment(
                cast.project, recording=recording, start_ms=number * 1000, text=state, revision=1,
                state=SegmentState.CORRECTED, source="human", annotator=cast.annotator,
            )  # fmt: skip
            move(row, state, by=cast.reviewer)
        else:
            make_segment(
                cast.project, recording=recording, start_ms=number * 1000, text=state, revision=1,
                state=state, source="human" if state == SegmentState.CORRECTED else "draft",
            )  # fmt: skip
    export = make_version(cast, "jsonl")
    assert texts(export) == ["corrected", "accepted"]
    counts = written(export).manifest["counts"]
    assert counts["rows"] == 2
    assert counts["left_out"] == {"draft": 1, "pending": 1, "refined": 1, "returned": 1, "skipped": 1}
    assert texts(make_version(cast, "jsonl", choice={"rows": "accepted"})) == ["accepted"]
    assert len(texts(make_version(cast, "jsonl", choice={"rows": "all"}))) == 7
    assert texts(make_version(cast, "jsonl", choice={"states": ["returned"]})) == ["returned"]
    # Who skips stands behind no text.
    assert texts(make_version(cast, "jsonl", choice={"states": ["skipped"]})) == [None]
    assert texts(make_version(cast, "jsonl", choice={"verdicts": ["accept"]})) == ["accepted"]


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_skip_that_was_agreed_with_is_no_text_to_train_on(cast: Cast, by_hand: bool) -> None:
    row = make_segment(
        cast.project, text="la la la", revision=1, source="human" if by_hand else "draft",
        state=SegmentState.CORRECTED if by_hand else SegmentState.DRAFT,
    )  # fmt: skip
    segments.decide(user=cast.annotator, segment=row, kind=DecisionKind.SKIP, reason="music", base_revision=1)
    assert texts(make_version(cast, "jsonl", choice={"rows": "all"})) == [None]
    reviews.judge(user=cast.reviewer, segment=row, verdict=Verdict.ACCEPT, base_revision=2)
    export = make_version(cast, "jsonl")
    assert texts(export) == []
    assert written(export).manifest["counts"]["left_out"] == {"skipped": 1}
    assert texts(make_version(cast, "jsonl", choice={"rows": "accepted"})) == []
    (line,) = content(make_version(cast, "jsonl", choice={"rows": "all"})).decode().splitlines()
    found = json.loads(line)
    assert (found["status"], found["verdict"]) == ("skipped", "accept")
    assert "correct_transcripts" not in found
    # What a reviewer writes instead is a text again.
    other = make_segment(cast.project, text="so la", revision=1, source="draft", state=SegmentState.DRAFT)
    segments.decide(
        user=cast.annotator, segment=other, kind=DecisionKind.SKIP, reason="music", base_revision=1
    )
    reviews.judge(user=cast.reviewer, segment=other, verdict=Verdict.FIX, text="so far", base_revision=2)
    assert texts(make_version(cast, "jsonl")) == ["so far"]


def test_rows_are_chosen_by_recording_annotator_and_day(cast: Cast) -> None:
    first, second = make_recording(cast.project), make_recording(cast.project)
    make_rows(cast, first, ("one",))
    make_rows(cast, second, ("two",), annotator=cast.reviewer)
    today = timezone.now().date()
    for choice, wanted in (
        ({"recordings": [str(second.pk)]}, ["two"]),
        ({"annotators": [cast.annotator.pk]}, ["one"]),
        ({"since": today.isoformat(), "until": today.isoformat()}, ["one", "two"]),
        ({"until": (today - timedelta(days=1)).isoformat()}, []),
        ({"since": (today + timedelta(days=1)).isoformat()}, []),
    ):
        assert texts(make_version(cast, "jsonl", choice=choice)) == wanted, choice


def test_recordings_in_the_trash_stay_out(cast: Cast) -> None:
    kept, thrown = make_recording(cast.project), make_recording(cast.project)
    make_rows(cast, kept, ("kept",))
    make_rows(cast, thrown, ("thrown",))
    Recording.objects.filter(pk=thrown.pk).update(trashed_at=timezone.now())
    assert texts(make_version(cast, "jsonl")) == ["kept"]


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({"form": "docx"}, "format"),
        ({"form": "csv", "choice": {"rows": "some"}}, "rows"),
        ({"form": "csv", "choice": {"state": ["draft"]}}, "state"),
        ({"form": "csv", "choice": {"states": ["heard"]}}, "states"),
        ({"form": "csv", "choice": {"since": "yesterday"}}, "since"),
        ({"form": "csv", "choice": {"annotators": ["me"]}}, "annotators"),
        ({"form": "csv", "choice": []}, "filter"),
        ({"form": "srt", "options": {"split_by": "speaker"}}, "split_by"),
        ({"form": "csv", "options": {"normalise": "plain-1"}}, "normalise"),
        ({"form": "nemo", "options": {"audio": "none"}}, "audio"),
        ({"form": "nemo", "options": {"split_by": "speaker", "train": 90}}, "train"),
        ({"form": "nemo", "options": {"train": True}}, "train"),
        ({"form": "nemo", "options": {"seed": "a\nb"}}, "seed"),
    ],
)
def test_what_no_export_has_is_refused_by_name(cast: Cast, asked: dict[str, Any], wrong: str) -> None:
    with pytest.raises(Invalid) as caught:
        exports.request(user=cast.manager, project=cast.project, **asked)
    assert wrong in caught.value.detail


def test_who_may_ask_and_how_often(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Denied):
        exports.request(user=cast.annotator, project=cast.project, form="csv")
    monkeypatch.setattr("annotation.services.exports.asking.MOST_WAITING", 2)
    made = [exports.request(user=cast.reviewer, project=cast.project, form="csv") for _ in range(2)]
    assert [export.number for export in made] == [1, 2]
    with pytest.raises(Conflict, match="2 exports"):
        exports.request(user=cast.reviewer, project=cast.project, form="csv")


# -- Frozen ------------------------------------------------------------------------------------------------


def test_later_edits_trash_and_a_second_attempt_change_nothing(cast: Cast) -> None:
    recording = make_dataset(cast)[0]
    before = content(make_version(cast, "jsonl"))
    export = exports.request(user=cast.manager, project=cast.project, form="jsonl")
    claimed = claim()
    freeze(claimed, export)
    # Its worker dies; meanwhile people go on.
    row = Segment.objects.filter(recording=recording).earliest("start_ms")
    segments.save_text(user=cast.annotator, segment=row, text="changed since", base_revision=1)
    Segment.objects.filter(recording=recording).update(speaker="somebody else")
    Recording.objects.update(trashed_at=timezone.now())
    assert filejobs.fail(claimed, code="worker_lost", message="gone")
    Job.objects.filter(pk=export.job_id).update(available_at=None)
    run_job()
    assert content(export) == before
    assert b"changed since" not in before
    # And the first one lies there as it was.
    assert hashlib.sha256(content(export)).hexdigest() == written(export).sha256


@pytest.mark.parametrize("form", ExportFormat.values)
def test_every_format_is_whole_and_the_same_bytes_each_time(cast: Cast, form: str, tmp_path: Path) -> None:
    make_dataset(cast)
    export = make_version(cast, form)
    again = Build(export, export.snapshot, stored_options(export), tmp_path, never)
    with again, (tmp_path / "again").open("w+b") as file:
        running.write(again, file)
    data = (tmp_path / "again").read_bytes()
    file_row = written(export)
    assert data == content(export)
    assert (file_row.size_bytes, file_row.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (file_row.rows, file_row.audio_ms) == (30, 30_000)
    assert file_row.card.startswith("---\n")
    manifest = file_row.manifest
    assert f"{manifest['normaliser']['name']}-{manifest['normaliser']['version']}" == NORMALISER
    assert manifest["models"] == {"demo-draft": 30}
    if manifest["checksums"] is None:
        assert manifest["file"]["sha256"] == file_row.sha256
        return
    with opened(export) as archive:
        sums = archive.read("checksums.sha256")
        assert hashlib.sha256(sums).hexdigest() == manifest["checksums"]["sha256"]
        listed = {line[66:]: line[:64] for line in sums.decode().splitlines()}
        others = {"checksums.sha256", "README.md", "manifest.json"}
        assert set(archive.namelist()) == {*listed, *others}
        for name, digest in listed.items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == digest
        assert json.loads(archive.read("manifest.json")) == manifest
        assert archive.read("README.md").decode() == file_row.card


@pytest.mark.parametrize("table", ["export", "snapshot", "exportedrow", "exportedfile"])
def test_the_app_may_not_touch_what_was_exported(cast: Cast, table: str) -> None:
    make_dataset(cast)
    make_version(cast, "csv")
    for statement in ("DELETE FROM annotation_{}", "UPDATE annotation_{} SET id = id"):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement.format(table))


def test_an_export_that_is_cancelled_leaves_nothing(cast: Cast) -> None:
    make_dataset(cast)
    export = exports.request(user=cast.manager, project=cast.project, form="nemo")
    claimed = claim()

    def cancelled(done: int, total: int, phase: str = "", failed: int = 0) -> None:
        if phase == "writing":
            Job.objects.filter(pk=export.job_id).update(state="cancelled")

    with pytest.raises(Lost):
        exports.run(claimed, cancelled)
    assert not ExportedFile.objects.exists()
    assert list(storage.export_path(export.pk).parent.iterdir()) == []


def test_what_a_killed_worker_left_is_cleared_and_a_written_file_is_not_written_twice(cast: Cast) -> None:
    make_dataset(cast)
    export = exports.request(user=cast.manager, project=cast.project, form="csv")
    left = storage.export_path(export.pk).parent / f".{export.pk}.0"
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"half")
    claimed = claim()
    exports.run(claimed, never)
    assert not left.exists()
    exports.run(claimed, never)  # it died before it could say that it was done
    assert ExportedFile.objects.count() == 1


def test_causes_are_told_in_words(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = make_dataset(cast)[0]
    storage.wav_path(recording.pk).unlink()
    exports.request(user=cast.manager, project=cast.project, form="nemo")
    with pytest.raises(Gone, match="talk one"):
        exports.run(claim(), never)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    exports.request(user=cast.manager, project=cast.project, form="parquet")
    with pytest.raises(AnnotationError, match=r"pyarrow.*parquet\.lock") as caught:
        exports.run(claim(), never)
    assert filejobs.describe(caught.value)[2], "no further attempt can mend it"


# -- Parts -------------------------------------------------------------------------------------------------


def many_speakers(cast: Cast, speakers: int = 40) -> None:
    for number in range(speakers):
        recording = make_recording(cast.project, duration_ms=60_000)
        for place in range(3):
            make_segment(
                cast.project, recording=recording, start_ms=place * 10_000, end_ms=place * 10_000 + 5000,
                text="x", revision=1, state=SegmentState.CORRECTED,
                speaker=f"s{(number + place * 7) % speakers}" if place else "",
            )  # fmt: skip


def parts(export: Export) -> dict[tuple[str, int], str]:
    return {
        (row.facts["speaker"], row.recording_id): row.split
        for row in ExportedRow.objects.filter(export=export)
    }


def test_no_speaker_is_in_two_parts_and_a_seed_deals_alike(cast: Cast) -> None:
    many_speakers(cast)
    asked = {"split_by": "speaker", "seed": "7"}
    export = make_version(cast, "jsonl", options=asked)
    dealt = parts(export)
    held: dict[object, set[str]] = {}
    for (speaker, recording), part in dealt.items():
        held.setdefault(speaker or recording, set()).add(part)
    assert all(len(found) == 1 for found in held.values())
    counts = written(export).manifest["counts"]
    whole = sum(counts["audio_ms_by_split"].values())
    shares = {part: round(100 * length / whole) for part, length in counts["audio_ms_by_split"].items()}
    assert abs(shares["train"] - 80) <= 3
    assert abs(shares["validation"] - 10) <= 3
    assert abs(shares["test"] - 10) <= 3
    assert parts(make_version(cast, "jsonl", options=asked)) == dealt
    assert parts(make_version(cast, "jsonl", options={**asked, "seed": "8"})) != dealt
    recordings = parts(make_version(cast, "jsonl", options={**asked, "split_by": "recording"}))
    by_recording: dict[int, set[str]] = {}
    for (_, recording), part in recordings.items():
        by_recording.setdefault(recording, set()).add(part)
    assert all(len(found) == 1 for found in by_recording.values())


def test_a_seed_is_drawn_and_kept_where_none_is_given(cast: Cast) -> None:
    export = exports.request(
        user=cast.manager, project=cast.project, form="nemo", options={"split_by": "speaker"}
    )
    assert export.options["seed"]


# -- Columns of the sheet it came from ---------------------------------------------------------------------


def test_columns_of_the_imported_sheet_come_back_in_their_place(cast: Cast) -> None:
    columns = [
        {"header": "Campaign", "field": ""},
        {"header": "clip", "field": "audio"},
        {"header": "Start (s)", "field": "start"},
        {"header": "ende_ms", "field": "end"},
        {"header": "from", "field": "start"},
        {"header": "dropped", "field": "ignore"},
        {"header": "Corrected", "field": "correction"},
        {"header": "=odd", "field": ""},
        {"header": "utt_id", "field": "id"},
    ]
    Project.objects.filter(pk=cast.project.pk).update(sheet_columns=columns)
    recording = make_recording(cast.project, name="a.wav")
    metadata = {"Campaign": "Mai 007", "=odd": "=1+1", "elsewhere": "x"}
    make_rows(cast, recording, ("zero",))
    make_rows(cast, recording, ("one",), metadata=metadata, external_id="ext-1", start_ms=1000)
    data = content(make_version(cast, "csv")).decode("utf-8-sig").splitlines()
    assert data[0].startswith(
        "Campaign,clip,Start (s),ende_ms,Corrected,'=odd,utt_id,segment_id,speaker,language,asr_text,"
    )
    pk = Segment.objects.get(external_id="ext-1").pk
    assert data[2].startswith(f"Mai 007,a.wav,1.0,2000,one,'=1+1,ext-1,{pk},,,heard 0,corrected,")
    line = json.loads(content(make_version(cast, "jsonl")).decode().splitlines()[1])
    assert (line["Campaign"], line["=odd"], line["id"]) == ("Mai 007", "=1+1", "ext-1")


# -- Memory ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "xlsx", "kaldi"])
def test_memory_does_not_grow_with_the_rows(
    cast: Cast, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "BATCH", 50)
    monkeypatch.setattr("transcription.formats.sorting.CHUNK", 60)
    export = exports.request(
        user=cast.manager, project=cast.project, form=form,
        options={"audio": "none"} if form == "kaldi" else None,
    )  # fmt: skip
    facts = {
        "file_name": "a.wav", "file": "a.wav", "stem": "a", "duration_ms": 10**9, "channel": 0,
        "speaker": "s", "language": "en", "state": "corrected", "revision": 1, "source": "human",
        "external_id": "", "metadata": {}, "risk": None, "risk_reasons": [], "locked": False,
        "locked_at": None, "locked_by": None, "annotator": "a", "written_at": None, "verdict": None,
        "verdict_reason": None, "reviewer": None, "reviewed_at": None, "imported": None,
    }  # fmt: skip
    row = make_segment(cast.project, text="some words " * 10, revision=1)
    revision = row.revisions.get().pk
    snapshot_facts: dict[str, Any] = {
        "there": {}, "project": "p", "description": "", "language": "",
        "models": {"draft": "", "refine": None}, "sheet_columns": [], "paths": False, "asked_by": None,
    }  # fmt: skip
    snapshot = Snapshot.objects.create(export=export, frozen_at=timezone.now(), rows=1, facts=snapshot_facts)

    def peak(first: int, last: int) -> int:
        ExportedRow.objects.bulk_create(
            ExportedRow(
                export=export, number=number, recording_id=1, segment_id=number, revision_id=revision,
                facts={**facts, "start_ms": number * 1000, "end_ms": number * 1000 + 900},
            )
            for number in range(first, last)
        )  # fmt: skip
        build = Build(export, snapshot, stored_options(export), tmp_path, never)
        tracemalloc.start()
        with build, (tmp_path / "out").open("w+b") as file:
            running.write(build, file)
        peaked = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peaked

    peak(1, 30)  # what is loaded once
    small = peak(30, 150)
    assert peak(150, 600) < small * 1.35


# -- Done by a worker --------------------------------------------------------------------------------------


def test_a_worker_does_it_and_tells_how_far_it_is(cast: Cast, redis_emptied: str) -> None:
    from workers import files

    make_dataset(cast)
    export = exports.request(user=cast.manager, project=cast.project, form="audiofolder")
    assert files.work_waiting(PATIENCE_S, lambda: None) is False
    job = Job.objects.get(pk=export.job_id)
    assert (job.state, job.processed_items, job.total_items, job.error) == ("completed", 30, 30, "")
    assert io.BytesIO(content(export)).read(2) == b"PK"
