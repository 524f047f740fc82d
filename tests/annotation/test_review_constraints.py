"""What the database refuses of verdicts, whoever asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from annotation.models import Membership, Recording, Review, Segment, User
from annotation.services import reviews
from annotation.states import Role
from tests.annotation.reviewing import corrected, judge, undrawn
from tests.personas import Cast


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return undrawn(cast)


def verdict(cast: Cast, row: Segment, by: User, said: str = "accept", revision: int = 2) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO annotation_review (project_id, segment_id, reviewer_id, revision, result, verdict,"
            " reason_code, comment, audio_ms) VALUES (%s, %s, %s, %s, %s, %s, %s, '', 0)",
            [cast.project.pk, row.pk, by.pk, revision, revision, said, "words" if said == "return" else ""],
        )


def state(row: Segment, said: str, more: str = "") -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE annotation_segment SET state = %s{more} WHERE id = %s", [said, row.pk])  # noqa: S608


def judged_then(row: Segment, said: str, more: str, *verdict_of: Any, **how: Any) -> None:
    verdict(*verdict_of, **how)
    state(row, said, more)


def born(row: Segment, said: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO annotation_segment (project_id, recording_id, state, start_ms, end_ms)"
            " VALUES (%s, %s, %s, 90000, 91000)",
            [row.project_id, row.recording_id, said],
        )


def without_reason(cast: Cast, row: Segment) -> None:
    Review.objects.create(
        project=cast.project, segment=row, reviewer=cast.reviewer, revision=2, result=2, verdict="return"
    )


ATTEMPTS: dict[str, tuple[str, Callable[[Cast, Segment], None]]] = {
    "accept without a verdict": ("by a review only", lambda cast, row: state(row, "accepted")),
    "return without a verdict": ("by a review only", lambda cast, row: state(row, "returned")),
    "a row that is born accepted": ("by a review only", lambda cast, row: born(row, "accepted")),
    "an annotator's verdict": ("only a reviewer", lambda cast, row: verdict(cast, row, cast.annotator)),
    "an outsider's verdict": ("only a reviewer", lambda cast, row: verdict(cast, row, cast.outsider)),
    "a verdict on another revision": (
        "by a review only",
        lambda cast, row: judged_then(row, "accepted", "", cast, row, cast.reviewer, revision=1),
    ),
    "a verdict that says return": (
        "by a review only",
        lambda cast, row: judged_then(row, "accepted", "", cast, row, cast.reviewer, "return"),
    ),
    "another text with it": (
        "by a review only",
        lambda cast, row: judged_then(
            row, "accepted", ", text = 'x', revision = 3", cast, row, cast.reviewer
        ),
    ),
    "a return without a reason": ("review_return_has_a_reason", without_reason),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_database_refuses_what_no_service_does(cast: Cast, recording: Recording, name: str) -> None:
    row = corrected(cast, recording)
    words, attempt = ATTEMPTS[name]
    with pytest.raises(IntegrityError, match=words), transaction.atomic():
        attempt(cast, row)
    row.refresh_from_db()
    assert row.state == "corrected"
    assert Segment.everything.filter(recording=recording).count() == 1


@pytest.mark.django_db
def test_the_database_refuses_judging_ones_own_work(cast: Cast, recording: Recording) -> None:
    row = corrected(cast, recording)
    Membership.objects.filter(user=cast.annotator).update(role=Role.REVIEWER)
    with pytest.raises(IntegrityError, match="own work"), transaction.atomic():
        verdict(cast, row, cast.annotator)
    reviews.change_rules(user=cast.manager, project=cast.project, review_own=True)
    verdict(cast, row, cast.annotator)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", ["text = 'x'", "revision = 9", "end_ms = 5000", "speaker = 'B'", "retired_at = now()",
               "state = 'returned', text = 'x'"],
)  # fmt: skip
def test_the_database_keeps_what_is_accepted(cast: Cast, recording: Recording, change: str) -> None:
    row = corrected(cast, recording)
    judge(cast, row)
    verdict(cast, row, cast.manager, "return")
    with (
        pytest.raises(IntegrityError, match="is accepted"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE annotation_segment SET {change} WHERE id = %s", [row.pk])  # noqa: S608


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE annotation_review SET verdict = 'accept'",
        "DELETE FROM annotation_review",
        "UPDATE annotation_goldscore SET passed = true",
        "DELETE FROM annotation_guideline",
    ],
)
def test_verdicts_scores_and_guidelines_are_written_once(cast: Cast, statement: str) -> None:
    from django.db import ProgrammingError

    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(statement)
