"""Readings that differ, or that nobody follows: who settles them, when, and what is written down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.errors import Conflict, Denied, Invalid
from annotation.models import (
    Correction,
    Decision,
    Membership,
    Pair,
    Recording,
    Segment,
    User,
)
from annotation.services import (
    corrections,
    disputes,
    pairs,
    reviews,
    segments,
    trash,
    undo,
)
from annotation.states import Choice
from tests.annotation.api.calling import Caller
from tests.annotation.api.workbench import hear
from tests.annotation.doubling import doubled, read, row
from tests.factories import make_recording
from tests.personas import Cast


@pytest.fixture
def second(cast: Cast) -> User:
    """Return another annotator, in a project whose every row is read twice."""
    return doubled(cast)


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=100_000)


@pytest.mark.django_db
def test_a_dispute_is_settled_by_a_third(cast: Cast, second: User, recording: Recording) -> None:
    rows = [row(cast, recording, n) for n in range(3)]
    for made in rows:
        read(cast.annotator, made, "one thing")
        read(second, made, "quite another")
    assert disputes.waiting(cast.reviewer, cast.project) == 3
    found = [Pair.objects.get(segment=made) for made in rows]
    assert {pair.state for pair in found} == {"disputed"}
    with pytest.raises(Denied):
        disputes.settle(user=cast.annotator, pair=found[0], choice=Choice.FIRST)
    with pytest.raises(Invalid):
        disputes.settle(user=cast.reviewer, pair=found[0], choice=Choice.THIRD)
    disputes.settle(user=cast.reviewer, pair=found[0], choice=Choice.FIRST)
    disputes.settle(user=cast.reviewer, pair=found[1], choice=Choice.SECOND)
    disputes.settle(user=cast.reviewer, pair=found[2], choice=Choice.THIRD, text="something else")
    texts = Segment.objects.filter(pk__in=[made.pk for made in rows]).order_by("start_ms")
    assert [(s.text, s.state, s.annotator) for s in texts] == [
        ("one thing", "corrected", cast.annotator),
        ("quite another", "corrected", second),
        ("something else", "corrected", cast.reviewer),
    ]
    with pytest.raises(Conflict) as again:
        disputes.settle(user=cast.manager, pair=found[0], choice=Choice.SECOND)
    assert again.value.code == "settled"
    told = pairs.agreement(cast.project)
    assert (told["compared"], told["settled"], told["edits"], told["words"]) == (3, 3, 6, 12)
    assert told["wer"] == 1.0


@pytest.mark.django_db
def test_who_read_it_does_not_settle_it(cast: Cast, second: User, recording: Recording) -> None:
    made = row(cast, recording)
    read(cast.reviewer, made, "one thing")
    read(second, made, "quite another")
    pair = Pair.objects.get()
    assert disputes.waiting(cast.reviewer, cast.project) == 0
    assert disputes.next_dispute(user=cast.reviewer, project=cast.project) is None
    with pytest.raises(Denied) as own:
        disputes.settle(user=cast.reviewer, pair=pair, choice=Choice.FIRST)
    assert own.value.code == "own_work"
    given = disputes.next_dispute(user=cast.manager, project=cast.project, client="a")
    assert given is not None
    again = disputes.next_dispute(user=cast.manager, project=cast.project, client="a")
    assert again is not None
    assert (again[0].pk, again[1].token) == (pair.pk, given[1].token)
    reviews.change_rules(user=cast.manager, project=cast.project, review_own=True)
    with pytest.raises(Exception, match="is editing"):
        disputes.settle(user=cast.reviewer, pair=pair, choice=Choice.FIRST)


@pytest.mark.django_db
def test_where_nobody_else_is_there_the_one_reading_is_taken(
    cast: Cast, second: User, recording: Recording
) -> None:
    made = row(cast, recording)
    read(cast.annotator, made, "alone")
    pair = Pair.objects.get()
    with pytest.raises(Conflict, match="second reader may still come") as early:
        disputes.settle(user=cast.reviewer, pair=pair, choice=Choice.FIRST)
    assert early.value.code == "second_to_come"
    Membership.objects.filter(user=second).update(paused_at=timezone.now())
    disputes.settle(user=cast.reviewer, pair=pair, choice=Choice.FIRST)
    made.refresh_from_db()
    assert (made.text, made.annotator) == ("alone", cast.annotator)


@pytest.mark.django_db
def test_a_pair_whose_segment_waits_for_no_text_is_not_settled(
    cast: Cast, second: User, recording: Recording
) -> None:
    made = row(cast, recording)
    read(cast.annotator, made, "one thing")
    read(second, made, "quite another")
    pair = Pair.objects.get()
    trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk])
    with pytest.raises(Conflict) as thrown:
        disputes.settle(user=cast.reviewer, pair=pair, choice=Choice.FIRST)
    assert thrown.value.code == "in_trash"
    Recording.objects.update(trashed_at=None, trashed_by=None)
    Segment.objects.filter(pk=made.pk).update(state="corrected")
    with pytest.raises(Conflict) as written:
        disputes.settle(user=cast.reviewer, pair=pair, choice=Choice.FIRST)
    assert written.value.code == "decided"
    made.refresh_from_db()
    assert (made.text, Pair.objects.get().state) == ("the machine heard this", "disputed")


@pytest.mark.django_db
def test_a_pair_without_a_second_reader_comes_to_a_reviewer(
    cast: Cast, second: User, recording: Recording
) -> None:
    made, other = row(cast, recording), row(cast, recording, 1)
    read(cast.annotator, made, "alone")
    desk = Caller(cast.reviewer)
    address = f"/api/projects/{cast.project.pk}/pairs/next/"
    assert desk.post(address, {"client": "tab"}).json["pair"] is None  # the second one may still come
    Membership.objects.filter(user=second).update(paused_at=timezone.now())
    for user in (cast.annotator, second):
        read(user, other, f"{user.username} says so")
    # Disputes first; both are counted, and the one text is shown to whoever holds it.
    told = desk.post(address, {"client": "tab"}).json
    assert (told["disputes"], told["segment"]["id"]) == (2, str(other.pk))
    told = desk.post(address, {"client": "tab", "exclude": [told["pair"]["id"]]}).json
    assert [one["text"] for one in told["pair"]["readings"]] == ["alone"]
    assert "alone" not in desk.get(f"/api/projects/{cast.project.pk}/pairs/").body.decode()
    Membership.objects.filter(user=second).update(paused_at=None)
    assert disputes.waiting(cast.reviewer, cast.project) == 1
    Pair.objects.filter(segment=made).update(opened_at=timezone.now() - timedelta(days=4))
    assert disputes.waiting(cast.reviewer, cast.project) == 2
    assert desk.post(f"/api/pairs/{told['pair']['id']}/settle/", {"choice": "first"}).status == 200
    made.refresh_from_db()
    assert (made.text, made.annotator) == ("alone", cast.annotator)


@pytest.mark.django_db
def test_settling_is_a_decision_with_its_evidence(cast: Cast, second: User, recording: Recording) -> None:
    made = row(cast, recording)
    hear(made, "the machine heard this")
    read(cast.annotator, made, "one thing")
    read(second, made, "quite another")
    answer = Caller(cast.reviewer).post(
        f"/api/pairs/{Pair.objects.get().pk}/settle/",
        {"choice": "third", "text": "a third thing", "heard_share": 0.75, "active_ms": 4000},
    )
    assert answer.status == 200
    told = Decision.objects.get(author=cast.reviewer)
    assert (told.kind, told.heard_share, told.active_ms, told.after) == (
        "save",
        0.75,
        4000,
        {str(made.pk): 2},
    )
    edits = (told.substitutions or 0) + (told.deletions or 0) + (told.insertions or 0)
    assert (told.reference_length, edits) == (3, 4)
    assert corrections.details(list(Correction.objects.filter(pk=told.pk)))[told.pk].after == "a third thing"
    made.refresh_from_db()
    undo.undo(user=cast.reviewer, segment=made)
    made.refresh_from_db()
    assert (made.text, made.state, made.annotator) == ("the machine heard this", "draft", None)
    segments.save_text(user=cast.manager, segment=made, text="anybody's", base_revision=3)
