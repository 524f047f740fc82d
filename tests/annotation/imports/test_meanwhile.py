"""What people did in the project while a sheet was elsewhere: no sheet takes it back."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from annotation.models import Project, Segment
from annotation.services import segments
from annotation.states import ImportState, SegmentState, Source, Verdict
from tests.annotation.exporting import content, make_version
from tests.annotation.imports.dropping import bring, faults_of, sound, table
from tests.annotation.reviewing import judge
from transcription.formats.cells import unescape

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

SHEET = table(
    "id,file,start_ms,end_ms,transcript,correct_transcripts,speaker",
    "u1,a.wav,0,2000,hallo welt,Hallo Welt,Ann",
    "u2,a.wav,2000,4000,guten tak,Guten Tag,Bob",
)
FILES = {"calls.csv": SHEET, "a.wav": sound(5)}


@pytest.fixture
def begun(cast: Any) -> Any:
    Project.objects.filter(pk=cast.project.pk).update(review_percent=0)
    cast.project.refresh_from_db()
    bring(cast.manager, cast.project, FILES)
    return cast


def row(cast: Any, name: str = "u1") -> Segment:
    return Segment.objects.get(project=cast.project, external_id=name)


def correct(cast: Any, text: str, name: str = "u1") -> None:
    segment = row(cast, name)
    segments.save_text(user=cast.annotator, segment=segment, text=text, base_revision=segment.revision)


def exported(cast: Any, **mended: str) -> dict[str, bytes]:
    """Export the project; give the sheet with the corrections of some rows mended."""
    text = content(make_version(cast, "csv", choice={"rows": "all"})).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for one in rows:
        one["correct_transcripts"] = mended.get(unescape(one["id"]), one["correct_transcripts"])
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return {"export.csv": out.getvalue().encode()}


def test_an_older_export_takes_nothing_back(begun: Any) -> None:
    sheet = exported(begun, u2="Guten Tag!")
    correct(begun, "Hallo, Welt!")
    done = bring(begun.manager, begun.project, sheet)
    assert row(begun).text == "Hallo, Welt!"
    assert (row(begun, "u2").text, row(begun, "u2").source) == ("Guten Tag!", Source.HUMAN)
    assert (done.counts["updated"], done.counts["unchanged"], faults_of(done)) == (1, 1, {})


def test_a_row_that_was_changed_on_both_sides_is_named(begun: Any) -> None:
    sheet = exported(begun, u1="Hallo, Erde!")
    correct(begun, "Hallo, Welt!")
    done = bring(begun.manager, begun.project, sheet)
    assert row(begun).text == "Hallo, Welt!"
    assert faults_of(done) == {2: ["changed_here"]}
    # Who has looked at both has the way out that the sheet of rejects names.
    (rejected,) = done.rows.all()
    assert "version" in rejected.faults[0][1]
    columns = [column["header"] for column in done.columns]
    cells = dict(zip(columns, rejected.cells, strict=True)) | {"version": ""}
    mended = table(",".join(columns), ",".join(f'"{cells[name]}"' for name in columns))
    assert bring(begun.manager, begun.project, {"mended.csv": mended}).counts["updated"] == 1
    assert row(begun).text == "Hallo, Erde!"


def test_a_fresh_export_may_bring_an_earlier_text_back(begun: Any) -> None:
    correct(begun, "Hallo, Welt!")
    done = bring(begun.manager, begun.project, exported(begun, u1="Hallo Welt"))
    assert (done.counts["updated"], row(begun).text, row(begun).revision) == (1, "Hallo Welt", 4)


def test_the_first_sheet_again_takes_nothing_back(begun: Any) -> None:
    correct(begun, "Hallo, Welt!")
    mended = SHEET.replace(b"Guten Tag", b"Guten Tag!")
    done = bring(begun.manager, begun.project, {"calls.csv": mended})
    assert (row(begun).text, row(begun, "u2").text) == ("Hallo, Welt!", "Guten Tag!")
    assert (done.counts["updated"], done.counts["unchanged"]) == (1, 1)


def test_the_speaker_of_an_accepted_row_stays(begun: Any) -> None:
    judge(begun, row(begun), Verdict.ACCEPT)
    assert row(begun).state == SegmentState.ACCEPTED
    mended = SHEET.replace(b",Ann", b",Anna").replace(b",Bob", b",Rob")
    done = bring(begun.manager, begun.project, {"calls.csv": mended})
    assert (done.state, faults_of(done)) == (ImportState.DONE, {2: ["accepted_here"]})
    assert (row(begun).speaker, row(begun, "u2").speaker) == ("Ann", "Rob")
