"""The tables of `annotation.states` are the law: every listed move is possible, no other is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Model, TextChoices
from django.utils import timezone

from annotation.database import MACHINES
from annotation.models import Decoding, Job, Pair, Recording, Review, Segment, Upload
from annotation.states import (
    DecodingState,
    JobState,
    PairState,
    RecordingState,
    SegmentState,
    UploadState,
)
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def an_upload(cast: Cast, state: str) -> Upload:
    return Upload.objects.create(
        project=cast.project,
        user=cast.manager,
        name="x",
        size_bytes=1,
        state=state,
        expires_at=timezone.now(),
    )


def a_decoding(cast: Cast, state: str) -> Decoding:
    segment = make_segment(cast.project)
    return make_decoding(make_job(segment.recording), segment, state=state)


def a_pair(cast: Cast, state: str) -> Pair:
    return Pair.objects.create(
        project=cast.project, segment=make_segment(cast.project), state=state, revision=1
    )


MADE: dict[type[Model], tuple[type[TextChoices], Callable[[Cast, str], Model]]] = {
    Upload: (UploadState, an_upload),
    Recording: (RecordingState, lambda cast, state: make_recording(cast.project, state=state)),
    Decoding: (DecodingState, a_decoding),
    Job: (JobState, lambda cast, state: make_job(make_recording(cast.project), state=state)),
    Segment: (SegmentState, lambda cast, state: make_segment(cast.project, state=state)),
    Pair: (PairState, a_pair),
}


#: Nothing else leads to these states (`test_reviews`).
VERDICTS = {
    SegmentState.ACCEPTED: {"verdict": "accept"},
    SegmentState.RETURNED: {"verdict": "return", "reason_code": "words"},
}


def judge(cast: Cast, segment: Segment, state: str) -> None:
    said = VERDICTS[SegmentState(state)]
    Review.objects.create(
        project=cast.project, segment=segment, reviewer=cast.reviewer, revision=0, result=0, **said
    )


@pytest.mark.parametrize("model", MADE, ids=lambda model: model.__name__)
def test_only_listed_moves_can_be_made(cast: Cast, model: type[Model]) -> None:
    states, make = MADE[model]
    machine = MACHINES[model._meta.db_table]
    assert set(machine) == set(states.values), "every state says where it may lead"
    for old in states.values:
        for new in states.values:
            row = make(cast, old)
            rows = model._default_manager.filter(pk=row.pk)
            if new == old or new in machine[old]:
                if isinstance(row, Segment) and new in VERDICTS:
                    judge(cast, row, new)
                assert rows.update(state=new) == 1
                continue
            with pytest.raises(DatabaseError, match=f"cannot go from {old} to {new}"), transaction.atomic():
                rows.update(state=new)
