"""The language of a recording where nobody gave one: heard once, in its first segments, and then kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from annotation import progress
from annotation.models import Recording, Segment
from annotation.services.clock import ClockTimestamp
from annotation.states import LanguageScope, RecordingState
from transcription.types import Span

SEGMENTS: Final = 3
"""So many of the first segments decide. Always the same ones, so the same recording is heard the same."""


@dataclass(frozen=True, slots=True)
class Language:
    """Name the language of a recording (`en`), and its share of the probability when it was heard, 0..1."""

    code: str
    probability: float


def known(recording_ids: Iterable[int]) -> dict[int, Language | None]:
    """Return the detected language of recordings, None of those in which it has not been heard yet.

    Recordings whose project detects each segment by itself are left out.
    """
    rows = Recording.objects.filter(
        pk__in=set(recording_ids), project__language_scope=LanguageScope.RECORDING
    ).values_list("pk", "detected_language", "language_probability")
    return {pk: Language(code, probability or 0.0) if code else None for pk, code, probability in rows}


def first_segments(recording_id: int) -> list[tuple[int, Span]]:
    """Return the segments in which the language is heard, with their channels."""
    rows = Segment.objects.filter(recording=recording_id).order_by("start_ms", "channel", "pk")
    return [
        (channel, Span(start, end))
        for channel, start, end in rows.values_list("channel", "start_ms", "end_ms")[:SEGMENTS]
    ]


def settle(recording_id: int, code: str, probability: float) -> Language:
    """Write down the language that was heard, unless somebody was faster; return the one that holds."""
    rows = Recording.objects.filter(pk=recording_id, detected_language="").update(
        detected_language=code[:12], language_probability=probability, updated_at=ClockTimestamp()
    )
    if rows:
        project_id = Recording.objects.values_list("project_id", flat=True).get(pk=recording_id)
        progress.publish_on_commit(
            project_id, "recording.changed", {"recording": str(recording_id), "language": code}
        )
        return Language(code, probability)
    return known([recording_id]).get(recording_id) or Language(code, probability)


def is_prepared(recording_id: int) -> bool:
    """Tell whether the audio of a recording is whole."""
    return Recording.objects.filter(pk=recording_id, state=RecordingState.READY).exists()
