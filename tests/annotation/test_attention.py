"""What a person looks at goes before everything else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from annotation.errors import NotFound
from annotation.models import Decoding, Recording
from annotation.services import attention, decodings, recordings
from annotation.services.decodings import Fit
from annotation.states import Pass, Priority, RecordingState
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    bells: list[str] = []
    monkeypatch.setattr(attention, "ring_on_commit", bells.append)
    yield bells


def with_windows(cast: Cast, count: int = 2) -> Recording:
    recording = make_recording(cast.project)
    job = make_job(recording)
    for number in range(count):
        segment = make_segment(cast.project, recording=recording, start_ms=number * 1000)
        make_decoding(job, segment)
        make_decoding(job, segment, pass_name=Pass.REFINE, model="demo-refine", state="waiting")
    return recording


def test_the_recording_somebody_opened_is_next(cast: Cast, rung: list[str]) -> None:
    with_windows(cast)
    opened = with_windows(cast)
    assert attention.opened(user=cast.annotator, recording=opened) == 4
    assert rung == ["draft"], "its refines wait; there is nothing to ring for"
    batch = decodings.claim_batch(passes=(Pass.DRAFT, Pass.REFINE), worker="w", fit=Fit(8))
    assert batch is not None
    assert {c.recording_id for c in batch.decodings} == {opened.pk}, "nobody else's windows beside a person's"
    assert attention.opened(user=cast.annotator, recording=opened) == 0, "and what runs needs no haste"
    assert set(Decoding.objects.exclude(recording=opened).values_list("priority", flat=True)) == {0}


def test_a_recording_that_waits_is_prepared_next_and_its_windows_inherit_the_haste(
    cast: Cast, rung: list[str]
) -> None:
    first, second = (make_recording(cast.project, state=RecordingState.STORED) for _ in range(2))
    jobs = [make_job(recording) for recording in (first, second)]
    assert attention.opened(user=cast.annotator, recording=second) == 1
    assert rung == ["audio"]
    claimed = recordings.claim_next(worker="w")
    assert claimed is not None
    assert claimed.id == second.pk
    make_segment(cast.project, recording=second)
    decodings.plan(job=jobs[1], recording=second)
    assert set(Decoding.objects.values_list("priority", flat=True)) == {Priority.PERSON}


def test_only_who_may_see_a_recording_can_hurry_it(cast: Cast) -> None:
    recording = with_windows(cast)
    with pytest.raises(NotFound):
        attention.opened(user=cast.outsider, recording=recording)
    assert set(Decoding.objects.values_list("priority", flat=True)) == {0}
