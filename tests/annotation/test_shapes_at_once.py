"""Two people who change the shapes of one recording at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from django.db import connection

from annotation.errors import Invalid
from annotation.models import Segment
from annotation.services import shapes
from annotation.services.shapes import Grip
from tests.factories import make_recording, make_segment
from tests.personas import Cast, make_cast
from tests.waiting import PATIENCE_S


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


def test_two_who_move_edges_towards_each_other_do_not_overlap(people: Cast) -> None:
    recording = make_recording(people.project, duration_ms=60_000)
    rounds = 25
    together = threading.Barrier(2)
    pairs = [
        [
            make_segment(people.project, recording=recording, start_ms=at, end_ms=at + 500, state="draft")
            for at in (2000 * n, 2000 * n + 1000)
        ]
        for n in range(rounds)
    ]

    def work(number: int) -> int:
        moved = 0
        try:
            for pair in pairs:
                row = pair[number]
                towards = (0, 450) if number == 0 else (-450, 0)
                start, end = row.start_ms + towards[0], row.end_ms + towards[1]
                user = people.annotator if number == 0 else people.reviewer
                together.wait(PATIENCE_S)
                try:
                    shapes.move_edges(user=user, segment=row, start_ms=start, end_ms=end, grip=Grip(0))
                    moved += 1
                except Invalid:
                    pass
        finally:
            connection.close()
        return moved

    with ThreadPoolExecutor(2) as pool:
        moved = sum(pool.map(work, range(2)))
    rows = list(Segment.objects.filter(recording=recording).order_by("start_ms"))
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(rows))
    assert moved == rounds
