"""Split, merge, edges, speakers: nothing a person wrote is lost, everything can be undone."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest

from annotation.errors import AnnotationError, Conflict, Invalid, Leased, Locked, Reshaped, StaleRevision
from annotation.models import AuditEvent, Hypothesis, Recording, Revision, Segment
from annotation.selectors import suggestion_of, with_details
from annotation.services import leases, segments, shapes, undo
from annotation.services.decisions import decision_of
from annotation.services.shapes import Grip
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db

WORDS = "one two three four five six"


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=60_000)


def heard(cast: Cast, recording: Recording, start: int, text: str, **values: Any) -> Segment:
    """Make a segment of a second a word, heard by the draft model."""
    words = text.split()
    values = {
        "state": "draft",
        "source": "draft",
        "revision": 1,
        "risk": 0.3,
        "risk_reasons": ["fast"],
        **values,
    }
    segment = make_segment(
        cast.project,
        recording=recording,
        start_ms=start,
        end_ms=start + 1000 * len(words),
        text=text,
        **values,
    )
    hear(segment, text)
    return segment


def hear(segment: Segment, text: str, kind: str = "draft") -> Hypothesis:
    decoding = make_decoding(make_job(segment.recording), segment, pass_name=kind, state="done")
    placed = [
        [segment.start_ms + 1000 * n, segment.start_ms + 1000 * (n + 1), f" {word}", 0.5]
        for n, word in enumerate(text.split())
    ]
    return Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name=kind, model=f"demo-{kind}", text=text, words=placed
    )


def live(recording: Recording) -> list[tuple[int, int, str, str]]:
    rows = Segment.objects.filter(recording=recording).order_by("start_ms", "id")
    return [(row.start_ms, row.end_ms, row.text, row.state) for row in rows]


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
        Segment.objects.filter(pk=target.pk).update(state="accepted")
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
    Segment.objects.filter(pk=row.pk).update(state=verdict)
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
