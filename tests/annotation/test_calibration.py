"""A project's corrections teach what its scores are worth; the order of texts stays."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from annotation.models import Hypothesis, Project, RiskCalibration, Segment
from annotation.services import calibration
from annotation.services.clock import ClockTimestamp
from annotation.states import SegmentState, Source
from tests.factories import make_decoding, make_job, make_project, make_recording
from transcription.confidence import risk
from transcription.monotone import read_off
from transcription.types import Signals

pytestmark = pytest.mark.django_db

CALM = Signals(-0.1, 0.01, 1.2, 0.0, "en", 1.0, 20)
HEARD = "a sentence of ordinary length and pace"


def correct(project: Project, count: int, *, changed_where: float, seed: int = 1) -> None:
    """Let people correct: texts whose log-probability is below `changed_where` are mostly changed."""
    generator = random.Random(seed)
    recording = make_recording(project, duration_ms=3_000_000)
    decoding = make_decoding(
        make_job(recording), Segment(project=project, recording=recording, end_ms=1, start_ms=0)
    )
    for number in range(count):
        logprob = -1.2 * generator.random()
        wrong = generator.random() < (0.9 if logprob < changed_where else 0.05)
        segment = Segment.objects.create(
            project=project, recording=recording, start_ms=3_000 * number, end_ms=3_000 * number + 2_800,
            text="another sentence of ordinary length" if wrong else HEARD,
            state=SegmentState.CORRECTED, source=Source.HUMAN, revision=2,
        )  # fmt: skip
        signals = replace(CALM, avg_logprob=logprob).to_json()
        Hypothesis.objects.create(
            decoding=decoding, segment=segment, pass_name="draft", model="demo-draft", text=HEARD,
            signals={**signals, "flags": []},
        )  # fmt: skip


def test_nothing_is_learnt_from_few_corrections() -> None:
    project = make_project()
    correct(project, calibration.MIN_SEGMENTS - 1, changed_where=-0.6)
    assert calibration.learn(project) == []
    assert calibration.learn_where_due() == 0
    assert calibration.maps_for([(project.pk, "demo-draft")]) == {}


def test_a_map_says_what_people_did_and_keeps_the_order() -> None:
    project = make_project()
    correct(project, 240, changed_where=-0.6)
    (row,) = calibration.learn(project)
    assert (row.model, row.segments) == ("demo-draft", 240)
    points = calibration.maps_for([(project.pk, "demo-draft"), (project.pk, "other")])[
        project.pk, "demo-draft"
    ]
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(points))
    calm, _ = risk(CALM, HEARD, 2_800, calibration=points)
    bad, _ = risk(replace(CALM, avg_logprob=-1.0), HEARD, 2_800, calibration=points)
    assert calm < 0.2
    assert bad > 0.75


def test_a_map_that_predicts_nothing_is_not_used() -> None:
    project = make_project()
    generator = random.Random(9)
    plain = [(score, float(generator.random() < score)) for score in (generator.random() for _ in range(400))]
    assert not calibration._predicts_better(plain) or read_off(calibration._map(plain), 0.5) == pytest.approx(
        0.5, abs=0.15
    )
    correct(project, 120, changed_where=-9)
    (row,) = calibration.learn(project)
    assert row.points == [] or read_off(row.points, 0.9) < 0.5


def test_it_is_learnt_again_when_people_have_gone_on() -> None:
    project = make_project()
    correct(project, calibration.MIN_SEGMENTS, changed_where=-0.6)
    assert calibration.learn_where_due() == 1
    assert calibration.learn_where_due() == 0
    correct(project, calibration.NEW_FOR_LEARNING, changed_where=-0.6, seed=2)
    Segment.objects.filter(recording=project.recordings.latest("pk")).update(updated_at=ClockTimestamp())
    assert calibration.learn_where_due() == 1
    assert RiskCalibration.objects.get().segments == calibration.MIN_SEGMENTS + calibration.NEW_FOR_LEARNING
