"""Rows to judge, verdicts on them, and draws for a second check."""

from __future__ import annotations

from typing import Any

from annotation.models import Recording, Review, SecondCheck, Segment
from annotation.services import reviews, segments
from annotation.states import Verdict
from tests.factories import make_recording, make_segment
from tests.personas import Cast


def undrawn(cast: Cast) -> Recording:
    """Make a recording in a project that draws nothing by itself."""
    cast.project.review_percent = 0
    cast.project.save()
    return make_recording(cast.project, duration_ms=100_000)


def corrected(cast: Cast, recording: Recording, start: int = 0, text: str = "by hand") -> Segment:
    """Make a row that the annotator has corrected, at revision 2."""
    row = make_segment(
        cast.project, recording=recording, start_ms=start * 1000, state="draft", text="machine", revision=1,
        source="draft",
    )  # fmt: skip
    segments.save_text(user=cast.annotator, segment=row, text=text, base_revision=1)
    return row


def judge(cast: Cast, row: Segment, verdict: Verdict = Verdict.ACCEPT, **said: Any) -> tuple[Segment, Review]:
    said = {"base_revision": 2, **said}
    user = said.pop("user", cast.reviewer)
    return reviews.judge(user=user, segment=row, verdict=verdict, **said)


def draw(cast: Cast, *rows: Segment) -> None:
    SecondCheck.objects.bulk_create(
        SecondCheck(project=cast.project, segment=row, annotator=cast.annotator) for row in rows
    )
