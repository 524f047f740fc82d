"""Verdicts: what each moves, who may give one, what the database refuses, and who wins a race."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from annotation.errors import (
    AnnotationError,
    Conflict,
    Denied,
    Invalid,
    Leased,
    Locked,
    NotFound,
    StaleRevision,
)
from annotation.models import AuditEvent, Membership, Recording, Review, Revision, SecondCheck, Segment, User
from annotation.services import leases, queue, review_queue, reviews, segments, undo
from annotation.services.decisions import Evidence
from annotation.states import DecisionKind, Role, Verdict
from tests.factories import make_recording, make_segment, make_user
from tests.personas import Cast, make_cast


def undrawn(cast: Cast) -> Recording:
    """Make a recording in a project that draws nothing by itself."""
    cast.project.review_percent = 0
    cast.project.save()
    return make_recording(cast.project, duration_ms=100_000)


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return undrawn(cast)


def corrected(cast: Cast, recording: Recording, start: int = 0, text: str = "by hand") -> Segment:
    """Make a row that the annotator has corrected, at revision 2."""
    row = make_segment(
        cast.project, recording=recording, start_ms=start * 1000, state="draft", text="machine", revision=1,
        source="draft",
    )  # fmt: skip
    segments.save_text(user=cast.annotator, segment=row, text=text, base_revision=1)
    return row


def judge(cast: Cast, row: Segment, verdict: Verdict = Verdict.ACCEPT, **said: Any) -> tuple[Segment, Review]:
    said = {"base_revision": 2, **said}
    user = said.pop("user", cast.reviewer)
    return reviews.judge(user=user, segment=row, verdict=verdict, **said)


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


# -- The database ----------------------------------------------------------------------------------------


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


def without_reason(cast: Cast, row: Segment) -> None:
    Review.objects.create(
        project=cast.project, segment=row, reviewer=cast.reviewer, revision=2, result=2, verdict="return"
    )


ATTEMPTS: dict[str, tuple[str, Callable[[Cast, Segment], None]]] = {
    "accept without a verdict": ("by a review only", lambda cast, row: state(row, "accepted")),
    "return without a verdict": ("by a review only", lambda cast, row: state(row, "returned")),
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


# -- The queue and races ---------------------------------------------------------------------------------


def draw(cast: Cast, *rows: Segment) -> None:
    SecondCheck.objects.bulk_create(
        SecondCheck(project=cast.project, segment=row, annotator=cast.annotator) for row in rows
    )


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


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do several things at the same moment, each on a connection of its own."""
    begin = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        begin.wait(30)
        try:
            return act()
        except AnnotationError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_of_two_verdicts_at_once_one_counts(people: Cast) -> None:
    recording = undrawn(people)
    kinds: Counter[str] = Counter()
    for number in range(12):
        row = corrected(people, recording, number)
        said: list[Any] = at_once(
            partial(judge, people, row),
            partial(judge, people, row, Verdict.RETURN, user=people.manager, reason="words"),
        )
        accepted, returned = (not isinstance(one, AnnotationError) for one in said)
        row.refresh_from_db()
        # A return may follow an accept: that is what a return is for. Never the other way round.
        assert row.state == ("returned" if returned else "accepted")
        assert accepted or returned
        assert Review.objects.filter(segment=row).count() == accepted + returned
        kinds[row.state] += 1
        for one in said:
            assert not isinstance(one, AnnotationError) or one.code in ("not_reviewable", "leased")
    assert sum(kinds.values()) == 12


def test_a_verdict_and_a_save_at_once_never_mix(people: Cast) -> None:
    recording = undrawn(people)
    for number in range(12):
        row = corrected(people, recording, number)
        verdict_said, saved = at_once(
            partial(judge, people, row),
            partial(
                segments.save_text,
                user=people.annotator,
                segment=row,
                text="typed meanwhile",
                base_revision=2,
            ),
        )
        row.refresh_from_db()
        assert isinstance(verdict_said, AnnotationError) != isinstance(saved, AnnotationError)
        if isinstance(saved, AnnotationError):
            assert (row.state, row.text, row.revision) == ("accepted", "by hand", 2)
        else:
            assert (row.state, row.text, row.revision) == ("corrected", "typed meanwhile", 3)
            assert verdict_said.code == "stale_revision"
            assert not Review.objects.filter(segment=row).exists()


def test_no_two_reviewers_get_the_same(people: Cast) -> None:
    recording = undrawn(people)
    rows = [corrected(people, recording, n) for n in range(40)]
    draw(people, *rows)
    crew = [make_user(f"reviewer-{n}") for n in range(4)]
    Membership.objects.bulk_create(
        Membership(project=people.project, user=one, role="reviewer") for one in crew
    )

    def work(user: User) -> list[int]:
        got: list[int] = []
        while given := review_queue.next_review(user=user, project=people.project):
            got.append(given.segment)
        return got

    got = at_once(*(partial(work, user) for user in crew))
    assert sorted(pk for mine in got for pk in mine) == sorted(row.pk for row in rows)
