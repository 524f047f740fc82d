"""Score how likely a machine's text is wrong."""

from __future__ import annotations

from transcription.types import Flag, Signals


def risk(
    signals: Signals, text: str, duration_ms: int, flags: tuple[Flag, ...] = ()
) -> tuple[float, list[str]]:
    """Give a score 0..1 and the reasons."""
    raise NotImplementedError
