"""Split and merge do not lead round review: drawn rows stay drawn, gold is scored, nothing goes unheard."""

from __future__ import annotations

import pytest

from annotation.errors import Conflict
from annotation.models import GoldScore, Recording, SecondCheck, Segment
from annotation.services import gold, leases, review_queue, reviews, sampling, segments, shapes, undo
from annotation.services.shapes import Grip, Reshaped
from annotation.states import Verdict
from tests.annotation.reviewing import draw, judge, undrawn
from tests.annotation.shaped import WORDS, heard
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return undrawn(cast)


def split(cast: Cast, row: Segment, revision: int = 1, text: str | None = None) -> Reshaped:
    return shapes.split(
        user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(revision), text=text
    )


def given(cast: Cast, *but: int) -> tuple[int, str] | None:
    found = review_queue.next_review(user=cast.reviewer, project=cast.project, exclude=but)
    if found is None:
        return None
    leases.release(user=cast.reviewer, segment=Segment.objects.get(pk=found.segment))
    return found.segment, found.why


def test_parts_that_a_person_wrote_are_drawn_as_any_decision(cast: Cast, recording: Recording) -> None:
    reviews.change_rules(user=cast.manager, project=cast.project, review_percent=100)
    made = split(cast, heard(cast, recording, 0, WORDS), text="One two three, four five six.")
    assert sampling.drawn(cast.project) == [{"username": "annotator", "decided": 2, "drawn": 2}]
    assert given(cast) == (made.segments[0], "sample")


def test_a_drawn_row_stays_drawn_in_its_parts(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    segments.save_text(user=cast.annotator, segment=row, text="One two three, four.", base_revision=1)
    draw(cast, row)
    made = split(cast, row, 2)
    left, right = made.segments
    assert given(cast) == (left, "sample")
    assert given(cast, left) == (right, "sample")
    undo.undo(user=cast.annotator, segment=row)
    assert review_queue.waiting(cast.reviewer, cast.project) == {"waiting": 1, "again": 0}
    assert given(cast) == (row.pk, "sample")


def test_the_parts_of_a_returned_row_come_back_to_review(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    segments.save_text(user=cast.annotator, segment=row, text="One two three, four.", base_revision=1)
    judge(cast, row, Verdict.RETURN, reason="edges")
    left, _ = split(cast, row, 2).segments
    part = Segment.objects.get(pk=left)
    assert part.state == "returned"
    saved = segments.save_text(user=cast.annotator, segment=part, text="One.", base_revision=part.revision)
    assert given(cast) == (left, "again")
    # And what was done to a part can be taken back, as with the row that was returned.
    undo.undo(user=cast.annotator, segment=saved)
    part.refresh_from_db()
    assert part.state == "returned"


def test_what_is_typed_into_gold_and_split_is_scored(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    gold.make_gold(user=cast.reviewer, segment=row, text=WORDS)
    split(cast, row, text="one two three five six")
    score = GoldScore.objects.get()
    assert (score.annotator, score.deletions, score.words) == (cast.annotator, 1, 6)


def test_what_two_read_blind_is_not_written_by_a_split(cast: Cast, recording: Recording) -> None:
    reviews.change_rules(user=cast.manager, project=cast.project, double_percent=100)
    row = heard(cast, recording, 0, WORDS)
    with pytest.raises(Conflict) as refused:
        split(cast, row, text="my very own words here")
    assert refused.value.code == "being_read"
    made = split(cast, row)
    assert {s.state for s in Segment.objects.filter(pk__in=made.segments)} == {"draft"}


@pytest.mark.parametrize("text", [None, "1 2"])
def test_a_merge_with_what_nobody_heard_is_not_decided(
    cast: Cast, recording: Recording, text: str | None
) -> None:
    one, two = heard(cast, recording, 0, "one two"), heard(cast, recording, 2000, "three four")
    if text is None:
        segments.save_text(user=cast.annotator, segment=one, text="1 2", base_revision=1)
    one.refresh_from_db()
    made = shapes.merge(
        user=cast.annotator, segment=one, following=two.pk, following_revision=1, grip=Grip(one.revision),
        text=text,
    )  # fmt: skip
    row = Segment.objects.get(pk=made.segments[0])
    assert (row.text, row.state, row.annotator) == ("1 2 three four", "draft", None)
    # It is a person's all the same: no model writes over it.
    assert row.source == "human"


def test_what_is_merged_is_looked_at_if_one_was_to_be(cast: Cast, recording: Recording) -> None:
    one, two = heard(cast, recording, 0, "one two"), heard(cast, recording, 2000, "three four")
    for row in (one, two):
        segments.save_text(user=cast.annotator, segment=row, text=f"{row.text}!", base_revision=1)
    draw(cast, two)
    made = shapes.merge(
        user=cast.annotator, segment=one, following=two.pk, following_revision=2, grip=Grip(2)
    )
    assert given(cast) == (made.segments[0], "sample")
    assert SecondCheck.objects.filter(segment=made.segments[0], done_at=None).exists()
