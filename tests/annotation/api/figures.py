"""A project whose figures are known, and its quality as the API tells it."""

from __future__ import annotations

import random
from typing import Any

from annotation.models import (
    Decision,
    Membership,
    Segment,
    User,
)
from annotation.services import scoring
from annotation.states import DecisionKind, Role
from tests.annotation.api.calling import Caller
from tests.annotation.test_scoring import hear, pairs
from tests.factories import make_recording, make_user
from tests.personas import Cast


def quality(person: User | Caller, cast: Cast, rest: str = "") -> Any:
    caller = person if isinstance(person, Caller) else Caller(person)
    answer = caller.get(f"/api/projects/{cast.project.pk}/quality/{rest}")
    assert answer.status == 200, answer.json
    return answer.json


def decide(segment: Segment, author: User, **values: Any) -> Decision:
    return Decision.objects.create(
        project=segment.project, segment=segment, kind=values.pop("kind", DecisionKind.SAVE), author=author,
        audio_ms=segment.end_ms - segment.start_ms, **values,
    )  # fmt: skip


def another(cast: Cast) -> User:
    """Return another annotator of the project."""
    person = make_user("second")
    Membership.objects.create(project=cast.project, user=person, role=Role.ANNOTATOR)
    return person


def fill(cast: Cast, second: User) -> Cast:
    """Fill a project: two annotators, two models, a planted word, twelve recordings, three languages."""
    dice = random.Random(17)
    for number, (reference, text) in enumerate(pairs(60, seed=2)):
        author = cast.annotator if number % 3 else second
        if number % 5 == 0:
            recording = make_recording(cast.project, duration_ms=10_000_000)
        planted = number % 10 == 0
        segment = hear(
            cast.project, f"{reference} Bosch".strip(), f"{text} {'posch' if planted else 'bosch'}",
            refined=f"{reference} bosch" if number % 2 else None, author=author, recording=recording,
            risk=round(dice.random(), 3), language=("en", "de", "")[number % 3], speaker="AB"[number % 2],
        )  # fmt: skip
        decide(segment, author, active_ms=1_000, heard_share=1.0 if number % 2 else 0.5)
    scoring.score(cast.project)
    return cast
