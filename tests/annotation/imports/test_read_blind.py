"""What somebody has read blind, and what a machine cut: no sheet takes it away and leaves nothing there."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Membership, Pair, Recording, Segment, User
from annotation.services import segments
from tests.annotation.imports.dropping import bring, faults_of, sound, table
from tests.factories import make_segment, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

HEADER = "id,file,start_ms,end_ms,transcript,correct_transcripts"


@pytest.fixture
def recording(cast: Any) -> Recording:
    """Return a recording of a project where all is read twice, with one segment far from the others."""
    cast.project.double_percent, cast.project.dispute_above, cast.project.review_percent = 100, 0.1, 0
    cast.project.save()
    bring(
        cast.manager,
        cast.project,
        {"t.csv": table(HEADER, "u1,a.wav,50000,51000,guten tak,"), "a.wav": sound(60)},
    )
    return Recording.objects.get()


def heard(recording: Recording, start_ms: int, end_ms: int, **more: Any) -> Segment:
    """Return a segment that a machine cut and heard."""
    values = {"text": "a machine", "state": "draft", "source": "draft", "revision": 1, **more}
    return make_segment(recording.project, recording=recording, start_ms=start_ms, end_ms=end_ms, **values)


def read(user: User, segment: Segment, text: str) -> None:
    fresh = Segment.objects.select_related("project", "recording").get(pk=segment.pk)
    segments.save_text(user=user, segment=fresh, text=text, base_revision=fresh.revision)


def live() -> list[tuple[int, int]]:
    return list(Segment.objects.order_by("start_ms").values_list("start_ms", "end_ms"))


def test_a_refused_row_retires_nothing(cast: Any, recording: Recording) -> None:
    heard(recording, 0, 2000, state="corrected", source="human", annotator=cast.annotator)
    heard(recording, 2000, 5000)
    heard(recording, 5000, 10_000)
    before = live()
    over = table(HEADER, ",a.wav,0,10000,all of it,")
    assert faults_of(bring(cast.manager, cast.project, {"t.csv": over})) == {2: ["overlaps_existing"]}
    assert live() == before
    beside = table(HEADER, ",a.wav,0,3000,over,", ",a.wav,5000,9000,beside,")
    assert faults_of(bring(cast.manager, cast.project, {"t.csv": beside})) == {2: ["overlaps_existing"]}
    assert live() == [(0, 2000), (2000, 5000), (5000, 9000), (50_000, 51_000)]


def test_a_segment_that_somebody_has_read_is_not_retired(cast: Any, recording: Recording) -> None:
    made = heard(recording, 2000, 5000)
    read(cast.annotator, made, "what I heard")
    done = bring(cast.manager, cast.project, {"t.csv": table(HEADER, ",a.wav,2500,6000,over,")})
    assert faults_of(done) == {2: ["overlaps_existing"]}
    assert live() == [(2000, 5000), (50_000, 51_000)]


@pytest.mark.parametrize("texts", ["guten tak,Guten Tag", "guten Tack,"])
def test_a_text_does_not_overwrite_what_two_people_read(cast: Any, recording: Recording, texts: str) -> None:
    second = make_user("second")
    Membership.objects.create(project=cast.project, user=second, role="annotator")
    made = Segment.objects.get(external_id="u1")
    read(cast.annotator, made, "Guten Morgen")
    sheet = {"t.csv": table(HEADER, f"u1,a.wav,50000,51000,{texts}")}
    done = bring(cast.manager, cast.project, sheet)
    assert faults_of(done) == {2: ["read_twice_here"]}
    assert "Drop the row again once both have read it" in done.rows.get().faults[0][1]
    made.refresh_from_db()
    assert (made.text, made.state, Pair.objects.get().state) == ("guten tak", "draft", "reading")
    read(second, made, "Guten Morgen")
    assert Pair.objects.get().state == "agreed"
    assert faults_of(bring(cast.manager, cast.project, sheet)) == {}
