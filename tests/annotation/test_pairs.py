"""Double annotation: two read blind, their agreement is counted, and what is being read stays as it is."""

from __future__ import annotations

import uuid
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from annotation.errors import Conflict
from annotation.models import (
    AuditEvent,
    Decision,
    GoldScore,
    Pair,
    Project,
    Reading,
    Recording,
    Revision,
    User,
)
from annotation.services import (
    cuts,
    gold,
    leases,
    pairs,
    queue,
    segments,
    shapes,
    undo,
)
from annotation.services.shapes import Grip
from annotation.states import DecisionKind
from tests.annotation.doubling import doubled, read, row
from tests.annotation.racing import at_once
from tests.factories import make_recording
from tests.personas import Cast, make_cast


@pytest.fixture
def second(cast: Cast) -> User:
    """Return another annotator, in a project whose every row is read twice."""
    return doubled(cast)


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=100_000)


@pytest.mark.django_db
def test_two_who_agree_leave_the_firsts_text(cast: Cast, second: User, recording: Recording) -> None:
    made = row(cast, recording)
    shown = read(cast.annotator, made, "We agree on this, here.")
    assert (shown.text, shown.state) == ("We agree on this, here.", "corrected")
    made.refresh_from_db()
    assert (made.text, made.state, made.revision) == ("the machine heard this", "draft", 1)
    read(second, made, "we agree on that here")
    made.refresh_from_db()
    assert (made.text, made.state, made.revision) == ("We agree on this, here.", "corrected", 2)
    assert made.annotator == cast.annotator
    assert Revision.objects.get(segment=made, number=2).author == cast.annotator
    pair = Pair.objects.get()
    assert (pair.state, pair.choice, pair.profile) == ("agreed", "first", "spoken-1")
    assert (pair.substitutions, pair.first_words, pair.second_words) == (1, 5, 5)
    assert pairs.rate(pair) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("first", "second", "wer"),
    [
        ("a b c d", "a b c d", 0.0),
        ("a b c d", "a x c d", 0.25),
        ("a b", "a b c d", 2 * 2 / 6),
        ("", "a b", 2.0),
        ("", "", 0.0),
        ("A, b!", "a b", 0.0),
    ],
)
def test_the_rate_is_symmetric(first: str, second: str, wer: float) -> None:
    assert pairs.compare(first, second).wer == pytest.approx(wer)
    assert pairs.compare(second, first).wer == pytest.approx(wer)
    assert pairs.compare(first, second).cer == pytest.approx(pairs.compare(second, first).cer)


@pytest.mark.django_db
def test_both_skip_and_only_one_skips(cast: Cast, second: User, recording: Recording) -> None:
    both, one = row(cast, recording), row(cast, recording, 1)
    for made, who in ((both, cast.annotator), (both, second), (one, cast.annotator)):
        segments.decide(user=who, segment=made, kind=DecisionKind.SKIP, base_revision=1, reason="noise")
    read(second, one, "the machine heard this")
    both.refresh_from_db()
    assert (both.state, Pair.objects.get(segment=both).state) == ("skipped", "agreed")
    # The text is still the machine's: nobody wrote one.
    assert (both.text, both.source) == ("the machine heard this", "draft")
    assert Pair.objects.get(segment=one).state == "disputed"


@pytest.mark.django_db
def test_a_reader_may_change_their_mind_until_the_second_is_done(
    cast: Cast, second: User, recording: Recording
) -> None:
    made, operation = row(cast, recording), uuid.uuid4()
    for _ in range(2):
        segments.decide(
            user=cast.annotator, segment=made, kind=DecisionKind.SAVE, text="first try", base_revision=1,
            operation_id=operation,
        )  # fmt: skip
    assert Decision.objects.count() == 1
    read(cast.annotator, made, "second try")
    assert Reading.objects.get().text == "second try"
    with pytest.raises(Conflict):
        undo.undo(user=cast.annotator, segment=made)
    read(second, made, "quite another thing")
    for who in (cast.annotator, second, cast.reviewer):
        with pytest.raises(Conflict) as closed:
            read(who, made, "late")
        assert closed.value.code == "being_settled"


@pytest.mark.django_db
def test_the_queue_gives_a_row_to_two_and_never_twice_to_one(
    cast: Cast, second: User, recording: Recording
) -> None:
    made = row(cast, recording)

    def given(user: User) -> int | None:
        found = queue.next_segment(user=user, project=cast.project)
        return found.segment if found else None

    assert given(cast.annotator) == made.pk
    assert given(second) is None  # leased
    leases.release(user=cast.annotator, segment=made)
    read(cast.annotator, made, "one thing")
    assert given(cast.annotator) is None
    assert given(second) == made.pk
    leases.release(user=second, segment=made)
    read(second, made, "quite another")
    assert given(cast.manager) is None  # in dispute: no annotator's any more
    assert [given(user) for user in (cast.annotator, second)] == [None, None]


@pytest.mark.django_db
def test_the_share_is_drawn_by_the_seed(cast: Cast, recording: Recording) -> None:
    rows = [row(cast, recording, n) for n in range(60)]
    Project.objects.filter(pk=cast.project.pk).update(double_percent=25, sample_seed=7)

    def blind() -> list[bool]:
        return [pairs.is_blind(made) for made in rows]

    first = blind()
    assert 4 <= sum(first) <= 28
    assert blind() == first
    Project.objects.filter(pk=cast.project.pk).update(sample_seed=8)
    assert blind() != first
    Project.objects.filter(pk=cast.project.pk).update(double_percent=0)
    assert not any(blind())


@pytest.mark.django_db
def test_what_is_being_read_keeps_its_shape(cast: Cast, second: User, recording: Recording) -> None:
    made = row(cast, recording)
    shapes.set_speaker(user=cast.annotator, segment=made, speaker="A", grip=Grip(1))
    made.refresh_from_db()
    segments.save_text(user=cast.annotator, segment=made, text="one thing", base_revision=2)
    with pytest.raises(Conflict) as refused:
        shapes.split(user=second, segment=made, at_ms=500, offset=3, grip=Grip(2))
    assert refused.value.code == "being_read"
    with transaction.atomic():
        assert cuts.retire(recording.pk, but=()) == []


@pytest.mark.django_db
def test_gold_that_is_read_twice_examines_both(cast: Cast, second: User, recording: Recording) -> None:
    made = row(cast, recording)
    gold.make_gold(user=cast.reviewer, segment=made, text="one thing")
    read(cast.annotator, made, "one thing")
    read(second, made, "quite another")
    assert {(s.annotator, s.passed) for s in GoldScore.objects.all()} == {
        (cast.annotator, True),
        (second, False),
    }


@pytest.mark.django_db
def test_no_gold_is_made_of_what_somebody_has_read(cast: Cast, second: User, recording: Recording) -> None:
    made = row(cast, recording)
    assert gold.candidate(user=cast.reviewer, project=cast.project, seen=[]) == made
    read(cast.annotator, made, "one thing")
    assert gold.candidate(user=cast.reviewer, project=cast.project, seen=[]) is None
    with pytest.raises(Conflict) as refused:
        gold.make_gold(user=cast.reviewer, segment=made, text="one thing")
    assert refused.value.code == "decided"


@pytest.mark.django_db
def test_the_database_keeps_readings_as_they_are(cast: Cast, second: User, recording: Recording) -> None:
    made = row(cast, recording)
    read(cast.annotator, made, "one thing")
    read(second, made, "quite another")
    for statement in (
        "UPDATE annotation_reading SET text = 'x'",
        "UPDATE annotation_reading SET author_id = author_id + 1",
        "UPDATE annotation_pair SET state = 'reading'",
        "UPDATE annotation_pair SET state = 'settled'",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    told = AuditEvent.objects.filter(table_name="annotation_reading")
    assert [(e.action, e.actor_name != "") for e in told] == [("insert", True)] * 2


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


def test_two_readers_at_the_same_moment_are_two(people: Cast) -> None:
    second = doubled(people)
    recording = make_recording(people.project, duration_ms=100_000)
    for number in range(10):
        made = row(people, recording, number)
        at_once(
            partial(read, people.annotator, made, "one thing said"),
            partial(read, second, made, "one thing said"),
            partial(read, people.manager, made, "one thing said"),
        )
        pair = Pair.objects.get(segment=made)
        assert pair.readings.count() == 2
        made.refresh_from_db()
        assert (pair.state, made.state, made.revision, made.text) == (
            "agreed",
            "corrected",
            2,
            "one thing said",
        )
