"""Out and in again: what an export holds becomes the same rows in another project."""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Any

import pytest

from annotation.models import Membership, Project, Segment
from annotation.services import segments
from annotation.states import DecisionKind, ImportState, Role
from tests.annotation.exporting import content, make_version
from tests.annotation.imports.dropping import bring, packed, sound, table
from tests.factories import make_project
from tests.personas import Cast
from transcription.formats.cells import unescape

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

SHEET = table(
    "Campaign,id,file_name,start_ms,end_ms,transcript,correct_transcripts,speaker,Customer No,locked"
    ",locked_at",
    "Mai,u1,a.wav,0,1000,hallo welt,,Ann,007,,",
    "Mai,u2,a.wav,1000,2000,guten tak,'=1+1,Bob,'=A1,,",
    'Juni,u3,b.wav,0,1500,,"שלום, עולם",Ann,,yes,2026-01-31 12:30',
    "Juni,u4,b.wav,1500,3000,สวัสดี,日本語 e\u0301 😀,,0001,,",
)
FILES = {"calls.csv": SHEET, "a.wav": sound(3), "b.wav": sound(4, pitch=1)}
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
    done = bring(cast.manager, cast.project, FILES)
    assert (done.counts["added"], done.counts["faulty"]) == (4, 0), done.counts
    cast.project.refresh_from_db()


def known(project: Project) -> list[dict[str, Any]]:
    fields = (
        "recording__name", "start_ms", "end_ms", "text", "source", "state", "speaker", "external_id",
        "metadata", "locked", "locked_at",
    )  # fmt: skip
    return list(Segment.objects.filter(project=project).order_by("external_id", "start_ms").values(*fields))


@pytest.mark.parametrize("form", ["csv", "tsv", "xlsx"])
def test_a_sheet_comes_back_as_it_was(cast: Cast, other: Project, form: str) -> None:
    begun(cast)
    before = known(cast.project)
    first = make_version(cast, form, **ASKED)
    again = bring(cast.manager, other, {"drop.zip": content(first)})
    assert again.state == ImportState.DONE, (again.refusal, again.questions, again.counts)
    assert again.counts["faulty"] == 0, again.counts
    assert known(other) == before
    # Into the project it came from: nothing is new, nothing is changed.
    same = bring(cast.manager, cast.project, {"drop.zip": content(first)})
    assert (same.counts["added"], same.counts["updated"]) == (0, 0), same.counts
    assert known(cast.project) == before
    if form == "csv":
        text = content(make_version(cast, form, choice={"rows": "all"})).decode("utf-8-sig")
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        # Texts are kept in their composed form; nothing else about them changes.
        sheet = unicodedata.normalize("NFC", SHEET.decode("utf-8-sig"))
        wanted = list(csv.reader(io.StringIO(sheet, newline="")))
        assert header[: len(wanted[0])] == wanted[0]
        assert [[unescape(cell) for cell in row[:9]] for row in rows] == [
            [unescape(cell) for cell in row[:9]] for row in wanted[1:]
        ]


@pytest.mark.parametrize(
    "form", ["jsonl", "srt", "vtt", "textgrid", "eaf", "whisper", "whisperx", "whisper_tsv", "label_studio"]
)
def test_transcripts_come_back_with_their_times_and_texts(cast: Cast, other: Project, form: str) -> None:
    begun(cast)
    drop = content(make_version(cast, form, **ASKED))
    done = bring(cast.manager, other, {"drop.zip": drop})
    assert done.state == ImportState.DONE, (done.refusal, done.questions, done.counts)

    def heard(project: Project) -> list[tuple[Any, ...]]:
        rows = Segment.objects.filter(project=project).order_by("recording__name", "start_ms")
        return list(rows.values_list("recording__name", "start_ms", "end_ms", "text"))

    assert heard(other) == heard(cast.project)
    assert packed({}) != drop


def test_a_skipped_row_comes_back_as_no_correction(cast: Cast) -> None:
    begun(cast)
    row = Segment.objects.get(project=cast.project, external_id="u1")
    segments.decide(user=cast.annotator, segment=row, kind=DecisionKind.SKIP, reason="music", base_revision=1)
    before = known(cast.project)
    for form in ("xlsx",):
        drop = content(make_version(cast, form, **ASKED))
        same = bring(cast.manager, cast.project, {"drop.zip": drop})
        assert same.state == ImportState.DONE
        assert known(cast.project) == before, form
