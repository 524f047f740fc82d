"""The second check and gold: who is drawn, that it can be repeated, and that gold cannot be told apart."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.errors import Conflict, Denied
from annotation.models import GoldScore, Membership, Recording, SecondCheck, Segment
from annotation.services import gold, queue, reviews, sampling, segments, undo
from annotation.states import DecisionKind
from tests.annotation.api.calling import Caller
from tests.factories import make_recording, make_segment, make_user
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, duration_ms=1_000_000)


def row(cast: Cast, recording: Recording, start: int = 0, **values: Any) -> Segment:
    values = {"state": "draft", "text": "a b c d", "revision": 1, "source": "draft", **values}
    return make_segment(cast.project, recording=recording, start_ms=start * 1000, **values)


def test_of_every_hundred_decisions_of_each_as_many_as_asked_are_drawn() -> None:
    for percent in (0, 1, 10, 33, 100):
        for block in range(3):
            places = sampling.drawn_places(7, 1, block, percent)
            assert len(places) == percent
            assert places <= frozenset(range(100))
    assert sampling.drawn_places(7, 1, 0, 10) == sampling.drawn_places(7, 1, 0, 10)
    others = {sampling.drawn_places(*who, 10) for who in ((7, 1, 0), (8, 1, 0), (7, 2, 0), (7, 1, 1))}
    assert len(others) == 4
    # As written down once: another machine or another year draws the same.
    assert sorted(sampling.drawn_places(7, 1, 0, 5)) == [48, 67, 73, 85, 94]


def test_the_draw_is_stratified_by_annotator_and_as_the_seed_says(cast: Cast, recording: Recording) -> None:
    reviews.change_rules(user=cast.manager, project=cast.project, review_percent=20, sample_seed=42)
    cast.project.refresh_from_db()
    second = make_user("second")
    Membership.objects.create(project=cast.project, user=second, role="annotator")
    order: dict[int, list[int]] = {cast.annotator.pk: [], second.pk: []}
    for number in range(45):
        who = second if number % 3 == 0 else cast.annotator
        made = row(cast, recording, number)
        segments.decide(user=who, segment=made, kind=DecisionKind.ACCEPT, base_revision=1)
        order[who.pk].append(made.pk)
    for person, decided in order.items():
        places = sampling.drawn_places(42, person, 0, 20)
        expected = [pk for place, pk in enumerate(decided) if place in places]
        drawn = SecondCheck.objects.filter(annotator=person).order_by("id")
        assert list(drawn.values_list("segment", flat=True)) == expected
    counted = {one["username"]: one for one in sampling.drawn(cast.project)}
    assert counted["annotator"]["decided"] == 30
    assert counted["annotator"]["drawn"] == SecondCheck.objects.filter(annotator=cast.annotator).count()


def test_a_second_save_of_a_row_is_no_second_decision(cast: Cast, recording: Recording) -> None:
    reviews.change_rules(user=cast.manager, project=cast.project, review_percent=100)
    made = row(cast, recording)
    made.project.refresh_from_db()
    segments.save_text(user=cast.annotator, segment=made, text="x", base_revision=1)
    segments.save_text(user=cast.annotator, segment=made, text="y", base_revision=2)
    assert sampling.drawn(cast.project) == [{"username": "annotator", "decided": 1, "drawn": 1}]


# -- Gold ------------------------------------------------------------------------------------------------


def test_the_first_decision_about_gold_is_scored_at_once(cast: Cast, recording: Recording) -> None:
    passed, failed, skipped = (row(cast, recording, n) for n in range(3))
    for one in (passed, failed, skipped):
        gold.make_gold(user=cast.reviewer, segment=one, text="A, b c D!")
    segments.decide(user=cast.annotator, segment=passed, kind=DecisionKind.ACCEPT, base_revision=1)
    segments.save_text(user=cast.annotator, segment=failed, text="a x c", base_revision=1)
    segments.decide(
        user=cast.annotator, segment=skipped, kind=DecisionKind.SKIP, base_revision=1, reason="noise"
    )
    found = {one.gold.segment_id: one for one in GoldScore.objects.select_related("gold")}
    counts = {
        name: (s.substitutions, s.deletions, s.insertions, s.words, s.passed)
        for name, s in (
            ("passed", found[passed.pk]),
            ("failed", found[failed.pk]),
            ("skipped", found[skipped.pk]),
        )
    }
    assert counts == {
        "passed": (0, 0, 0, 4, True),
        "failed": (1, 1, 0, 4, False),
        "skipped": (0, 4, 0, 4, False),
    }
    assert found[passed.pk].profile == "spoken-1"
    (rate,) = sampling.gold_rates(cast.project)
    assert (rate["username"], rate["met"], rate["passed"], rate["errors"], rate["words"]) == (
        "annotator", 3, 1, 6, 12,
    )  # fmt: skip
    assert rate["wer"] == 0.5


def test_nobody_gets_a_second_try_at_gold(cast: Cast, recording: Recording) -> None:
    made = row(cast, recording)
    gold.make_gold(user=cast.reviewer, segment=made, text="true words")
    segments.save_text(user=cast.annotator, segment=made, text="wrong words", base_revision=1)
    undo.undo(user=cast.annotator, segment=made)
    segments.save_text(user=cast.annotator, segment=made, text="true words", base_revision=3)
    score = GoldScore.objects.get()
    assert not score.passed


def test_gold_is_made_of_rows_nobody_has_decided_about(cast: Cast, recording: Recording) -> None:
    made, done = row(cast, recording), row(cast, recording, 1)
    segments.save_text(user=cast.annotator, segment=done, text="x", base_revision=1)
    with pytest.raises(Conflict):
        gold.make_gold(user=cast.reviewer, segment=done, text="true")
    with pytest.raises(Denied):
        gold.make_gold(user=cast.annotator, segment=made, text="true")
    first = gold.make_gold(user=cast.reviewer, segment=made, text="true")
    with pytest.raises(Conflict):
        gold.make_gold(user=cast.manager, segment=made, text="truer")
    gold.withdraw_gold(user=cast.reviewer, gold=first)
    again = gold.make_gold(user=cast.manager, segment=made, text="truer")
    assert (again.text, again.author) == ("truer", cast.manager)
    # Whoever wrote it down is not examined by it.
    segments.save_text(user=cast.manager, segment=made, text="x", base_revision=1)
    assert not GoldScore.objects.exists()


def test_gold_is_mixed_in_at_its_share_and_so_are_others(cast: Cast, recording: Recording) -> None:
    for number in range(10):
        row(cast, recording, number, risk=1 - number / 10)
    golden = Segment.objects.get(recording=recording, start_ms=7000)
    gold.make_gold(user=cast.reviewer, segment=golden, text="true")

    def given(*rolls: float) -> tuple[int, str]:
        dice = iter(rolls)
        found = queue.next_segment(user=cast.annotator, project=cast.project, dice=lambda: next(dice))
        assert found is not None
        return Segment.objects.get(pk=found.segment).start_ms // 1000, found.why

    assert given(0.5) == (0, "queue")
    assert given(0.019) == (7, "queue")  # gold
    assert given(0.039, 0.45) == (6, "queue")  # any other, out of its turn
    assert given(0.0) == (1, "queue")  # no gold is left
    assert given(0.04) == (2, "queue")


def hidden(value: Any, secrets: tuple[str, ...]) -> None:
    text = str(value).lower()
    assert not [one for one in secrets if one in text], text


def test_no_address_of_an_annotator_tells_gold_apart(cast: Cast, recording: Recording) -> None:
    """Two rows alike, one of them gold: all an annotator can read of both is the same, before and after."""
    plain, golden = (row(cast, recording, n, risk=0.5) for n in range(2))
    made = gold.make_gold(user=cast.reviewer, segment=golden, text="zebra crossing")
    caller = Caller(cast.annotator)
    project, secrets = cast.project.pk, ("zebra", "gold", str(cast.project.sample_seed))

    def reads(of: Segment) -> dict[str, Any]:
        addresses = [
            f"/api/segments/{of.pk}/", f"/api/segments/{of.pk}/history/", f"/api/segments/{of.pk}/reviews/",
            f"/api/segments/{of.pk}/comments/", f"/api/segments/?recording={recording.pk}",
            f"/api/segments/?project={project}&order=risk", f"/api/recordings/{recording.pk}/rows/",
            f"/api/recordings/{recording.pk}/", f"/api/projects/{project}/",
            f"/api/projects/{project}/progress/",
            "/api/me/decisions/", "/api/me/drafts/", "/api/me/mentions/", "/api/jobs/",
            f"/api/projects/{project}/guideline/", f"/api/projects/{project}/members/",
        ]  # fmt: skip
        found = {}
        for address in addresses:
            answer = caller.get(address)
            assert answer.status == 200, address
            hidden(answer.body.decode(), secrets)
            found[address.replace(str(of.pk), "*")] = answer.json
        return found

    def alike() -> None:
        own, others = reads(plain), reads(golden)
        for address in own:
            if "*" in address:
                one, other = ({**d} for d in (own[address], others[address]))
                for told in (one, other):
                    for name in ("id", "start_ms", "end_ms", "index", "edges", "neighbours", "updated_at"):
                        told.pop(name, None)
                assert shape(one) == shape(other), address

    alike()
    answers = [
        caller.patch(f"/api/segments/{one.pk}/", {"base_revision": 1, "text": "a zebra"}).json
        for one in (plain, golden)
    ]
    assert shape(answers[0]) == shape(answers[1])
    secrets = ("crossing", "gold", str(cast.project.sample_seed))
    alike()
    for address in ("gold/", "review/", "pairs/", "workload/", "batches/"):
        refused = caller.get(f"/api/projects/{project}/{address}")
        assert refused.status == 403
        hidden(refused.body.decode(), secrets)
    assert caller.delete(f"/api/gold/{made.pk}/").status == 403
    assert GoldScore.objects.count() == 1


def shape(value: Any) -> Any:
    """Return a value with its ids and moments taken out: what is left must be alike."""
    if isinstance(value, dict):
        return {
            k: shape(v)
            for k, v in value.items()
            if k not in ("id", "at", "created_at", "updated_at", "segment", "start_ms", "end_ms")
        }
    if isinstance(value, list):
        return [shape(one) for one in value]
    return value
