"""Ten thousand calls at random leave no illegal row, and exactly one audit event for each change.

The suite takes a part of them; `WALK_CALLS=10000 pytest tests/annotation/test_random_walk.py` takes all.
"""

from __future__ import annotations

import os

import pytest
from django.db import connection
from django.db.models import Count, Exists, F, Max, OuterRef, Subquery

from annotation.models import Pair, Review, Revision, Segment
from tests.annotation.walking import RAW, Walk
from tests.personas import make_cast

CALLS = int(os.environ.get("WALK_CALLS", "480"))
SEEDS = (4711, 23)
LONG = 1000
"""Calls after which every state was reached; a shorter walk may miss one."""
ONE_IN = 8
"""Steps that are statements of the app role."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_walk_leaves_no_illegal_row_and_an_event_for_each_change(
    same_ids: None, redis_emptied: str, seed: int
) -> None:
    walk = Walk(make_cast(), seed)
    calls = CALLS // len(SEEDS)
    for number in range(calls):
        walk.call()
        if number % ONE_IN == 0:
            walk.statement()
        if number % 200 == 199:
            walk.replay.agrees()
    walk.replay.agrees()

    # It went somewhere: much was done, much was refused, and each kind of refusal was met.
    assert walk.statuses[200] > calls // 5, walk.statuses
    assert {400, 403, 404, 409, 423} <= walk.statuses.keys(), walk.statuses
    assert walk.raw["refused"] and walk.raw["done"] and walk.raw["logged"], walk.raw
    unreached = {"corrected", "skipped", "accepted", "returned"} - walk.replay.reached
    assert len(unreached) <= (calls < LONG), unreached
    assert Segment.everything.filter(locked=True).exists()

    accepted = Segment.everything.filter(state="accepted")
    assert not accepted.exclude(pk__in=Review.objects.exclude(verdict="return").values("segment")).exists()
    assert Pair.objects.exists()
    print("WALKED", walk.statuses, walk.raw, walk.replay.reached, Pair.objects.count())
    # What was to be looked at again is so in its parts.
    drawn = Segment.everything.filter(retired_at__isnull=False, second_check__done_at=None)
    parts = Segment.objects.filter(parents__in=drawn.exclude(second_check=None))
    assert not parts.filter(second_check=None).exists()
    # Nobody has judged a text that they had written.
    at = {"segment": OuterRef("segment"), "number": OuterRef("revision")}
    judged = Review.objects.annotate(text=Subquery(Revision.objects.filter(**at).values("text")))
    own = Revision.objects.filter(
        segment=OuterRef("segment"),
        author=OuterRef("reviewer"),
        number__lte=OuterRef("revision"),
        source="human",
        text=OuterRef("text"),
    )
    assert not judged.filter(Exists(own)).exists()
    gaps = Revision.objects.values("segment").annotate(n=Count("pk"), top=Max("number")).exclude(n=F("top"))
    assert not gaps.exists()


def test_every_statement_against_the_audit_is_refused_or_logged(same_ids: None, redis_emptied: str) -> None:
    """Each of them once, on rows of which some are locked."""
    walk = Walk(make_cast(), 5, segments=4)
    walk.send(f"/api/segments/{walk.any_segment().pk}/lock/", {}, by="reviewer")
    walk.replay.follow()
    for pattern in RAW:
        walk.statement(pattern)
    walk.replay.agrees()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit.event WHERE actor_name = 'nobody'")
        assert cursor.fetchone() == (0,)
