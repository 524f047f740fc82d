"""Batches: who gets what is reserved, who does not, and what pausing, passing on and giving back do."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.errors import Conflict, Denied, Invalid
from annotation.models import Batch, Membership, Project, Recording, Segment, User
from annotation.services import batches, queue, segments, undo
from annotation.services.decisions import Evidence
from annotation.states import DecisionKind
from annotation.workload import workload
from tests.annotation.api.calling import Caller
from tests.annotation.racing import at_once
from tests.factories import make_recording, make_segment, make_user
from tests.personas import Cast, make_cast


def rows(project: Project, count: int, recording: Recording | None = None) -> list[Segment]:
    recording = recording or make_recording(project, duration_ms=1_000_000)
    return [
        make_segment(
            project, recording=recording, start_ms=n * 1000, state="draft", text="a b", revision=1,
            source="draft", risk=1 - n / 100,
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def second(cast: Cast) -> User:
    made = make_user("second")
    Membership.objects.create(project=cast.project, user=made, role="annotator")
    return made


def given(user: User, project: Project) -> tuple[int, str] | None:
    found = queue.next_segment(user=user, project=project)
    return (found.segment, found.why) if found else None


@pytest.mark.django_db
def test_segments_of_a_batch_are_one_persons(cast: Cast, second: User) -> None:
    made = rows(cast.project, 4)
    batch = batches.give_segments(user=cast.reviewer, project=cast.project, assignee="second", count=2)
    assert (batch.name, batch.segments.count()) == ("2 segments", 2)
    assert given(cast.annotator, cast.project) == (made[2].pk, "queue")
    assert given(second, cast.project) == (made[0].pk, "assigned")
    assert given(second, cast.project) == (made[1].pk, "assigned")
    assert given(second, cast.project) == (made[3].pk, "queue")


@pytest.mark.django_db
def test_recordings_of_a_batch_are_too_with_what_comes_later(cast: Cast, second: User) -> None:
    recording = make_recording(cast.project, duration_ms=1_000_000)
    batches.give_recordings(
        user=cast.manager, project=cast.project, assignee="second", recordings=[recording.pk], name="Monday"
    )
    (late,) = rows(cast.project, 1, recording)
    assert given(cast.annotator, cast.project) is None
    assert given(second, cast.project) == (late.pk, "assigned")
    with pytest.raises(Conflict) as taken:
        batches.give_recordings(
            user=cast.manager, project=cast.project, assignee="annotator", recordings=[recording.pk]
        )
    assert taken.value.code == "in_a_batch"


@pytest.mark.django_db
def test_passing_on_pausing_and_giving_back(cast: Cast, second: User) -> None:
    made = rows(cast.project, 3)
    batch = batches.give_segments(user=cast.manager, project=cast.project, assignee="second", count=3)
    batches.pause(user=cast.manager, batch=batch, paused=True)
    assert given(second, cast.project) is None
    assert given(cast.annotator, cast.project) is None
    batches.pause(user=cast.manager, batch=batch, paused=False)
    batches.pass_on(user=cast.manager, batch=batch, assignee="annotator")
    assert given(second, cast.project) is None
    assert given(cast.annotator, cast.project) == (made[0].pk, "assigned")
    batches.give_back(user=cast.manager, batch=batch)
    assert given(second, cast.project) == (made[1].pk, "queue")
    with pytest.raises(Conflict):
        batches.pause(user=cast.manager, batch=batch, paused=True)


@pytest.mark.django_db
def test_a_person_who_is_paused_is_given_nothing_and_theirs_is_anybodys(cast: Cast, second: User) -> None:
    made = rows(cast.project, 1)
    batches.give_segments(user=cast.manager, project=cast.project, assignee="second", count=1)
    batches.pause_person(user=cast.manager, project=cast.project, member=second, paused=True)
    with pytest.raises(Conflict) as paused:
        queue.next_segment(user=second, project=cast.project)
    assert paused.value.code == "paused"
    assert given(cast.annotator, cast.project) == (made[0].pk, "queue")
    batches.pause_person(user=cast.manager, project=cast.project, member=second, paused=False)
    assert given(second, cast.project) is None  # the other one holds it


@pytest.mark.django_db
def test_what_is_refused(cast: Cast) -> None:
    rows(cast.project, 1)
    named: dict[str, Any] = {"project": cast.project, "assignee": "annotator"}
    with pytest.raises(Denied):
        batches.give_segments(user=cast.annotator, count=1, **named)
    with pytest.raises(Invalid):
        batches.give_segments(user=cast.manager, count=0, **named)
    with pytest.raises(Invalid):
        batches.give_segments(user=cast.manager, project=cast.project, assignee="outsider", count=1)
    with pytest.raises(Invalid):
        elsewhere = make_recording(Project.objects.get(name="Elsewhere"))
        batches.give_recordings(user=cast.manager, recordings=[elsewhere.pk], **named)
    batches.give_segments(user=cast.manager, count=1, **named)
    with pytest.raises(Conflict) as nothing:
        batches.give_segments(user=cast.manager, count=1, **named)
    assert nothing.value.code == "nothing_left"
    assert Batch.objects.count() == 1


@pytest.mark.django_db
def test_the_workload_counts_what_is_theirs(cast: Cast, second: User) -> None:
    made = rows(cast.project, 5)
    batches.give_segments(user=cast.manager, project=cast.project, assignee="second", count=3)
    segments.decide(
        user=second, segment=made[0], kind=DecisionKind.ACCEPT, base_revision=1,
        evidence=Evidence(0.9, 2_000),
    )  # fmt: skip
    mine = next(one for one in workload(cast.project) if one["username"] == "second")
    assert (mine["given"], mine["open"], mine["open_ms"], mine["done"], mine["done_ms"]) == (
        3,
        2,
        2000,
        1,
        1000,
    )
    assert mine["audio_ms_per_hour"] == 1_800_000
    caller = Caller(cast.manager)
    told = caller.get(f"/api/projects/{cast.project.pk}/workload/").json
    assert told["open"] == 4
    assert [one["username"] for one in told["people"]] == ["annotator", "manager", "reviewer", "second"]
    (batch,) = caller.get(f"/api/projects/{cast.project.pk}/batches/").json["results"]
    assert (batch["segments"], batch["open"], batch["assignee"], batch["paused"]) == (3, 2, "second", False)


@pytest.mark.django_db
def test_pace_counts_each_segment_once_and_nothing_that_was_taken_back(cast: Cast, second: User) -> None:
    made = rows(cast.project, 2)
    for number in (1, 2, 3):
        segments.decide(
            user=second, segment=made[0], kind=DecisionKind.SAVE, text=f"try {number}", base_revision=number,
            evidence=Evidence(0.9, 1_000),
        )  # fmt: skip
    segments.decide(
        user=second, segment=made[1], kind=DecisionKind.ACCEPT, base_revision=1, evidence=Evidence(0.9, 1_000)
    )
    undo.undo(user=second, segment=made[1])
    mine = next(one for one in workload(cast.project) if one["username"] == "second")
    # One second of audio in three at work.
    assert (mine["done"], mine["done_ms"], mine["audio_ms_per_hour"]) == (1, 1_000, 1_200_000)


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


def test_two_leads_at_once_give_no_row_twice(people: Cast) -> None:
    rows(people.project, 30)

    def give(lead: User, name: str) -> Batch:
        return batches.give_segments(user=lead, project=people.project, assignee=name, count=15)

    one, other = at_once(lambda: give(people.manager, "annotator"), lambda: give(people.reviewer, "reviewer"))
    held = [set(batch.segments.values_list("segment_id", flat=True)) for batch in (one, other)]
    assert not held[0] & held[1]
    assert all(held)
