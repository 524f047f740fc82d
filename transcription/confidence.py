"""Score how likely a machine's text needs correcting, from what the engine measured.

Each signal gives a value 0..1 between a point where it says nothing and a point where it is alarming, and a
weight says how far it may be trusted alone. The score is one minus the product of what each leaves: several
weak signs add up, and one strong sign is enough. The points are those of Whisper's own thresholds, widened;
they are not yet calibrated on corrections, so the score orders rows and is no probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcription.types import Flag, Signals


@dataclass(frozen=True, slots=True)
class _Sign:
    reason: str
    calm: float
    alarming: float
    weight: float

    def strength(self, value: float) -> float:
        """Give 0 at the calm point or before it, the weight at the alarming point or past it."""
        share = (value - self.calm) / (self.alarming - self.calm)
        return self.weight * min(1.0, max(0.0, share))


_LOGPROB: Final = _Sign("unsure", calm=-0.25, alarming=-1.0, weight=0.8)
_NO_SPEECH: Final = _Sign("maybe_no_speech", calm=0.2, alarming=0.8, weight=0.6)
_COMPRESSION: Final = _Sign("repetition", calm=1.8, alarming=2.4, weight=0.9)
_TEMPERATURE: Final = _Sign("retried", calm=0.0, alarming=1.0, weight=0.6)
_FAST: Final = _Sign("too_many_characters", calm=22.0, alarming=35.0, weight=0.8)
_SLOW: Final = _Sign("too_few_characters", calm=4.0, alarming=0.5, weight=0.5)
_LANGUAGE: Final = _Sign("language_uncertain", calm=0.8, alarming=0.3, weight=0.5)
_FLAGS: Final[dict[Flag, tuple[str, float]]] = {
    "repetition": ("repetition", 0.9),
    "token_limit": ("cut_by_length_limit", 0.8),
    "low_logprob": ("unsure", 0.8),
    "no_speech": ("no_speech", 0.3),
    "silence": ("silence", 0.05),
    "too_short": ("too_short", 0.1),
}
_SLOW_FROM_MS: Final = 1_500
"""Shorter windows are often one word, and pauses around it are no sign of missing text."""
_LEAST_SHOWN: Final = 0.1


def risk(
    signals: Signals, text: str, duration_ms: int, flags: tuple[Flag, ...] = ()
) -> tuple[float, list[str]]:
    """Give a score 0 (nothing speaks against the text) to 1, and the reasons, strongest first.

    Reasons are stable codes: unsure, maybe_no_speech, repetition, retried, too_many_characters,
    too_few_characters, language_uncertain, cut_by_length_limit, no_speech, silence, too_short.
    """
    strengths: dict[str, float] = {}

    def add(reason: str, strength: float) -> None:
        strengths[reason] = max(strength, strengths.get(reason, 0.0))

    for flag in flags:
        if flag in _FLAGS:
            add(*_FLAGS[flag])
    if text:
        add(_LOGPROB.reason, _LOGPROB.strength(signals.avg_logprob))
        add(_NO_SPEECH.reason, _NO_SPEECH.strength(signals.no_speech_prob))
        add(_COMPRESSION.reason, _COMPRESSION.strength(signals.compression_ratio))
        add(_TEMPERATURE.reason, _TEMPERATURE.strength(signals.temperature))
        add(_LANGUAGE.reason, _LANGUAGE.strength(signals.language_probability))
        rate = len(text) * 1000 / max(1, duration_ms)
        add(_FAST.reason, _FAST.strength(rate))
        if duration_ms >= _SLOW_FROM_MS:
            add(_SLOW.reason, _SLOW.strength(rate))
    left = 1.0
    for strength in strengths.values():
        left *= 1.0 - strength
    shown = sorted((-strength, reason) for reason, strength in strengths.items() if strength >= _LEAST_SHOWN)
    if not shown and strengths.keys() & {"silence", "too_short"}:
        shown = [(0.0, reason) for reason in sorted(strengths.keys() & {"silence", "too_short"})]
    return round(1.0 - left, 4), [reason for _, reason in shown]
