"""Rows for tests, made the short way: with defaults that are valid and nothing that is not asked for."""

from __future__ import annotations

import hashlib
import itertools
from functools import lru_cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction

from annotation.models import (
    Decoding,
    Job,
    Membership,
    Project,
    Recording,
    Review,
    Revision,
    Segment,
    User,
)
from annotation.states import JobKind, Pass, RecordingState, Role, SegmentState, Source
from transcription.types import DecodingOptions

_numbers = itertools.count(1)


def make_user(username: str, *, password: str | None = None, **values: Any) -> User:
    """Make a person; without a password they cannot log in."""
    user = User(username=username, **values)
    user.password = _hash(password)
    user.save()
    return user


@lru_cache(maxsize=16)
def _hash(password: str | None) -> str:
    # Argon2 is slow on purpose; one hash per password is enough for a test run.
    return make_password(password)


def make_project(name: str = "Project", **values: Any) -> Project:
    """Make a project that uses the demo models and, unless told, leaves nothing to chance."""
    values = {
        "draft_model": "demo-draft",
        "refine_model": "demo-refine",
        "language": "en",
        "review_percent": 0,
        **values,
    }
    return Project.objects.create(name=name, **values)


def make_recording(project: Project, **values: Any) -> Recording:
    """Make a recording that is ready, ten seconds long unless told; no file lies behind it."""
    number = next(_numbers)
    values = {
        "name": f"recording-{number}.wav",
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "size_bytes": 320_044,
        "state": RecordingState.READY,
        "duration_ms": 10_000,
        **values,
    }
    return Recording.objects.create(project=project, **values)


def make_segment(project: Project, *, recording: Recording | None = None, **values: Any) -> Segment:
    """Make a segment of one second; a text needs its `revision` and gets its Revision row."""
    recording = recording or make_recording(project)
    start = values.pop("start_ms", 0)
    values.setdefault("end_ms", start + 1000)
    accepted = values.get("state") == SegmentState.ACCEPTED
    if accepted:  # no row is born so: a reviewer says it
        values["state"] = SegmentState.CORRECTED
    segment = Segment.objects.create(project=project, recording=recording, start_ms=start, **values)
    for number in range(1, segment.revision + 1):
        Revision.objects.create(
            segment=segment,
            number=number,
            base=number - 1,
            text=segment.text,
            source=segment.source or Source.DRAFT,
        )
    if accepted:
        move(segment, SegmentState.ACCEPTED, by=_judge(project))
        segment.refresh_from_db()
    return segment


def _judge(project: Project) -> User:
    """Return a reviewer of the project who wrote nothing in it."""
    judge = User.objects.filter(username="judge").first() or make_user("judge")
    Membership.objects.get_or_create(project=project, user=judge, defaults={"role": Role.REVIEWER})
    return judge


def move(segment: Segment, state: str, *, by: User) -> None:
    """Put a segment into the state that the verdict of a reviewer leads to: accepted or returned."""
    accepted = state == "accepted"
    with transaction.atomic():
        now = Segment.objects.get(pk=segment.pk)
        Review.objects.create(
            project_id=now.project_id,
            segment=now,
            revision=now.revision,
            result=now.revision,
            verdict="accept" if accepted else "return",
            reason_code="" if accepted else "words",
            reviewer=by,
            annotator_id=now.annotator_id,
        )
        Segment.objects.filter(pk=now.pk).update(state=state)


def make_job(recording: Recording, **values: Any) -> Job:
    """Make a transcription job of a recording."""
    values = {"kind": JobKind.TRANSCRIBE, **values}
    return Job.objects.create(project=recording.project, recording=recording, **values)


def make_decoding(job: Job, segment: Segment, **values: Any) -> Decoding:
    """Queue a decoding over one segment."""
    options = DecodingOptions(language="en")
    values = {
        "pass_name": Pass.DRAFT,
        "model": "demo-draft",
        "options": options.to_json(),
        "options_digest": options.digest(),
        **values,
    }
    return Decoding.objects.create(
        project=segment.project,
        recording=segment.recording,
        job=job,
        channel=segment.channel,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        **values,
    )
