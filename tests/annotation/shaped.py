"""What tests of shapes share: segments of a second a word, as a model heard them."""

from __future__ import annotations

from typing import Any

from annotation.models import Hypothesis, Recording, Segment
from tests.factories import make_decoding, make_job, make_segment
from tests.personas import Cast

WORDS = "one two three four five six"


def heard(cast: Cast, recording: Recording, start: int, text: str, **values: Any) -> Segment:
    """Make a segment of a second a word, heard by the draft model."""
    words = text.split()
    values = {
        "state": "draft",
        "source": "draft",
        "revision": 1,
        "risk": 0.3,
        "risk_reasons": ["fast"],
        **values,
    }
    segment = make_segment(
        cast.project,
        recording=recording,
        start_ms=start,
        end_ms=start + 1000 * len(words),
        text=text,
        **values,
    )
    hear(segment, text)
    return segment


def hear(segment: Segment, text: str, kind: str = "draft") -> Hypothesis:
    decoding = make_decoding(make_job(segment.recording), segment, pass_name=kind, state="done")
    placed = [
        [segment.start_ms + 1000 * n, segment.start_ms + 1000 * (n + 1), f" {word}", 0.5]
        for n, word in enumerate(text.split())
    ]
    return Hypothesis.objects.create(
        decoding=decoding, segment=segment, pass_name=kind, model=f"demo-{kind}", text=text, words=placed
    )


def live(recording: Recording) -> list[tuple[int, int, str, str]]:
    rows = Segment.objects.filter(recording=recording).order_by("start_ms", "id")
    return [(row.start_ms, row.end_ms, row.text, row.state) for row in rows]
