"""How much of everything one run measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """State the amounts of one run. `real` asks for the real model and human voices where they can be had."""

    real: bool
    rounds: int
    recording_s: int
    """The recording of P1 and P2, and of P4."""
    hour_s: int
    """The upload of P5, P12 and P13."""
    full_stop_s: float
    """After so long the hour is stopped in full context; in fitted context it goes to its end."""
    day_s: int
    """The recording whose preparation must not take more memory than a short one."""
    clips: int
    text_clips: int
    """Of these, how many are also decoded without word times."""
    dictated: int
    """Clips from the microphone while bulk work runs."""
    dictated_every_s: float
    scaling_s: int
    writers: int
    saves: int
    scored_rows: int
    """Segments of the project whose quality page is read."""
    found_segments: int
    """Segments that are searched."""
    audit_events: int
    """Events behind the lists of the admin."""
    table_rows: int
    """Rows of the table that is imported."""
    exported_rows: int
    """Rows of the project that is exported."""


FULL: Final = Sizes(
    real=True,
    rounds=1,
    recording_s=600,
    hour_s=3600,
    full_stop_s=45.0,
    day_s=36_000,
    clips=200,
    text_clips=20,
    dictated=30,
    dictated_every_s=1.5,
    scaling_s=300,
    writers=8,
    saves=200,
    found_segments=1_000_000,
    audit_events=1_000_000,
    table_rows=100_000,
    exported_rows=100_000,
    scored_rows=100_000,
)

QUICK: Final = Sizes(
    real=False,
    rounds=1,
    recording_s=20,
    hour_s=40,
    full_stop_s=2.0,
    day_s=60,
    clips=4,
    text_clips=1,
    dictated=2,
    dictated_every_s=0.1,
    scaling_s=40,
    writers=2,
    saves=5,
    found_segments=1_500,
    audit_events=1_000,
    table_rows=500,
    exported_rows=200,
    scored_rows=600,
)
"""A smoke run: it shows that everything works, and its figures say nothing."""
