"""Verdicts: what each moves, who may give one, and what a reviewer is given."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from annotation.errors import (
    Conflict,
    Denied,
    Invalid,
    Leased,
    Locked,
    NotFound,
    StaleRevision,
)
from annotation.models import AuditEvent, Membership, Recording, Review, Revision, SecondCheck, User
from annotation.pace import counts_for_queue
from annotation.services import batches, leases, queue, review_queue, reviews, segments, undo
from annotation.services.assignments import assign
from annotation.services.decisions import Evidence
from annotation.states import DecisionKind, Verdict
from annotation.workload import workload
from tests.annotation.api.calling import Caller
from tests.annotation.reviewing import corrected, draw, judge, undrawn
from tests.factories import make_segment, make_user
from tests.personas import Cast


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return undrawn(cast)


@pytest.mark.django_db
def test_an_accepted_row_is_read_only_until_it_is_returned(cast: Cast, recording: Recording) -> None:
    row = corrected(cast, recording)
    now, review = judge(cast, row, evidence=Evidence(0.8, 5_000))
    assert (now.state, now.text, now.revision, now.annotator) == ("accepted", "by hand", 2, cast.annotator)
    assert (review.heard_share, review.active_ms, review.annotator) == (0.8, 5_000, cast.annotator)
    for user in (cast.annotator, cast.reviewer, cast.manager):
        with pytest.raises(Conflict, match="cannot be edited"):
            segments.save_text(user=user, segment=row, text="other", base_revision=2)
    with pytest.raises(Conflict, match="that stands"):
        undo.undo(user=cast.annotator, segment=row)
    now, _ = judge(cast, row, Verdict.RETURN, reason="words")
    assert now.state == "returned"
    segments.save_text(user=cast.annotator, segment=row, text="other", base_revision=2)


@pytest.mark.django_db
def test_what_is_returned_goes_to_its_annotator_first_with_the_reason(
    cast: Cast, recording: Recording
) -> None:
    row = corrected(cast, recording)
    segments.lock(user=cast.annotator, segment=row)
    make_segment(cast.project, recording=recording, start_ms=9000, state="draft", risk=1.0)
    now, _ = judge(cast, row, Verdict.RETURN, reason="missing", comment="the last two words")
    assert (now.state, now.locked) == ("returned", False)
    assert now.return_reason == "Words are missing: the last two words"
    other = queue.next_segment(user=cast.manager, project=cast.project)
    assert other is not None
    assert other.segment != row.pk
    mine = queue.next_segment(user=cast.annotator, project=cast.project)
    assert mine is not None
    assert (mine.segment, mine.why) == (row.pk, "returned")
    segments.save_text(user=cast.annotator, segment=row, text="all words", base_revision=2)
    again = review_queue.next_review(user=cast.reviewer, project=cast.project)
    assert again is None  # the annotator still holds it
    leases.release(user=cast.annotator, segment=row)
    again = review_queue.next_review(user=cast.reviewer, project=cast.project)
    assert again is not None
    assert (again.segment, again.why) == (row.pk, "again")
    judge(cast, row, base_revision=3)
    assert SecondCheck.objects.get().done_at is not None


@pytest.mark.django_db
def test_what_is_returned_follows_its_recording_to_whom_it_was_given(
    cast: Cast, recording: Recording
) -> None:
    second = make_user("second")
    Membership.objects.create(project=cast.project, user=second, role="annotator")
    row = corrected(cast, recording)
    judge(cast, row, Verdict.RETURN, reason="words")

    def given(user: User) -> tuple[int, int | None, int]:
        found = queue.next_segment(user=user, project=cast.project)
        leases.release(user=user, segment=row)
        (told,) = (one for one in workload(cast.project) if one["username"] == user.username)
        count = counts_for_queue(user, cast.project)["returned_to_you"]
        return count, found.segment if found else None, told["returned"]

    assert (given(cast.annotator), given(second)) == ((1, row.pk, 1), (0, None, 0))
    assign(user=cast.manager, recording=recording, usernames=["second"])
    assert (given(cast.annotator), given(second)) == ((0, None, 0), (1, row.pk, 1))
    row.refresh_from_db()
    assert row.annotator == cast.annotator
    # Given to both, it is whose work it was; and anybody's of theirs once that one is paused.
    assign(user=cast.manager, recording=recording, usernames=["second", "annotator"])
    assert (given(cast.annotator), given(second)) == ((1, row.pk, 1), (0, None, 0))
    batches.pause_person(user=cast.manager, project=cast.project, member=cast.annotator, paused=True)
    assert given(second) == (1, row.pk, 1)


@pytest.mark.django_db
def test_annotators_read_the_verdicts_on_their_own_work_alone(cast: Cast, recording: Recording) -> None:
    second = make_user("second")
    Membership.objects.create(project=cast.project, user=second, role="annotator")
    row = corrected(cast, recording)
    judge(cast, row, Verdict.RETURN, reason="words", comment="not like this")
    address = f"/api/segments/{row.pk}/reviews/"
    for user, seen in ((cast.annotator, 1), (second, 0), (cast.reviewer, 1), (cast.manager, 1)):
        answer = Caller(user).get(address)
        assert (answer.status, len(answer.json["results"])) == (200, seen), user
        assert ("not like this" in answer.body.decode()) == bool(seen)


@pytest.mark.django_db
def test_a_fix_is_the_reviewers_revision_and_stays_the_annotators_work(
    cast: Cast, recording: Recording
) -> None:
    row = corrected(cast, recording)
    now, review = judge(cast, row, Verdict.FIX, text="by my hand")
    assert (now.state, now.text, now.revision, now.annotator) == ("accepted", "by my hand", 3, cast.annotator)
    newest = Revision.objects.get(segment=row, number=3)
    assert (newest.author, newest.base, newest.text) == (cast.reviewer, 2, "by my hand")
    assert (review.revision, review.result) == (2, 3)


@pytest.mark.django_db
def test_a_fix_that_changes_nothing_is_an_accept(cast: Cast, recording: Recording) -> None:
    _, review = judge(cast, corrected(cast, recording), Verdict.FIX, text=" by hand ")
    assert review.verdict == "accept"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"verdict": Verdict.RETURN}, "reason"),
        ({"verdict": Verdict.RETURN, "reason": "whim"}, "reason"),
        ({"verdict": Verdict.RETURN, "reason": "other"}, "comment"),
        ({"verdict": Verdict.ACCEPT, "reason": "words"}, "reason"),
        ({"verdict": Verdict.ACCEPT, "text": "x"}, "text"),
        ({"verdict": Verdict.FIX}, "text"),
        ({"verdict": Verdict.FIX, "text": "\x00"}, "text"),
        ({"verdict": Verdict.ACCEPT, "comment": "x" * 501}, "comment"),
        ({"verdict": Verdict.ACCEPT, "evidence": Evidence(1.5)}, "heard_share"),
    ],
)
def test_what_does_not_go_together_is_refused(
    cast: Cast, recording: Recording, said: dict[str, Any], field: str
) -> None:
    row = corrected(cast, recording)
    with pytest.raises(Invalid) as refused:
        judge(cast, row, **said)
    assert field in refused.value.detail
    assert not Review.objects.exists()


@pytest.mark.django_db
def test_nobody_judges_their_own_work_unless_the_project_lets_them(cast: Cast, recording: Recording) -> None:
    row = make_segment(cast.project, recording=recording, state="draft", text="m", revision=1, source="draft")
    segments.save_text(user=cast.reviewer, segment=row, text="mine", base_revision=1)
    for verdict, more in (
        (Verdict.ACCEPT, {}),
        (Verdict.FIX, {"text": "x"}),
        (Verdict.RETURN, {"reason": "words"}),
    ):
        with pytest.raises(Denied) as refused:
            judge(cast, row, verdict, **more)
        assert refused.value.code == "own_work"
    # Not by somebody else's name on it either: the text is still theirs.
    segments.decide(user=cast.annotator, segment=row, kind=DecisionKind.SKIP, base_revision=2, reason="noise")
    segments.save_text(user=cast.manager, segment=row, text="mine", base_revision=3)
    with pytest.raises(Denied):
        judge(cast, row, user=cast.manager, base_revision=4)
    reviews.change_rules(user=cast.manager, project=cast.project, review_own=True)
    now, _ = judge(cast, row, user=cast.manager, base_revision=4)
    assert now.state == "accepted"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [DecisionKind.ACCEPT, DecisionKind.SKIP])
def test_who_lets_a_text_stand_does_not_make_it_theirs(
    cast: Cast, recording: Recording, kind: DecisionKind
) -> None:
    row = make_segment(cast.project, recording=recording, state="draft", text="m", revision=1, source="draft")
    segments.save_text(user=cast.reviewer, segment=row, text="mine", base_revision=1)
    segments.decide(user=cast.annotator, segment=row, kind=kind, base_revision=2, reason="noise")
    draw(cast, row)
    assert review_queue.waiting(cast.reviewer, cast.project)["waiting"] == 0
    with pytest.raises(Denied) as refused:
        judge(cast, row, base_revision=3)
    assert refused.value.code == "own_work"
    with pytest.raises(IntegrityError, match="own work"), transaction.atomic():
        Review.objects.create(
            project=cast.project, segment=row, reviewer=cast.reviewer, revision=3, result=3, verdict="accept"
        )
    # The annotator's words are nobody else's, though the reviewer wrote others before.
    segments.save_text(user=cast.annotator, segment=row, text="other", base_revision=3)
    assert review_queue.waiting(cast.reviewer, cast.project)["waiting"] == 1
    now, _ = judge(cast, row, base_revision=4)
    assert now.state == "accepted"


@pytest.mark.django_db
def test_only_reviewers_managers_and_entitled_staff_judge(cast: Cast, recording: Recording) -> None:
    from django.contrib.auth.models import Permission

    row = corrected(cast, recording)
    with pytest.raises(Denied):
        judge(cast, row, user=cast.annotator)
    for name in ("outsider", "supervisor"):
        with pytest.raises(NotFound):
            judge(cast, row, user=cast.named(name))
    cast.supervisor.user_permissions.add(Permission.objects.get(codename="add_review"))
    now, _ = judge(cast, row, user=User.objects.get(pk=cast.supervisor.pk))
    assert now.state == "accepted"


@pytest.mark.django_db
def test_what_stands_in_the_way_is_told(cast: Cast, recording: Recording) -> None:
    row = corrected(cast, recording)
    with pytest.raises(StaleRevision) as stale:
        judge(cast, row, Verdict.FIX, base_revision=1, text="mine")
    assert stale.value.detail["theirs"] == "by hand"
    leases.acquire(user=cast.annotator, segment=row)
    with pytest.raises(Leased):
        judge(cast, row)
    leases.release(user=cast.annotator, segment=row)
    segments.lock(user=cast.annotator, segment=row)
    with pytest.raises(Locked):
        judge(cast, row, Verdict.FIX, text="x")
    judge(cast, row)  # a finished row can be accepted, and stays finished
    with pytest.raises(Conflict) as twice:
        judge(cast, row, user=cast.manager)
    assert twice.value.code == "not_reviewable"
    assert twice.value.detail["by"] == "reviewer"
    untouched = make_segment(cast.project, recording=recording, start_ms=5000, state="draft", revision=1)
    with pytest.raises(Conflict):
        judge(cast, untouched, base_revision=1)


@pytest.mark.django_db
def test_a_verdict_sent_twice_is_given_once(cast: Cast, recording: Recording) -> None:
    row, operation = corrected(cast, recording), uuid.uuid4()
    first = judge(cast, row, operation_id=operation)[1]
    second = judge(cast, row, operation_id=operation)[1]
    assert first == second
    assert Review.objects.count() == 1


@pytest.mark.django_db
def test_every_verdict_is_one_audited_change(cast: Cast, recording: Recording) -> None:
    row = corrected(cast, recording)
    before = AuditEvent.objects.count()
    judge(cast, row)
    found = AuditEvent.objects.order_by("id")[before:]
    assert [(e.table_name, e.action) for e in found if e.table_name != "annotation_secondcheck"] == [
        ("annotation_review", "insert"),
        ("annotation_segment", "update"),
    ]
    assert found[0].project_id == cast.project.pk
    assert found[0].segment_id == row.pk


@pytest.mark.django_db
def test_what_a_reviewer_is_given(cast: Cast, recording: Recording) -> None:
    rows = [corrected(cast, recording, n) for n in range(4)]
    own = make_segment(
        cast.project, recording=recording, start_ms=9000, state="draft", text="m", revision=1, source="draft"
    )
    segments.save_text(user=cast.reviewer, segment=own, text="own", base_revision=1)
    draw(cast, own, *rows[:3])
    segments.lock(user=cast.annotator, segment=rows[1])
    assert review_queue.waiting(cast.reviewer, cast.project) == {"waiting": 3, "again": 0}
    first = review_queue.next_review(user=cast.reviewer, project=cast.project, client="a")
    assert first is not None
    assert (first.segment, first.why) == (rows[0].pk, "sample")
    held = review_queue.next_review(user=cast.reviewer, project=cast.project, client="a")
    assert held is not None
    assert (held.segment, held.why, held.held.token) == (rows[0].pk, "held", first.held.token)
    # Another tab, another person: other rows; a locked one is reviewed as well; one's own never.
    second = review_queue.next_review(user=cast.reviewer, project=cast.project, client="b")
    third = review_queue.next_review(user=cast.manager, project=cast.project, client="a")
    assert second and third
    assert (second.segment, third.segment) == (rows[1].pk, own.pk)
    fourth = review_queue.next_review(user=cast.reviewer, project=cast.project, client="c")
    assert fourth is not None
    assert fourth.segment == rows[2].pk
    assert review_queue.next_review(user=cast.manager, project=cast.project, client="d") is None
    with pytest.raises(Denied):
        review_queue.next_review(user=cast.annotator, project=cast.project)
