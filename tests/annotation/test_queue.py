"""Who gets which row next: each to one person, returned work first, the worst before the rest."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from annotation.errors import Denied, Invalid, Leased, NotFound
from annotation.models import Assignment, Lease, Membership, Project, Recording, Revision, Segment
from annotation.services import assignments, leases, queue, segments
from annotation.services.queue import Given
from annotation.states import DecisionKind
from tests.factories import make_recording, make_segment, make_user
from tests.personas import Cast, make_cast

CALLERS, EACH = 8, 200


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=100_000)


def row(cast: Cast, recording: Recording, start: int, **values: Any) -> Segment:
    values = {"state": "draft", "text": "a", "revision": 1, "source": "draft", **values}
    return make_segment(cast.project, recording=recording, start_ms=start * 1000, **values)


def give(cast: Cast, name: str = "annotator", **asked: Any) -> Given | None:
    return queue.next_segment(user=cast.named(name), project=cast.project, **asked)


@pytest.mark.django_db
def test_what_is_handed_out_and_in_which_order(cast: Cast, recording: Recording) -> None:
    row(cast, recording, 0, state="pending", text="", revision=0)
    row(cast, recording, 1, state="corrected", risk=1.0)
    row(cast, recording, 2, risk=0.99, locked=True, locked_at=timezone.now())
    held = row(cast, recording, 3, risk=0.98)
    leases.acquire(user=cast.reviewer, segment=held)
    row(cast, recording, 4, state="returned", risk=0.97, annotator=cast.reviewer)
    gone = row(cast, recording, 5, risk=0.96)
    Segment.objects.filter(pk=gone.pk).update(retired_at=timezone.now())
    asked = make_recording(cast.project)
    theirs = make_recording(cast.project)
    Assignment.objects.create(project=cast.project, recording=asked, assignee=cast.annotator)
    Assignment.objects.create(project=cast.project, recording=theirs, assignee=cast.reviewer)
    row(cast, theirs, 0, risk=0.95)
    expected = [
        row(cast, recording, 10, state="returned", risk=0.1, annotator=cast.annotator),
        row(cast, asked, 0, risk=0.2),
        row(cast, recording, 11, risk=0.9),
        row(cast, recording, 12, risk=0.5, state="refined"),
        row(cast, recording, 13, risk=None),
    ]
    given = [give(cast) for _ in range(6)]
    assert [g and g.segment for g in given] == [*(s.pk for s in expected), None]
    assert [g.why for g in given if g] == ["returned", "assigned", "queue", "queue", "queue"]


@pytest.mark.django_db
def test_by_time_and_of_one_recording(cast: Cast, recording: Recording) -> None:
    late, early = row(cast, recording, 5, risk=0.9), row(cast, recording, 1, risk=0.1)
    other = row(cast, make_recording(cast.project), 0, risk=1.0)
    first, second = (give(cast, order="time", recording=recording.pk) for _ in range(2))
    assert first and second
    assert (first.segment, second.segment) == (early.pk, late.pk)
    assert give(cast, order="time", recording=recording.pk) is None
    rest = give(cast)
    assert rest is not None
    assert rest.segment == other.pk


@pytest.mark.django_db
def test_a_lost_answer_loses_no_row_and_tabs_do_not_share(cast: Cast, recording: Recording) -> None:
    worst, second, third = (row(cast, recording, n, risk=0.9 - n / 10) for n in range(3))
    first = give(cast, client="tab-a")
    again = give(cast, client="tab-a")
    assert first and again
    assert (first.segment, again.segment, again.why) == (worst.pk, worst.pk, "held")
    assert again.held.token == first.held.token
    ahead = give(cast, client="tab-a", exclude=[worst.pk])
    other = give(cast, client="tab-b")
    assert ahead and other
    assert (ahead.segment, other.segment) == (second.pk, third.pk)
    assert give(cast, client="tab-b", exclude=[third.pk]) is None
    # What was decided is not "held", though its lease is still there.
    segments.save_text(user=cast.annotator, segment=worst, text="x", base_revision=1)
    left = give(cast, client="tab-a")
    assert left is not None
    assert left.segment == second.pk


@pytest.mark.django_db
def test_another_tab_may_take_a_row_over(cast: Cast, recording: Recording) -> None:
    segment = row(cast, recording, 0)
    first = leases.acquire(user=cast.annotator, segment=segment, client="a")
    assert leases.acquire(user=cast.annotator, segment=segment, client="a").token == first.token
    with pytest.raises(Leased) as refused:
        leases.acquire(user=cast.annotator, segment=segment, client="b")
    assert refused.value.detail["yours"] is True
    with pytest.raises(Leased) as refused:
        leases.acquire(user=cast.reviewer, segment=segment, client="b", take=True)
    assert refused.value.detail["yours"] is False
    moved = leases.acquire(user=cast.annotator, segment=segment, client="b", take=True)
    assert moved.token == first.token + 1
    with pytest.raises(Leased):
        segments.save_text(user=cast.annotator, segment=segment, text="x", base_revision=1, lease=first.token)
    assert not leases.release(user=cast.annotator, segment=segment, client="a")
    assert segments.save_text(
        user=cast.annotator, segment=segment, text="x", base_revision=1, lease=moved.token
    ).revision == 2  # fmt: skip
    assert leases.release(user=cast.annotator, segment=segment, client="b")


@pytest.mark.django_db
def test_a_lease_that_ran_out_is_handed_out_again_with_a_new_token(cast: Cast, recording: Recording) -> None:
    row(cast, recording, 0)
    first = give(cast)
    assert first is not None
    assert give(cast, "reviewer") is None
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    second = give(cast, "reviewer")
    assert second is not None
    assert second.held.token == first.held.token + 1


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["removed", "deactivated"])
def test_what_was_meant_for_somebody_who_left_is_anybodys(cast: Cast, recording: Recording, how: str) -> None:
    asked = make_recording(cast.project)
    Assignment.objects.create(project=cast.project, recording=asked, assignee=cast.reviewer)
    theirs = row(cast, asked, 0, risk=0.9)
    returned = row(cast, recording, 0, state="returned", annotator=cast.reviewer)
    assert give(cast) is None
    if how == "removed":
        Membership.objects.filter(user=cast.reviewer).delete()
    else:
        type(cast.reviewer).objects.filter(pk=cast.reviewer.pk).update(is_active=False)
    given = [give(cast) for _ in range(3)]
    assert [g and (g.segment, g.why) for g in given] == [
        (returned.pk, "returned"),
        (theirs.pk, "queue"),
        None,
    ]


@pytest.mark.django_db
def test_who_is_not_a_member_gets_nothing(cast: Cast, recording: Recording) -> None:
    row(cast, recording, 0)
    with pytest.raises(NotFound):
        give(cast, "outsider")
    with pytest.raises(Invalid):
        give(cast, client="<script>")
    with pytest.raises(Denied):
        assignments.assign(user=cast.annotator, recording=recording, usernames=[])
    assert not Lease.objects.exists()


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


def crowd(project: Project, rows: int) -> list[Any]:
    """Make eight members and a recording with `rows` rows to work on."""
    members = [make_user(f"member-{n}") for n in range(CALLERS)]
    Membership.objects.bulk_create(Membership(project=project, user=m, role="annotator") for m in members)
    recording = make_recording(project, duration_ms=rows * 1000)
    made = Segment.objects.bulk_create(
        Segment(
            project=project, recording=recording, start_ms=n * 1000, end_ms=n * 1000 + 900, state="draft",
            text="a", revision=1, source="draft", risk=(n * 37 % 1000) / 1000,
        )
        for n in range(rows)
    )  # fmt: skip
    Revision.objects.bulk_create(
        Revision(segment=s, number=1, base=0, text="a", source="draft") for s in made
    )
    return members


@pytest.mark.slow
def test_eight_callers_of_two_hundred_get_every_row_once(people: Cast) -> None:
    members = crowd(people.project, CALLERS * EACH)
    begin = threading.Barrier(CALLERS)

    def work(number: int) -> list[int]:
        got: list[int] = []
        begin.wait()
        try:
            while True:
                given = queue.next_segment(user=members[number], project=people.project, exclude=got[-5:])
                if given is None:
                    return got
                got.append(given.segment)
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        got = list(pool.map(work, range(CALLERS)))
    handed_out = Counter(pk for mine in got for pk in mine)
    assert len(handed_out) == CALLERS * EACH
    assert set(handed_out.values()) == {1}
    holders = dict(Lease.objects.values_list("segment_id", "holder_id"))
    for number, mine in enumerate(got):
        assert {holders[pk] for pk in mine} <= {members[number].pk}


@pytest.mark.slow
def test_callers_who_decide_as_they_go_finish_the_queue(people: Cast) -> None:
    """Next, save and give back, eight at once: each row is decided exactly once, and none is left."""
    members = crowd(people.project, 400)
    begin = threading.Barrier(CALLERS)

    def work(number: int) -> int:
        done = 0
        begin.wait()
        try:
            while (
                given := queue.next_segment(user=members[number], project=people.project, client="t")
            ) is not None:
                row = Segment.objects.select_related("project").get(pk=given.segment)
                segments.decide(
                    user=members[number], segment=row, kind=DecisionKind.ACCEPT,
                    base_revision=row.revision, lease=given.held.token, release=True,
                )  # fmt: skip
                done += 1
            return done
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        done = list(pool.map(work, range(CALLERS)))
    assert sum(done) == 400
    assert set(Segment.objects.filter(project=people.project).values_list("state", "revision")) == {
        ("corrected", 2)
    }
