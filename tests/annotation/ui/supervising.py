"""Corrections for the admin's tests to look at, and a supervisor's presses of its actions."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.test import Client

from annotation.models import (
    Decision,
    Hypothesis,
    User,
)
from annotation.services import segments
from annotation.services.decisions import Evidence
from annotation.states import DecisionKind
from tests.factories import make_decoding, make_job, make_segment
from tests.personas import Cast

LIST = "/admin/annotation/correction/"
MACHINE = "we ship from bosh on friday"


def correct(
    cast: Cast, text: str = "we ship from Bosch on friday", *, by: User | None = None, **evidence: Any
) -> Decision:
    """Let a person correct a segment that a machine has heard."""
    segment = make_segment(cast.project, text=MACHINE, revision=1, state="draft", source="draft")
    decoding = make_decoding(make_job(segment.recording), segment)
    Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name="draft", model="demo-draft", text=MACHINE
    )
    _, decision = segments.decide(
        user=by or cast.annotator,
        segment=segment,
        kind=DecisionKind.SAVE,
        text=text,
        base_revision=1,
        evidence=Evidence(**evidence),
    )
    return decision


def whole(answer: Any) -> bytes:
    """Return all that a response streams."""

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    return async_to_sync(read)()


def press(client: Client, action: str, *rows: Decision, query: str = "", **form: str) -> Any:
    """Choose an action for some rows and confirm what it asks."""
    data: dict[str, Any] = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(f"{LIST}{query}", {**data, "select_across": "0", **form}, follow=True)
