"""From a table and its audio to segments: what lands, what is named, what a second drop changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from annotation.models import (
    Assignment,
    AuditEvent,
    Hypothesis,
    Import,
    ImportRow,
    Job,
    Recording,
    Revision,
    Segment,
)
from annotation.services import segments
from annotation.states import ImportState, JobKind, SegmentState, Source
from tests.annotation.imports.dropping import (
    bring,
    check,
    faults_of,
    finish,
    packed,
    prepare_all,
    sound,
    table,
    work,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

TABLE = table(
    "id,file_name,start_ms,end_ms,transcript,correct_transcripts,speaker,Customer No,locked,locked_at",
    "u1,a.wav,0,2000,hallo welt,,Ann,007,,",
    "u2,a.wav,2000,4000,guten tak,Guten Tag,Bob,=1+1,,",
    'u3,b.wav,,,"ganze, datei",,,x,yes,2026-01-31 12:30',
)
FILES = {"calls.csv": TABLE, "a.wav": sound(5), "b.wav": sound(3, pitch=1)}


def texts(project: Any) -> list[tuple[str, str, str]]:
    rows = Segment.objects.filter(project=project).order_by("external_id")
    return [(row.external_id, row.text, row.source) for row in rows]


def test_a_table_and_its_audio_become_segments(cast: Any) -> None:
    checked = check(cast.manager, cast.project, FILES)
    assert checked.state == ImportState.CHECKED, checked.refusal
    assert (checked.counts["rows"], checked.counts["ready"], checked.counts["faulty"]) == (3, 3, 0)
    assert not Recording.objects.filter(project=cast.project).exists(), "a check imports nothing"

    done = finish(cast.manager, checked)
    assert done.state == ImportState.DONE
    assert done.counts["added"] == 3, (
        done.counts,
        list(ImportRow.objects.values_list("line", "state", "faults")),
    )
    assert not ImportRow.objects.filter(parent=done).exists()
    assert texts(cast.project) == [
        ("u1", "hallo welt", "import"), ("u2", "Guten Tag", "human"), ("u3", "ganze, datei", "import"),
    ]  # fmt: skip
    one, two, three = Segment.objects.filter(project=cast.project).order_by("external_id")
    assert (one.state, one.speaker, one.metadata) == (SegmentState.DRAFT, "Ann", {"Customer No": "007"})
    assert (two.state, two.annotator, two.metadata) == (
        SegmentState.CORRECTED,
        cast.manager,
        {"Customer No": "=1+1"},
    )
    assert (three.start_ms, three.end_ms, three.locked) == (0, 3000, True)
    assert three.locked_at is not None and three.locked_at.isoformat() == "2026-01-31T12:30:00+00:00"
    assert three.locked_by == cast.manager
    history = (
        Revision.objects.filter(segment=two)
        .order_by("number")
        .values_list("number", "text", "source", "author")
    )
    assert list(history) == [(1, "guten tak", "import", None), (2, "Guten Tag", "human", cast.manager.pk)]
    assert Hypothesis.objects.get(segment=two).text == "guten tak"
    cast.project.refresh_from_db()
    assert [c["header"] for c in cast.project.sheet_columns] == TABLE.decode().split("\r\n")[0].split(",")


def test_nothing_is_cut_or_transcribed_where_the_table_says_all(cast: Any) -> None:
    bring(cast.manager, cast.project, FILES)
    assert Segment.everything.filter(project=cast.project).count() == 3
    jobs = Job.objects.filter(project=cast.project, kind=JobKind.TRANSCRIBE)
    assert {(job.state, job.total_items) for job in jobs} == {("completed", 0)}


def test_the_same_drop_again_changes_nothing(cast: Any) -> None:
    bring(cast.manager, cast.project, FILES)
    before = list(Segment.objects.filter(project=cast.project).order_by("pk").values())
    events = AuditEvent.objects.filter(table_name="annotation_segment").count()
    again = bring(cast.manager, cast.project, FILES)
    assert again.state == ImportState.DONE
    assert {name: again.counts[name] for name in ("added", "updated", "unchanged", "refused")} == {
        "added": 0, "updated": 0, "unchanged": 3, "refused": 0,
    }  # fmt: skip
    assert list(Segment.objects.filter(project=cast.project).order_by("pk").values()) == before
    assert AuditEvent.objects.filter(table_name="annotation_segment").count() == events
    # Without its audio too: the recordings are here.
    assert bring(cast.manager, cast.project, {"calls.csv": TABLE}).counts["unchanged"] == 3


def test_a_mended_table_brings_its_rows_up_to_date_or_passes_them_over(cast: Any) -> None:
    bring(cast.manager, cast.project, FILES)
    mended = {"calls.csv": TABLE.replace(b"hallo welt,,Ann", b"hallo welt,Hallo Welt,Anna")}
    skipped = bring(cast.manager, cast.project, mended, on_known="skip")
    assert (skipped.counts["skipped"], texts(cast.project)[0]) == (3, ("u1", "hallo welt", "import"))
    done = bring(cast.manager, cast.project, mended)
    assert (done.counts["updated"], done.counts["unchanged"]) == (1, 2)
    one = Segment.objects.get(project=cast.project, external_id="u1")
    assert (one.text, one.source, one.state, one.revision, one.speaker) == (
        "Hallo Welt", Source.HUMAN, SegmentState.CORRECTED, 2, "Anna",
    )  # fmt: skip


def test_what_people_did_here_outlives_a_second_drop(cast: Any) -> None:
    bring(cast.manager, cast.project, FILES)
    one = Segment.objects.get(project=cast.project, external_id="u1")
    segments.save_text(user=cast.annotator, segment=one, text="Hallo, Welt!", base_revision=1)
    changed = (
        TABLE.replace(b"hallo welt", b"something else")
        .replace(b'"ganze, datei"', b"anders")
        .replace(b",yes,", b",,")
    )
    changed = changed.replace(b"2026-01-31 12:30", b"").replace(
        b"b.wav,,,anders,,,x", b"b.wav,,,anders,besser,,x"
    )
    done = bring(cast.manager, cast.project, {"calls.csv": changed})
    one.refresh_from_db()
    assert (one.text, one.source) == ("Hallo, Welt!", Source.HUMAN)
    assert faults_of(done) == {4: ["locked_here"]}


def test_who_is_named_as_assignee_is_asked_to_work_on_it(cast: Any) -> None:
    rows = table(
        "id,file,start_ms,end_ms,text,Assigned to",
        f"1,a.wav,0,2000,hallo,{cast.annotator.username.upper()}",
        f"2,a.wav,2000,4000,welt,{cast.reviewer.username}",
        f"3,b.wav,0,2000,noch eins,{cast.outsider.username}",
        "4,b.wav,2000,3000,und noch eins,",
    )
    drop = {"t.csv": rows, "a.wav": sound(5), "b.wav": sound(3, pitch=1)}
    checked = check(cast.manager, cast.project, drop)
    assert faults_of(checked) == {4: ["unknown_assignee"]}
    done = bring(cast.manager, cast.project, drop)
    assert done.counts["added"] == 3
    asked = Assignment.objects.order_by("assignee__username").values_list(
        "recording__name", "assignee", "assigned_by"
    )
    assert list(asked) == [
        ("a.wav", cast.annotator.pk, cast.manager.pk), ("a.wav", cast.reviewer.pk, cast.manager.pk),
    ]  # fmt: skip

    let_through = {"t.csv": rows, "a.wav": sound(5), "b.wav": sound(3, pitch=1)}
    done = bring(cast.manager, cast.project, let_through, accept=["unknown_assignee"])
    assert done.counts["added"] == 1
    assert Assignment.objects.count() == 2, "nobody is asked who is no member"


def test_rows_without_text_are_transcribed_when_asked(cast: Any) -> None:
    rows = table("file,start_ms,end_ms,text", "a.wav,0,2000,", "a.wav,2000,4000,da steht etwas")
    drop = {"t.csv": rows, "a.wav": sound(5)}
    refused = check(cast.manager, cast.project, drop)
    assert faults_of(refused) == {2: ["empty_text"]}
    bring(cast.manager, cast.project, drop, empty_text="transcribe")
    states = list(
        Segment.objects.filter(project=cast.project).order_by("start_ms").values_list("state", flat=True)
    )
    assert states == [SegmentState.PENDING, SegmentState.DRAFT]
    job = Job.objects.get(project=cast.project, kind=JobKind.TRANSCRIBE)
    windows = list(job.decodings.filter(pass_name="draft").values_list("start_ms", "end_ms"))
    assert windows == [(0, 2000)], "what has text is not decoded"


def test_a_table_over_a_recording_that_machines_cut_takes_their_place(cast: Any) -> None:
    bring(cast.manager, cast.project, {"a.wav": sound(5)})
    (recording,) = Recording.objects.filter(project=cast.project)
    assert Segment.objects.filter(recording=recording).exists()
    done = bring(cast.manager, cast.project, {"t.csv": table("file,start_ms,end_ms,text", "a,0,2000,eins")})
    assert done.counts["added"] == 1
    assert [(s.start_ms, s.end_ms, s.text) for s in Segment.objects.filter(recording=recording)] == [
        (0, 2000, "eins")
    ]


def test_audio_that_turns_out_to_be_unusable_is_named_with_its_rows(cast: Any) -> None:
    rows = table("file,text", "a.wav,one", "b.wav,two", "c.mp3,three")
    drop = {"t.csv": rows, "a.wav": sound(2), "b.wav": b"RIFF, but no more", "c.mp3": b"\x00" * 5000}
    checked = check(cast.manager, cast.project, drop)
    assert faults_of(checked) == {3: ["undecodable_audio"], 4: ["undecodable_audio"]}
    assert finish(cast.manager, checked).counts["added"] == 1


def test_audio_of_which_only_the_preparation_finds_that_it_is_damaged(cast: Any) -> None:
    checked = check(cast.manager, cast.project, {"t.csv": table("file,text", "a.wav,one"), "a.wav": sound(2)})
    from annotation.services.imports import receiving

    receiving.start(user=cast.manager, parent=checked)
    work()
    checked.refresh_from_db()
    assert checked.state == ImportState.LANDING
    from annotation import storage

    (recording,) = Recording.objects.filter(project=cast.project)
    storage.original_path(recording.pk).write_bytes(b"gone bad")
    prepare_all()
    checked.refresh_from_db()
    assert checked.state == ImportState.DONE
    assert faults_of(checked) == {2: ["undecodable_audio"]}


def test_an_archive_brings_its_table_and_audio(cast: Any) -> None:
    drop = {
        "bundle.zip": packed(
            {"data/calls.csv": TABLE, "data/a.wav": sound(5), "data/b.wav": sound(3, pitch=1)}
        )
    }
    assert bring(cast.manager, cast.project, drop).counts["added"] == 3


def test_audio_alone_is_transcribed(cast: Any) -> None:
    done = bring(cast.manager, cast.project, {"a.wav": sound(5), "notes.pdf": b"%PDF-1.7"})
    assert (done.state, done.counts["rows"]) == (ImportState.DONE, 0)
    assert Recording.objects.filter(project=cast.project).count() == 1
    assert Job.objects.filter(project=cast.project, kind=JobKind.TRANSCRIBE).count() == 1


def test_a_long_file_without_text_keeps_what_its_row_says(cast: Any) -> None:
    rows = table("id,file,lang,speaker,Customer No", "u7,long.wav,fr,Ann,007")
    drop = {"t.csv": rows, "long.wav": sound(45)}
    assert bring(cast.manager, cast.project, drop).counts["added"] == 1
    cut = list(Segment.objects.filter(project=cast.project))
    assert len(cut) > 1
    said = {"Customer No": "007", "id (file)": "u7"}
    assert all((row.speaker, row.language, row.metadata) == ("Ann", "fr", said) for row in cut)
    cast.project.refresh_from_db()
    assert "id (file)" in [column["header"] for column in cast.project.sheet_columns], "exports write it"

    def later(drop: dict[str, bytes]) -> Import:
        checked = check(cast.manager, cast.project, drop)
        # The clock of the database stands still in a test.
        Import.objects.filter(pk=checked.pk).update(created_at=timezone.now() + timedelta(hours=1))
        return finish(cast.manager, checked)

    again = later(drop)
    assert (again.counts["added"], again.counts["unchanged"]) == (0, 1)
    mended = later({"t.csv": rows.replace(b"007", b"008")})
    assert mended.counts["updated"] == 1
    assert Segment.objects.filter(
        project=cast.project, metadata__contains={"Customer No": "008"}
    ).count() == len(cut)
