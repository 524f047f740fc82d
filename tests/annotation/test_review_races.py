"""Verdicts, saves and queues at the same moment: who wins, and that nothing mixes."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from annotation.errors import (
    AnnotationError,
)
from annotation.models import Membership, Review, User
from annotation.services import review_queue, segments
from annotation.states import Verdict
from tests.annotation.racing import at_once
from tests.annotation.reviewing import corrected, draw, judge, undrawn
from tests.factories import make_user
from tests.personas import Cast, make_cast


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


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
