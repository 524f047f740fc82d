"""Cut recordings into segments and plan the windows that are decoded. Pure functions of integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from transcription.types import Span

Quietest = Callable[[int, int], int]


def cut_at_pauses(
    duration_ms: int,
    silences: Sequence[Span],
    *,
    target_ms: int = 8_000,
    max_ms: int = 25_000,
    min_ms: int = 1_000,
    pause_ms: int | None = None,
    pad_ms: int = 120,
    quietest: Quietest | None = None,
) -> list[Span]:
    """Cut at pauses."""
    raise NotImplementedError


def cut_fixed(duration_ms: int, length_ms: int = 30_000) -> list[Span]:
    """Cut every `length_ms`."""
    raise NotImplementedError


def plan_windows(segments: Sequence[Span], max_window_ms: int = 28_000, *, merge: bool = False) -> list[Span]:
    """Plan what the decoder is given at once."""
    raise NotImplementedError
