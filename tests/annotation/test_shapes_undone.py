"""Changes of shape taken back: what comes back, and when it does not."""

from __future__ import annotations

import random
from typing import Any

import pytest

from annotation.errors import Conflict, Invalid, Reshaped
from annotation.models import AuditEvent, Recording, Revision, Segment
from annotation.selectors import suggestion_of, with_details
from annotation.services import segments, shapes, undo
from annotation.services.shapes import Grip
from tests.annotation.shaped import WORDS, hear, heard, live
from tests.factories import make_recording, move
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=60_000)


def test_a_split_is_undone_from_either_part(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    before = live(recording)
    made = shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(1))
    done = undo.undo(user=cast.annotator, segment=Segment.objects.get(pk=made.segments[1]))
    assert (done.segments, set(done.retired)) == ((row.pk,), set(made.segments))
    assert live(recording) == before
    row.refresh_from_db()
    assert row.revision == 2
    assert row.hypotheses.count() == 1


def test_a_merge_is_undone_unless_somebody_worked_on_it(cast: Cast, recording: Recording) -> None:
    one, two = heard(cast, recording, 0, "one two"), heard(cast, recording, 2000, "three four")
    before = live(recording)
    made = shapes.merge(
        user=cast.annotator, segment=one, following=two.pk, following_revision=1, grip=Grip(1)
    )
    joined = Segment.objects.get(pk=made.segments[0])
    saved = segments.save_text(
        user=cast.reviewer, segment=joined, text="theirs", base_revision=joined.revision
    )
    with pytest.raises(Conflict) as refused:
        undo.undo(user=cast.annotator, segment=one)
    assert refused.value.code == "changed"
    undo.undo(user=cast.reviewer, segment=saved)
    with pytest.raises(Conflict):  # their undo left a revision of theirs
        undo.undo(user=cast.annotator, segment=one)
    assert live(recording) != before


def test_shapes_can_be_taken_back_one_after_the_other(cast: Cast, recording: Recording) -> None:
    """Do forty random acts, undo the last twenty; what was there after the twentieth is there again."""
    rng = random.Random(11)
    for n in range(4):
        heard(cast, recording, n * 6000, WORDS)
    shown: list[list[tuple[int, int, str, str]]] = []
    done = 0
    while done < 40:
        rows = list(Segment.objects.filter(recording=recording).order_by("start_ms"))
        number = rng.randrange(len(rows))
        row = rows[number]
        grip = Grip(row.revision)
        try:
            match rng.choice(["split", "merge", "speaker", "save", "edges"]):
                case "split":
                    at = rng.randint(row.start_ms, row.end_ms)
                    shapes.split(
                        user=cast.annotator,
                        segment=row,
                        at_ms=at,
                        offset=rng.randint(0, len(row.text)),
                        grip=grip,
                    )
                case "merge":
                    after = rows[(number + 1) % len(rows)]
                    shapes.merge(
                        user=cast.annotator,
                        segment=row,
                        following=after.pk,
                        following_revision=after.revision,
                        grip=grip,
                    )
                case "speaker":
                    shapes.set_speaker(user=cast.annotator, segment=row, speaker=rng.choice("AB"), grip=grip)
                case "edges":
                    shapes.move_edges(
                        user=cast.annotator,
                        segment=row,
                        start_ms=row.start_ms + rng.randint(0, 50),
                        end_ms=row.end_ms - rng.randint(0, 50),
                        grip=grip,
                    )
                case _:
                    segments.save_text(
                        user=cast.annotator, segment=row, text=f"by hand {done}", base_revision=row.revision
                    )
        except (Invalid, Conflict):
            continue
        done += 1
        shown.append(live(recording))
    for step in range(20):
        (last,) = undo.recent(cast.annotator)[:1]
        undo.undo(user=cast.annotator, segment=last.segment, decision_id=last.pk)
        assert live(recording) == shown[-2 - step], step
    for text in [row[2] for rows_shown in shown for row in rows_shown if row[2].startswith("by hand")]:
        assert Revision.objects.filter(text=text).exists() or any(
            text in kept for kept in Revision.objects.values_list("text", flat=True)
        )


def test_a_suggestion_stays_a_suggestion(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    segments.save_text(user=cast.reviewer, segment=row, text="One two three four five six!", base_revision=1)
    hear(row, "won too three for five six", "refine")
    made = shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(2))
    left: Any = with_details(Segment.objects.filter(pk=made.segments[0])).get()
    found = suggestion_of(left)
    assert found is not None
    assert found.text == "won too three"


def test_every_change_of_shape_is_in_the_audit(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    known = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(1))
    events = AuditEvent.objects.filter(id__gt=known).values_list("table_name", "action")
    assert sorted(events) == [
        ("annotation_revision", "insert"),
        ("annotation_revision", "insert"),
        ("annotation_segment", "insert"),
        ("annotation_segment", "insert"),
        ("annotation_segment", "update"),
    ]


def test_who_was_in_a_part_of_an_undone_split_is_told_where_to_go(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    heard(cast, recording, 6000, WORDS)
    made = shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(1))
    part = Segment.objects.get(pk=made.segments[0])
    undo.undo(user=cast.annotator, segment=part)
    with pytest.raises(Reshaped) as refused:
        segments.save_text(user=cast.reviewer, segment=part, text="typed meanwhile", base_revision=1)
    assert refused.value.detail["into"] == [str(row.pk)]
    assert refused.value.detail["mine"] == "typed meanwhile"


@pytest.mark.parametrize("verdict", ["accepted", "returned"])
def test_a_verdict_stands_against_an_undo(cast: Cast, recording: Recording, verdict: str) -> None:
    row = heard(cast, recording, 0, WORDS)
    segments.save_text(user=cast.annotator, segment=row, text="by hand", base_revision=1)
    move(row, verdict, by=cast.reviewer)
    with pytest.raises(Conflict) as refused:
        undo.undo(user=cast.annotator, segment=row)
    assert refused.value.code == "changed"
    assert verdict in refused.value.message
    assert live(recording) == [(0, 6000, "by hand", verdict)]


def test_a_lock_of_what_was_reshaped_is_told_where_to_go(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(1))
    with pytest.raises(Reshaped):
        segments.lock(user=cast.reviewer, segment=row)
