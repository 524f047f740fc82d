"""What tests of the workbench's addresses share."""

from __future__ import annotations

from typing import Any

from annotation.models import (
    Hypothesis,
    Segment,
)
from annotation.states import Pass
from tests.factories import make_decoding, make_job


def url(segment: Segment | str, tail: str = "") -> str:
    return f"/api/segments/{segment if isinstance(segment, str) else segment.pk}/{tail}"


def hear(segment: Segment, text: str, pass_name: Pass = Pass.DRAFT, job: Any = None) -> Hypothesis:
    """Give a segment a hypothesis whose words lie evenly in it."""
    decoding = make_decoding(
        job or make_job(segment.recording),
        segment,
        pass_name=pass_name,
        state="done",
        model=f"demo-{pass_name}",
    )
    spoken = text.split()
    step = (segment.end_ms - segment.start_ms) // len(spoken)
    words = [
        [segment.start_ms + n * step, segment.start_ms + (n + 1) * step, f" {word}", 0.9]
        for n, word in enumerate(spoken)
    ]
    return Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name=pass_name, model=f"demo-{pass_name}", text=text,
        words=words, risk=0.4,
    )  # fmt: skip


# -- Decisions ----------------------------------------------------------------------------------------------
