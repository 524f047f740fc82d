"""Double annotation: two read blind, agreement is counted, a third settles; nobody sees the first's text."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotation import progress
from annotation.errors import Conflict, Denied, Invalid
from annotation.models import (
    AuditEvent,
    Correction,
    Decision,
    GoldScore,
    Membership,
    Pair,
    Project,
    Reading,
    Recording,
    Revision,
    Segment,
    User,
)
from annotation.services import (
    corrections,
    cuts,
    disputes,
    gold,
    leases,
    pairs,
    queue,
    reviews,
    segments,
    shapes,
    trash,
    undo,
)
from annotation.services.shapes import Grip
from annotation.states import Choice, DecisionKind
from tests.annotation.api.calling import Caller
from tests.annotation.api.workbench import hear
from tests.annotation.racing import at_once
from tests.factories import make_recording, make_segment, make_user
from tests.personas import Cast, make_cast

SECRET = "wombat"


@pytest.fixture
def second(cast: Cast) -> User:
    """Return another annotator, in a project whose every row is read twice."""
    return doubled(cast)


def doubled(cast: Cast) -> User:
    cast.project.double_percent = 100
    cast.project.dispute_above = 0.2
    cast.project.review_percent = 0
    cast.project.save()
    made = make_user("second")
    Membership.objects.create(project=cast.project, user=made, role="annotator")
    return made


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=100_000)


def row(cast: Cast, recording: Recording, start: int = 0, text: str = "the machine heard this") -> Segment:
    return make_segment(
        cast.project, recording=recording, start_ms=start * 1000, state="draft", text=text, revision=1,
        source="draft", risk=0.5,
    )  # fmt: skip


def read(user: User, segment: Segment, text: str) -> Segment:
    fresh = Segment.objects.select_related("project", "recording").get(pk=segment.pk)
    return segments.save_text(user=user, segment=fresh, text=text, base_revision=1)


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


# -- Blind -----------------------------------------------------------------------------------------------


def everything(user: User, cast: Cast, recording: Recording, segment: Segment) -> dict[str, str]:
    """Read every address an annotator may read, and try those they may not; return what each said."""
    from tests.annotation.api.test_matrix import MATRIX

    caller = Caller(user)
    ids = {
        "<int:project_id>": cast.project.pk,
        "<int:recording_id>": recording.pk,
        "<int:segment_id>": segment.pk,
        "<int:user_id>": cast.annotator.pk,
        "<int:pair_id>": Pair.objects.get().pk,
    }
    said: dict[str, str] = {}
    for method, route in MATRIX:
        address = route
        for name, pk in ids.items():
            address = address.replace(name, str(pk))
        if "<" in address or "/audio" in address or "/events/" in address or "auth/" in address:
            continue
        body: dict[str, Any] | None = {} if method in ("POST", "PUT", "PATCH") else None
        with transaction.atomic():
            answer = caller.send(method, f"/{address}", body)
            transaction.set_rollback(True)
        said[f"{method} {address}"] = answer.body.decode(errors="replace")
    queries = (
        f"api/segments/?search={SECRET}", f"api/segments/?project={cast.project.pk}&words=1",
        f"api/segments/?state=corrected&recording={recording.pk}",
        f"api/recordings/{recording.pk}/rows/?search={SECRET}",
        f"recordings/{recording.pk}/", f"segments/{segment.pk}/history/",
        f"recordings/{recording.pk}/?q={SECRET}",
    )  # fmt: skip
    for address in queries:
        said[f"GET {address}"] = caller.get(f"/{address}").body.decode(errors="replace")
    return said


@pytest.mark.django_db
def test_no_address_tells_the_second_what_the_first_wrote(
    cast: Cast, second: User, recording: Recording, redis_emptied: str
) -> None:
    made = row(cast, recording)
    neighbour = row(cast, recording, 1, "next to it")
    hear(made, "the machine heard this")
    caller = Caller(cast.annotator)
    answer = caller.patch(
        f"/api/segments/{made.pk}/", {"base_revision": 1, "text": f"a {SECRET}", "heard_share": 0.5}
    )
    assert answer.status == 200
    assert (answer.json["text"], answer.json["state"]) == (f"a {SECRET}", "corrected")
    caller.post(f"/api/segments/{made.pk}/comments/", {"text": f"it says {SECRET}, @second"})
    # The first one finds their own text again, wherever they look.
    for address in (f"segments/{made.pk}/", f"recordings/{recording.pk}/rows/", "segments/"):
        assert SECRET in caller.get(f"/api/{address}").body.decode()
    told = {
        name: said
        for name, said in everything(second, cast, recording, made).items()
        if SECRET
        in said.replace(f"?search={SECRET}", "").replace(f"?q={SECRET}", "").replace(f'value="{SECRET}"', "")
    }
    assert told == {}
    mine = Caller(second).get(f"/api/segments/{made.pk}/").json
    assert (mine["text"], mine["state"], mine["decision"], mine["annotator"]) == (
        "the machine heard this", "draft", None, None,
    )  # fmt: skip
    beside = Caller(second).get(f"/api/segments/{neighbour.pk}/").json["neighbours"]["previous"]
    assert beside["text"] == "the machine heard this"
    events = [event for _, event in stream(cast.project.pk)]
    assert not [event for event in events if SECRET in event]
    # Nor is anything told to reviewers before both have read it.
    assert SECRET not in Caller(cast.reviewer).get(f"/api/projects/{cast.project.pk}/pairs/").body.decode()


def stream(project: int) -> list[tuple[str, str]]:
    """Return all that was published in a project."""
    import redis
    from django.conf import settings

    with redis.Redis.from_url(str(settings.EARMARK.redis_url), decode_responses=True) as client:
        found: Any = client.xrange(progress.stream_key(project))
    return [(str(one), str(fields)) for one, fields in found]


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
