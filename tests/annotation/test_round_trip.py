"""Out and in again: what an export holds becomes the same rows in another project."""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Any

import pytest

from annotation.models import AuditEvent, Membership, Project, Segment
from annotation.services import exports, segments
from annotation.states import DecisionKind, ImportState, Role
from tests.annotation.exporting import content, make_version
from tests.annotation.imports.dropping import bring, faults_of, packed, sound, table
from tests.factories import make_project
from tests.personas import Cast
from transcription.formats.cells import unescape

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

SHEET = table(
    # Columns of people's own may be called as ours are; audio may be named by its folder.
    "Campaign,id,file_name,start_ms,end_ms,transcript,correct_transcripts,speaker,Customer No,locked"
    ",locked_at,Comment,status,split",
    "Mai,u1,mai/a.wav,0,1000,hallo welt,,Ann,007,,,ruhig,neu,links",
    "Mai,u2,mai/a.wav,1000,2000,guten tak,'=1+1,Bob,'=A1,,,,alt,",
    'Juni,u3,b.wav,0,1500,,"שלום, עולם",Ann,,yes,2026-01-31 12:30,laut,,rechts',
    "Juni,,b.wav,1500,3000,สวัสดี,日本語 e\u0301 😀,,0001,,,,,",
)


def changing(seconds: int, pitch: int) -> bytes:
    """Make a sound no two stretches of which are the same."""
    data = bytearray(sound(seconds, pitch=pitch))
    data[44:] = bytes((place // 2_000 + pitch) % 100 if place % 2 else 7 for place in range(len(data) - 44))
    return bytes(data)


FILES = {"calls.csv": SHEET, "mai/a.wav": changing(3, 1), "b.wav": changing(4, 50)}
ASKED: dict[str, Any] = {"choice": {"rows": "all"}, "options": {"audio": "recordings"}}


@pytest.fixture
def other(cast: Cast) -> Project:
    project = make_project("Other", language="")
    Membership.objects.create(project=project, user=cast.manager, role=Role.MANAGER)
    return project


def begun(cast: Cast) -> None:
    # Texts in several scripts belong to no one language.
    Project.objects.filter(pk=cast.project.pk).update(language="")
    cast.project.refresh_from_db()
    done = bring(cast.manager, cast.project, {"drop.zip": packed(FILES)})
    assert (done.counts["added"], done.counts["faulty"]) == (4, 0), done.counts
    cast.project.refresh_from_db()


def unchanged(cast: Cast, project: Project, drop: bytes) -> bool:
    """Import into a project what it has already; tell whether it left no trace in any segment."""
    events = AuditEvent.objects.filter(project_id=project.pk, segment_id__isnull=False)
    before = events.count()
    assert before
    again = bring(cast.manager, project, {"drop.zip": drop})
    assert again.state == ImportState.DONE, (again.refusal, again.questions, again.counts)
    assert faults_of(again) == {}
    assert again.counts["added"] == again.counts["updated"] == 0, again.counts
    return events.count() == before


def known(project: Project) -> list[dict[str, Any]]:
    fields = (
        "recording__name", "start_ms", "end_ms", "text", "source", "state", "speaker", "external_id",
        "metadata", "locked", "locked_at",
    )  # fmt: skip
    return list(Segment.objects.filter(project=project).order_by("external_id", "start_ms").values(*fields))


@pytest.mark.parametrize("form", ["csv", "tsv", "xlsx", "jsonl"])
def test_a_table_comes_back_as_it_was(cast: Cast, other: Project, form: str) -> None:
    begun(cast)
    before = known(cast.project)
    assert before[1]["metadata"]["file_name"] == "mai/a.wav"
    split = {"split_by": "recording", "train": 50, "validation": 25, "test": 25}
    first = make_version(cast, form, **{**ASKED, "options": {**ASKED["options"], **split}})
    again = bring(cast.manager, other, {"drop.zip": content(first)})
    assert again.state == ImportState.DONE, (again.refusal, again.questions, again.counts)
    assert again.counts["faulty"] == 0, again.counts
    assert known(other) == before
    # Into the project it came from: nothing is new, nothing is changed; nor of the table alone.
    assert unchanged(cast, cast.project, content(first))
    alone = make_version(cast, form, choice={"rows": "all"})
    assert unchanged(cast, cast.project, packed({f"calls.{form}": content(alone)}))
    if form == "csv":
        text = content(alone).decode("utf-8-sig")
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        # Texts are kept in their composed form; nothing else about them changes.
        sheet = unicodedata.normalize("NFC", SHEET.decode("utf-8-sig"))
        wanted = list(csv.reader(io.StringIO(sheet, newline="")))
        width = len(wanted[0])
        assert header[:width] == wanted[0]
        assert {"earmark_comment", "earmark_status", "earmark_split", "earmark_file_name"} < set(header)
        told = [place for place, name in enumerate(wanted[0]) if not name.startswith("locked")]
        told_rows = [[unescape(row[place]) for place in told] for row in rows]
        assert sorted(told_rows) == sorted([unescape(row[place]) for place in told] for row in wanted[1:])


@pytest.mark.parametrize(
    ("form", "carries"),
    [
        ("srt", ""),
        ("vtt", "speaker"),
        ("textgrid", "speaker"),
        ("eaf", "speaker"),
        ("whisper", ""),
        ("whisperx", "speaker"),
        ("whisper_tsv", ""),
        ("label_studio", "speaker correction external_id"),
        ("stm", "speaker"),
    ],
)
def test_transcripts_come_back_with_what_they_carry(
    cast: Cast, other: Project, form: str, carries: str
) -> None:
    begun(cast)
    drop = content(make_version(cast, form, **ASKED))
    done = bring(cast.manager, other, {"drop.zip": drop})
    assert done.state == ImportState.DONE, (done.refusal, done.questions, done.counts)

    def heard(project: Project) -> list[tuple[Any, ...]]:
        rows = Segment.objects.filter(project=project).order_by("recording__name", "start_ms")
        fields = [name for name in carries.split() if name != "correction"]
        if "correction" in carries:
            fields += ["state", "source"]
        return list(rows.values_list("recording__name", "start_ms", "end_ms", "text", *fields))

    assert heard(other) == heard(cast.project)
    assert unchanged(cast, cast.project, drop)
    assert unchanged(cast, other, drop)


def test_a_manifest_comes_back_with_its_clips(cast: Cast, other: Project) -> None:
    begun(cast)
    drop = content(make_version(cast, "nemo", choice={"rows": "all"}))
    done = bring(cast.manager, other, {"drop.zip": drop})
    assert (done.counts["added"], done.counts["faulty"]) == (4, 0), done.counts

    def said(project: Project) -> set[tuple[Any, ...]]:
        rows = Segment.objects.filter(project=project)
        return set(rows.values_list("text", "state", "source", "speaker", "external_id"))

    assert said(other) == said(cast.project)
    assert unchanged(cast, other, drop)
    folder = content(make_version(cast, "audiofolder", choice={"states": ["corrected"]}))
    third = make_project("Third", language="")
    Membership.objects.create(project=third, user=cast.manager, role=Role.MANAGER)
    done = bring(cast.manager, third, {"drop.zip": folder})
    assert (done.counts["added"], done.counts["faulty"]) == (3, 0), done.counts
    assert said(third) < said(cast.project)


def test_recordings_of_one_name_come_back_each_to_its_own(cast: Cast, other: Project) -> None:
    drops = (
        {"call.csv": table("file_name,text", f"call.wav,text {n}"), "call.wav": sound(2, pitch=n)}
        for n in (1, 2)
    )
    for drop in drops:
        assert bring(cast.manager, cast.project, drop).counts["added"] == 1
    alone = content(make_version(cast, "csv", choice={"rows": "all"}))
    assert unchanged(cast, cast.project, packed({"calls.csv": alone}))
    whole = content(make_version(cast, "csv", **ASKED))
    done = bring(cast.manager, other, {"drop.zip": whole})
    assert (done.counts["added"], done.counts["faulty"]) == (2, 0), done.counts
    assert unchanged(cast, other, whole)

    def heard(project: Project) -> set[tuple[str, str]]:
        return set(Segment.objects.filter(project=project).values_list("recording__sha256", "text"))

    assert heard(other) == heard(cast.project)


def test_what_a_person_said_of_columns_is_not_asked_again(cast: Cast) -> None:
    sheet = table("Datei,Wortlaut,text,Kennung", "a.wav,hallo,eine Notiz,k1")
    chosen = {"columns": {"Datei": "audio", "Wortlaut": "text", "text": "", "Kennung": "id"}}
    done = bring(cast.manager, cast.project, {"a.csv": sheet, "a.wav": sound(2)}, answers=chosen)
    assert done.counts["added"] == 1
    (before,) = known(cast.project)
    assert (before["text"], before["external_id"], before["metadata"]) == (
        "hallo",
        "k1",
        {"text": "eine Notiz"},
    )
    cast.project.refresh_from_db()
    alone = content(make_version(cast, "csv", choice={"rows": "all"}))
    assert alone.decode("utf-8-sig").startswith("Datei,Wortlaut,text,Kennung,segment_id")
    assert unchanged(cast, cast.project, packed({"a.csv": alone}))
    assert known(cast.project) == [before]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_streamed_comes_back_too(cast: Cast, other: Project, form: str) -> None:
    begun(cast)
    before = known(cast.project)
    streamed = b"".join(exports.export(cast.project, form))
    assert unchanged(cast, cast.project, packed({f"calls.{form}": streamed}))
    sounds = {name: data for name, data in FILES.items() if name.endswith(".wav")}
    done = bring(cast.manager, other, {"drop.zip": packed({**sounds, f"calls.{form}": streamed})})
    assert done.state == ImportState.DONE, (done.refusal, done.questions, done.counts)
    assert known(other) == before


def test_a_skipped_row_comes_back_as_no_correction(cast: Cast) -> None:
    begun(cast)
    row = Segment.objects.get(project=cast.project, external_id="u1")
    segments.decide(user=cast.annotator, segment=row, kind=DecisionKind.SKIP, reason="music", base_revision=1)
    before = known(cast.project)
    for form in ("xlsx", "jsonl"):
        drop = content(make_version(cast, form, **ASKED))
        same = bring(cast.manager, cast.project, {"drop.zip": drop})
        assert same.state == ImportState.DONE
        assert known(cast.project) == before, form
