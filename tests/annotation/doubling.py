"""Projects in which two people read each row, the rows, and what they read."""

from __future__ import annotations

from annotation.models import (
    Membership,
    Recording,
    Segment,
    User,
)
from annotation.services import (
    segments,
)
from tests.factories import make_segment, make_user
from tests.personas import Cast


def doubled(cast: Cast) -> User:
    cast.project.double_percent = 100
    cast.project.dispute_above = 0.2
    cast.project.review_percent = 0
    cast.project.save()
    made = make_user("second")
    Membership.objects.create(project=cast.project, user=made, role="annotator")
    return made


def row(cast: Cast, recording: Recording, start: int = 0, text: str = "the machine heard this") -> Segment:
    return make_segment(
        cast.project, recording=recording, start_ms=start * 1000, state="draft", text=text, revision=1,
        source="draft", risk=0.5,
    )  # fmt: skip


def read(user: User, segment: Segment, text: str) -> Segment:
    fresh = Segment.objects.select_related("project", "recording").get(pk=segment.pk)
    return segments.save_text(user=user, segment=fresh, text=text, base_revision=1)
