"""Split, merge, edges, speakers: nothing a person wrote is lost, everything can be undone."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from annotation.errors import AnnotationError, Conflict, Invalid, Leased, Locked, Reshaped, StaleRevision
from annotation.models import Recording, Revision, Segment
from annotation.services import leases, segments, shapes, undo
from annotation.services.decisions import decision_of
from annotation.services.shapes import Grip
from tests.annotation.shaped import WORDS, heard, live
from tests.factories import make_decoding, make_job, make_recording, make_segment, move
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=60_000)


def test_a_split_deals_text_words_and_hypotheses(cast: Cast, recording: Recording) -> None:
    segment = heard(cast, recording, 2000, WORDS)
    made = shapes.split(
        user=cast.annotator, segment=segment, at_ms=5000, offset=len("one two three "), grip=Grip(1)
    )
    assert live(recording) == [(2000, 5000, "one two three", "draft"), (5000, 8000, "four five six", "draft")]
    assert made.retired == (segment.pk,)
    left, right = (Segment.objects.get(pk=pk) for pk in made.segments)
    assert [h.text for h in (left.hypotheses.get(), right.hypotheses.get())] == [
        "one two three",
        "four five six",
    ]
    assert right.hypotheses.get().words[0] == [5000, 6000, " four", 0.5]
    assert (left.risk, left.risk_reasons, left.source) == (0.3, ["fast"], "draft")
    assert [p.pk for p in Segment.everything.filter(children=left)] == [segment.pk]
    assert Segment.everything.get(pk=segment.pk).text == WORDS
    assert Revision.objects.filter(segment=segment).count() == 1


def test_a_split_of_a_persons_text_keeps_the_machines_beneath(cast: Cast, recording: Recording) -> None:
    segment = heard(cast, recording, 0, WORDS)
    saved = segments.save_text(
        user=cast.reviewer, segment=segment, text="One two three. Four!", base_revision=1
    )
    made = shapes.split(user=cast.annotator, segment=saved, at_ms=3000, offset=14, grip=Grip(2))
    assert [row[2:] for row in live(recording)] == [("One two three.", "corrected"), ("Four!", "corrected")]
    right = Segment.objects.get(pk=made.segments[1])
    history = right.revisions.order_by("number").values_list("source", "text")
    assert list(history) == [("draft", "four five six"), ("human", "Four!")]
    assert right.annotator == cast.reviewer


def test_what_stands_in_the_box_is_split_and_kept(cast: Cast, recording: Recording) -> None:
    segment = heard(cast, recording, 0, WORDS)
    text = "🎉 one  two | three"
    made = shapes.split(
        user=cast.annotator,
        segment=segment,
        at_ms=3000,
        offset=len("🎉 one  two ") + 1,
        grip=Grip(1),
        text=text,
    )
    rows = Segment.objects.filter(pk__in=made.segments).order_by("start_ms")
    # The party popper is two units to a browser; the offset counts as the browser does.
    assert [(row.text, row.state, row.source) for row in rows] == [
        ("🎉 one  two", "corrected", "human"),
        ("| three", "corrected", "human"),
    ]


@pytest.mark.parametrize(("at_ms", "offset"), [(100, 3), (5900, 3), (9000, 3), (3000, 28), (3000, -1)])
def test_a_cut_outside_is_refused(cast: Cast, recording: Recording, at_ms: int, offset: int) -> None:
    segment = heard(cast, recording, 0, WORDS)
    with pytest.raises(Invalid):
        shapes.split(user=cast.annotator, segment=segment, at_ms=at_ms, offset=offset, grip=Grip(1))
    assert live(recording) == [(0, 6000, WORDS, "draft")]


def test_a_cut_within_a_character_is_refused() -> None:
    assert shapes.cut_text("a🎉b", 3) == ("a🎉", "b")
    with pytest.raises(Invalid):
        shapes.cut_text("a🎉b", 2)


def test_a_merge_joins_text_words_and_hypotheses(cast: Cast, recording: Recording) -> None:
    one, two = heard(cast, recording, 0, "one two"), heard(cast, recording, 2500, "three four", speaker="B")
    made = shapes.merge(
        user=cast.annotator, segment=one, following=two.pk, following_revision=1, grip=Grip(1)
    )
    assert live(recording) == [(0, 4500, "one two three four", "draft")]
    row = Segment.objects.get(pk=made.segments[0])
    assert row.speaker == "B"
    hypothesis = row.hypotheses.get()
    assert (hypothesis.text, len(hypothesis.words)) == ("one two three four", 4)
    assert set(made.retired) == {one.pk, two.pk}


def test_a_merge_with_a_persons_text_is_a_persons(cast: Cast, recording: Recording) -> None:
    one, two = heard(cast, recording, 0, "one two"), heard(cast, recording, 2000, "three four")
    segments.save_text(user=cast.reviewer, segment=two, text="3 4", base_revision=1)
    made = shapes.merge(
        user=cast.annotator, segment=one, following=two.pk, following_revision=2, grip=Grip(1), text="1 2"
    )
    row = Segment.objects.get(pk=made.segments[0])
    assert (row.text, row.state, row.source, row.annotator) == (
        "1 2 3 4",
        "corrected",
        "human",
        cast.annotator,
    )


def test_languages_without_spaces_are_joined_without(cast: Cast, recording: Recording) -> None:
    one, two = (heard(cast, recording, n * 1000, "你好", language="zh") for n in (0, 1))
    shapes.merge(user=cast.annotator, segment=one, following=two.pk, following_revision=1, grip=Grip(1))
    assert live(recording)[0][2] == "你好你好"


def test_only_neighbours_of_one_channel_can_be_merged(cast: Cast, recording: Recording) -> None:
    one = heard(cast, recording, 0, "one two")
    between = heard(cast, recording, 2000, "three")
    far = heard(cast, recording, 3000, "four")
    other = heard(cast, recording, 2000, "left", channel=1)
    elsewhere = heard(cast, make_recording(cast.project), 2000, "else")
    for wrong in (far, other):
        with pytest.raises(Conflict, match="neighbours"):
            shapes.merge(
                user=cast.annotator, segment=one, following=wrong.pk, following_revision=1, grip=Grip(1)
            )
    for wrong_id in (elsewhere.pk, one.pk, 10**9):
        with pytest.raises(Invalid):
            shapes.merge(
                user=cast.annotator, segment=one, following=wrong_id, following_revision=1, grip=Grip(1)
            )
    assert Segment.objects.get(pk=between.pk).retired_at is None


def test_edges_stay_within_the_neighbours(cast: Cast, recording: Recording) -> None:
    heard(cast, recording, 0, "one two")
    row = heard(cast, recording, 3000, "three four")
    heard(cast, recording, 6000, "five")
    for start, end in ((1999, 5000), (3000, 6001), (3000, 3100), (5000, 3000)):
        with pytest.raises(Invalid):
            shapes.move_edges(user=cast.annotator, segment=row, start_ms=start, end_ms=end, grip=Grip(1))
    shapes.move_edges(user=cast.annotator, segment=row, start_ms=2000, end_ms=6000, grip=Grip(1))
    fresh = Segment.objects.get(pk=row.pk)
    assert (fresh.start_ms, fresh.end_ms, fresh.revision, fresh.state) == (2000, 6000, 2, "draft")
    assert undo.undo(user=cast.annotator, segment=fresh).segments == (row.pk,)
    fresh.refresh_from_db()
    assert (fresh.start_ms, fresh.end_ms, fresh.revision) == (3000, 5000, 3)


def test_a_speaker_is_set_and_undone(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, "one two", speaker="A")
    shapes.set_speaker(user=cast.annotator, segment=row, speaker=" B ", grip=Grip(1))
    assert Segment.objects.get(pk=row.pk).speaker == "B"
    undo.undo(user=cast.annotator, segment=row)
    assert Segment.objects.get(pk=row.pk).speaker == "A"
    for bad in ("x" * 101, "a\nb", 7, "\x00"):
        with pytest.raises(Invalid):
            shapes.set_speaker(user=cast.annotator, segment=row, speaker=bad, grip=Grip(3))


def acts(cast: Cast, one: Segment, two: Segment, **grip: Any) -> list[Any]:
    user, held = cast.annotator, Grip(**{"base_revision": 1, **grip})
    return [
        lambda: shapes.split(user=user, segment=one, at_ms=1000, offset=3, grip=held),
        lambda: shapes.merge(user=user, segment=one, following=two.pk, following_revision=1, grip=held),
        lambda: shapes.move_edges(user=user, segment=one, start_ms=100, end_ms=1900, grip=held),
        lambda: shapes.set_speaker(user=user, segment=one, speaker="B", grip=held),
    ]


@pytest.mark.parametrize("case", ["locked", "leased", "stale", "accepted", "other tab"])
@pytest.mark.parametrize("number", range(4), ids=["split", "merge", "edges", "speaker"])
def test_what_is_anothers_keeps_its_shape(cast: Cast, recording: Recording, case: str, number: int) -> None:
    one, two = heard(cast, recording, 0, "one two"), heard(cast, recording, 2000, "three four")
    target = two if number == 1 else one  # of a merge, the second row counts as well
    expected: type[AnnotationError] = {
        "locked": Locked,
        "leased": Leased,
        "stale": StaleRevision,
        "accepted": Conflict,
        "other tab": Leased,
    }[case]
    grip: dict[str, Any] = {}
    if case == "locked":
        segments.lock(user=cast.reviewer, segment=target)
    elif case == "leased":
        leases.acquire(user=cast.reviewer, segment=target)
    elif case == "stale":
        segments.save_text(user=cast.reviewer, segment=target, text="x", base_revision=1)
    elif case == "accepted":
        Segment.objects.filter(pk=target.pk).update(state="corrected")
        move(target, "accepted", by=cast.reviewer)
    else:
        target = one
        first = leases.acquire(user=cast.annotator, segment=one, client="a")
        leases.acquire(user=cast.annotator, segment=one, client="b", take=True)
        grip = {"lease": first.token, "client": "a"}
    before = live(recording)
    with pytest.raises(expected):
        acts(cast, one, two, **grip)[number]()
    assert live(recording) == before


def test_what_a_model_still_works_on_keeps_its_shape(cast: Cast, recording: Recording) -> None:
    row = make_segment(cast.project, recording=recording, end_ms=4000)
    decoding = make_decoding(make_job(recording), row)
    with pytest.raises(Conflict) as refused:
        shapes.split(user=cast.annotator, segment=row, at_ms=2000, offset=0, grip=Grip(0))
    assert refused.value.code == "not_heard_yet"
    type(decoding).objects.filter(pk=decoding.pk).update(state="running")
    type(decoding).objects.filter(pk=decoding.pk).update(state="failed")
    shapes.split(user=cast.annotator, segment=row, at_ms=2000, offset=0, grip=Grip(0))
    assert live(recording) == [(0, 2000, "", "pending"), (2000, 4000, "", "pending")]


def test_a_save_on_what_was_split_is_told_where_to_go(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    made = shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(1))
    again = Segment.objects.get(pk=made.segments[0])
    deeper = shapes.split(user=cast.annotator, segment=again, at_ms=1000, offset=4, grip=Grip(1))
    with pytest.raises(Reshaped) as refused:
        segments.save_text(user=cast.reviewer, segment=row, text="mine", base_revision=1)
    assert refused.value.detail["mine"] == "mine"
    assert refused.value.detail["into"] == [str(pk) for pk in (*deeper.segments, made.segments[1])]
    with pytest.raises(Reshaped):
        leases.acquire(user=cast.reviewer, segment=row)


def test_the_lease_goes_over_to_the_parts(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    held = leases.acquire(user=cast.annotator, segment=row, client="tab")
    made = shapes.split(
        user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=Grip(1, lease=held.token, client="tab")
    )
    assert [pk for pk, _ in made.leases] == list(made.segments)
    for pk in made.segments:
        with pytest.raises(Leased):
            leases.acquire(user=cast.reviewer, segment=Segment.objects.get(pk=pk))


def test_the_same_act_sent_twice_is_done_once(cast: Cast, recording: Recording) -> None:
    row = heard(cast, recording, 0, WORDS)
    grip = Grip(1, operation_id=uuid.uuid4())
    first, again = (
        shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=grip) for _ in range(2)
    )
    assert (first.decision, first.segments, first.retired) == (again.decision, again.segments, again.retired)
    with pytest.raises(Conflict):
        shapes.set_speaker(user=cast.annotator, segment=row, speaker="B", grip=grip)


@pytest.mark.parametrize("kind", ["split", "speaker", "undo"])
def test_the_same_act_sent_twice_at_once_is_done_once(
    cast: Cast, recording: Recording, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The second looks before the first has committed, and waits for its locks."""
    row = heard(cast, recording, 0, WORDS)
    operation, grip = uuid.uuid4(), Grip(1, operation_id=uuid.uuid4())
    if kind == "undo":
        segments.save_text(user=cast.annotator, segment=row, text="by hand", base_revision=1)

    def act() -> Any:
        if kind == "split":
            return shapes.split(user=cast.annotator, segment=row, at_ms=3000, offset=14, grip=grip).segments
        if kind == "speaker":
            return shapes.set_speaker(user=cast.annotator, segment=row, speaker="B", grip=grip).segments
        return undo.undo(user=cast.annotator, segment=row, operation_id=operation).segments

    first = act()
    module = undo if kind == "undo" else shapes
    chosen = undo._chosen(cast.annotator, row, None) if kind != "undo" else row.decisions.get(kind="save")
    found, looks = decision_of, iter([True])
    monkeypatch.setattr(module, "decision_of", lambda *a: None if next(looks, False) else found(*a))
    monkeypatch.setattr(undo, "_chosen", lambda *a: chosen)
    assert act() == first
