"""Figures of people: pace, returns, agreement, gold; to annotators nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from annotation.models import (
    Gold,
    GoldScore,
    Pair,
    Reading,
    SampleCount,
    Segment,
    User,
)
from annotation.quality.catalogue import BY, FIGURES
from annotation.services import scoring
from annotation.states import DecisionKind
from tests.annotation.api.calling import Caller
from tests.annotation.api.figures import another, decide, fill, quality
from tests.annotation.test_scoring import hear, review
from tests.factories import make_recording
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(cast: Cast) -> User:
    return another(cast)


@pytest.fixture
def filled(cast: Cast, second: User) -> Cast:
    return fill(cast, second)


def names_in(said: Any) -> set[str]:
    """Return the people that an answer's rows name."""
    if isinstance(said, list):
        return set().union(*map(names_in, said))
    if not isinstance(said, dict):
        return set()
    here = {said[key] for key in ("annotator", "reviewer") if isinstance(said.get(key), str)}
    return here.union(*map(names_in, said.values()))


def test_annotators_see_their_own_at_every_address(filled: Cast, second: User) -> None:
    judged = Segment.objects.filter(annotator=second).earliest("pk")
    review(judged, filled, revision=2, result=2, verdict="accept", text=judged.text)
    scoring.score(filled.project)
    base = f"/api/projects/{filled.project.pk}/quality/"
    callers = {person.pk: Caller(person) for person in (filled.annotator, second)}
    for name in ("", *FIGURES):
        for by in BY.get(name, ("",)):
            path = f"{name}/?by={by}" if by else f"{name}/?" if name else "?"
            for person, other in ((filled.annotator, second), (second, filled.annotator)):
                caller = callers[person.pk]
                said = quality(caller, filled, path)
                assert names_in(said) <= {person.username}, path
                assert said == quality(caller, filled, f"{path}&annotator={person.pk}")
                for form in ("", "&format=csv", "&format=svg") if name else ("",):
                    refused = caller.get(f"{base}{path}&annotator={other.pk}{form}")
                    assert (refused.status, refused.code) == (403, "denied")
    for path in ("wer/?by=annotator", "people/"):
        (own,) = quality(second, filled, path)["rows"]
        assert (own["annotator"], own["segments"]) == ("second", 20)
        everybody = quality(filled.reviewer, filled, path)
        assert {row["annotator"] for row in everybody["rows"]} == {"annotator", "second"}


def test_an_annotators_figures_are_counted_from_their_texts_alone(filled: Cast, second: User) -> None:
    own = quality(second, filled, "triage/")
    assert own["summary"]["segments"] == 20
    assert quality(filled.manager, filled, "triage/")["summary"]["segments"] == 60
    assert quality(second, filled)["estimate"] is None
    assert quality(second, filled)["own"] is True


def test_people_have_their_pace_returns_agreement_and_gold(filled: Cast, second: User) -> None:
    rows = list(Segment.objects.filter(annotator=second).order_by("pk")[:6])
    for number, segment in enumerate(rows[:4]):
        if number == 0:
            from annotation.models import Review

            Review.objects.create(
                project=filled.project, segment=segment, revision=2, result=2, verdict="return",
                reason_code="words", reviewer=filled.reviewer, annotator=second,
            )  # fmt: skip
        else:
            review(segment, filled, revision=2, result=2, verdict="accept", text=segment.text)
    pair = Pair.objects.create(
        project=filled.project, segment=rows[4], substitutions=1, deletions=0, insertions=0,
        first_words=10, second_words=10, compared_at=timezone.now(),
    )  # fmt: skip
    for place, author in ((1, second), (2, filled.annotator)):
        Reading.objects.create(
            pair=pair, segment=rows[4], place=place, author=author, kind="save", text="x", base_revision=1
        )
    gold = Gold.objects.create(project=filled.project, segment=rows[5], text="gold")
    GoldScore.objects.create(
        gold=gold, project=filled.project, annotator=second, profile="spoken-1", substitutions=0, deletions=0,
        insertions=0, words=1, character_errors=0, characters=4, passed=True, limit=0.1,
    )  # fmt: skip
    # A decision that was taken back, and one more on the same row: neither is work twice.
    decide(rows[0], second, active_ms=500, heard_share=1.0)
    undone = decide(rows[1], second, active_ms=9_000)
    decide(rows[1], second, kind=DecisionKind.UNDO, undoes=undone)
    scoring.score(filled.project)
    found = {row["annotator"]: row for row in quality(filled.manager, filled, "people/")["rows"]}["second"]
    assert (found["segments"], found["audio_ms"], found["active_ms"]) == (20, 40_000, 20_500)
    assert found["effort"] == pytest.approx(20_500 / 40_000)
    assert found["heard"] == pytest.approx((10 * 1.0 + 10 * 0.5 + 0.5) / 20, abs=0.03)
    assert (found["reviewed"], found["returned"]) == (4, 0.25)
    assert found["returned_low"] == pytest.approx(0.0456, abs=1e-3)
    assert (found["pairs"], found["gold"], found["gold_passed"]) == (1, 1, 1.0)
    (own,) = quality(second, filled, "people/")["rows"]
    # Gold is unseen: its figure would tell which rows are.
    assert {**own, "gold": 1, "gold_passed": 1.0, "gold_passed_low": 0, "gold_passed_high": 0} == {
        **found, "gold_passed_low": 0, "gold_passed_high": 0,
    }  # fmt: skip
    assert "gold" not in [column["key"] for column in quality(second, filled, "people/")["columns"]]
    assert quality(filled.manager, filled, "review/")["rows"][0]["wer"] == 0.0


def test_effort_is_of_the_segments_whose_time_was_told(filled: Cast, second: User) -> None:
    row = Segment.objects.filter(annotator=second).earliest("pk")
    untold = hear(filled.project, "no page", "no page", author=second)
    # Saved again without a word of time: what was told before is still its time, and its audio counts.
    decide(row, second, heard_share=1.0)
    decide(untold, second, heard_share=1.0)
    found = {one["annotator"]: one for one in quality(filled.manager, filled, "people/")["rows"]}["second"]
    assert (found["audio_ms"], found["active_ms"]) == (42_000, 20_000)
    assert found["effort"] == pytest.approx(20_000 / 40_000)


def test_the_interval_of_agreement_is_by_recordings(filled: Cast, second: User) -> None:
    """Twelve recordings, each with readers who agree on all of it or on nothing."""
    for number in range(12):
        recording = make_recording(filled.project, duration_ms=100_000)
        for _ in range(4):
            segment = hear(filled.project, "x", "x", recording=recording)
            pair = Pair.objects.create(
                project=filled.project, segment=segment, substitutions=5 * (number % 2), deletions=0,
                insertions=0, first_words=5, second_words=5, compared_at=timezone.now(),
            )  # fmt: skip
            for place, author in ((1, second), (2, filled.annotator)):
                Reading.objects.create(
                    pair=pair, segment=segment, place=place, author=author, kind="save", text="x",
                    base_revision=1,
                )  # fmt: skip
    (found,) = (r for r in quality(filled.manager, filled, "people/")["rows"] if r["annotator"] == "second")
    assert (found["pairs"], found["agreement"]) == (48, 0.5)
    # As wide as twelve recordings make it (t = 2.2 of 11), not as narrow as 48 pairs would.
    assert found["agreement_low"] == pytest.approx(0.5 - 2.2 * 0.5 / 11**0.5, abs=0.01)


def test_review_and_people_are_plotted_and_not_told_to_whom_they_examine(filled: Cast, second: User) -> None:
    row = Segment.objects.filter(annotator=second).earliest("pk")
    pair = Pair.objects.create(
        project=filled.project, segment=row, substitutions=1, deletions=0, insertions=0,
        first_words=4, second_words=4, character_edits=2, first_characters=10, second_characters=10,
        compared_at=timezone.now(),
    )  # fmt: skip
    for place, author in ((1, second), (2, filled.annotator)):
        Reading.objects.create(
            pair=pair, segment=row, place=place, author=author, kind="save", text="x", base_revision=1
        )
    Pair.objects.update(state="agreed", revision=2)
    GoldScore.objects.create(
        gold=Gold.objects.create(project=filled.project, segment=row, text="gold"), project=filled.project,
        annotator=second, profile="spoken-1", substitutions=0, deletions=0, insertions=1, words=4,
        character_errors=1, characters=4, passed=False, limit=0.1,
    )  # fmt: skip
    SampleCount.objects.create(project=filled.project, annotator=second, decided=20, drawn=2)
    rows = quality(filled.manager, filled, "agreement/")["rows"]
    assert [(r["annotator"], r["pairs"], r["agreed"], r["wer"], r["cer"]) for r in rows] == [
        (name, 1, 1.0, 0.25, 0.2) for name in ("everybody", "annotator", "second")
    ]
    assert [r["annotator"] for r in quality(second, filled, "agreement/")["rows"]] == ["second"]
    (told,) = quality(filled.manager, filled, "gold/")["rows"]
    assert (told["annotator"], told["pass_rate"], told["wer"], told["cer"]) == ("second", 0.0, 0.25, 0.25)
    (told,) = quality(filled.manager, filled, "drawn/")["rows"]
    assert (told["decided"], told["drawn"], told["share"]) == (20, 2, 0.1)
    for name in ("gold", "drawn"):
        assert quality(second, filled, f"{name}/")["rows"] == []
    address = f"/api/projects/{filled.project.pk}/quality/"
    seen = {
        by: Caller(filled.manager).get(f"{address}people/?by={by}&format=svg").body.decode()
        for by in BY["people"]
    }
    # Nothing was returned or reviewed here, and one pair says nothing about a person.
    drawn = {by: svg for by, svg in seen.items() if "second" in svg}
    assert drawn.keys() == {"moved", "effort", "heard", "gold"}
    assert len(set(drawn.values())) == 4
    for name in ("agreement", "gold", "drawn"):
        assert "second" in Caller(filled.manager).get(f"{address}{name}/?format=svg").body.decode()
