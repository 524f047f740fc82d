"""Pauses are found relative to the recording's own noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transcription import media
from transcription.silence import LevelMeter, PauseFinder, find_silences, step_levels
from transcription.types import Span


def _pauses(samples: NDArray[np.int16]) -> tuple[Span, ...]:
    return find_silences(step_levels(samples), -(-len(samples) // 16))


def _speech(milliseconds: int, dbfs: float, seed: int) -> NDArray[np.int16]:
    """Make noise whose loudness swings five times a second, as syllables do."""
    samples = media.noise(milliseconds, dbfs, seed).astype(np.float64)
    swing = 0.6 + 0.4 * np.sin(2 * np.pi * 5 * np.arange(len(samples)) / 16_000)
    return np.rint(samples * swing).astype(np.int16)


@pytest.mark.parametrize(("speech", "room"), [(-20, -70), (-20, -50), (-35, -60), (-45, -68), (-20, -38)])
def test_a_pause_is_found_at_any_level(speech: float, room: float) -> None:
    spoken = [_speech(3_000, speech, seed) for seed in range(3)]
    rest = [media.noise(600, room, seed) for seed in (7, 8)]
    pauses = _pauses(np.concatenate([spoken[0], rest[0], spoken[1], rest[1], spoken[2]]))
    assert [(round(p.start_ms, -1), round(p.end_ms, -1)) for p in pauses] == [(3_000, 3_600), (6_600, 7_200)]


def test_the_threshold_follows_the_noise() -> None:
    # Two minutes in a quiet room, then two on a street as loud as the first room's speech.
    parts = []
    for room, speech in ((-65, -35), (-35, -12)):
        for seed in range(30):
            parts += [_speech(3_400, speech, seed), media.noise(600, room, seed + 50)]
    pauses = _pauses(np.concatenate(parts))
    # 60 there are; the few within half a minute of the change may be missed.
    assert 52 <= len(pauses) <= 60
    assert all(500 <= pause.duration_ms <= 700 for pause in pauses)


def test_digital_silence_does_not_hide_the_noise_of_the_rest() -> None:
    parts = [np.zeros(16_000 * 20, dtype=np.int16)]
    for seed in range(8):
        parts += [_speech(2_000, -20, seed), media.noise(500, -50, seed)]
    pauses = _pauses(np.concatenate(parts))
    assert pauses[0] == Span(0, 20_000)
    assert len(pauses) == 9


@pytest.mark.parametrize("samples", [media.noise(20_000, -30), media.tone(20_000), media.noise(20_000, -60)])
def test_steady_sound_has_no_pauses(samples: NDArray[np.int16]) -> None:
    assert _pauses(samples) == ()


def test_nothing_at_all_is_one_pause_to_the_end() -> None:
    assert _pauses(np.zeros(16_007, dtype=np.int16)) == (Span(0, 1_001),)
    assert _pauses(np.zeros(0, dtype=np.int16)) == ()


def test_a_click_does_not_end_a_pause_and_a_short_gap_is_none() -> None:
    rest = media.noise(1_000, -65)
    rest[8_000:8_200] = 9_000
    gap = media.noise(120, -65)
    pauses = _pauses(
        np.concatenate([_speech(2_000, -20, 1), rest, _speech(2_000, -20, 2), gap, _speech(2_000, -20, 3)])
    )
    assert len(pauses) == 1
    assert pauses[0].duration_ms >= 980


def test_offset_and_hum_are_no_speech() -> None:
    hum = media.tone(9_000, -45, 50.0)
    hum[3_000 * 16 : 6_000 * 16] += _speech(3_000, -20, 1)
    pauses = _pauses(hum + np.int16(800))
    assert [(round(p.start_ms, -2), round(p.end_ms, -2)) for p in pauses] == [(0, 3_000), (6_000, 9_000)]


@pytest.mark.parametrize("softer_db", [10, 20, 30])
def test_a_softer_speaker_between_digital_pauses_is_not_silence(softer_db: int) -> None:
    rng = np.random.default_rng(softer_db)
    loud = 0.9
    soft = loud * 10 ** (-softer_db / 20)
    pause = np.zeros(9_600)
    parts: list[NDArray[np.float64]] = [pause]
    for peak in [soft] * 10 + [loud]:
        time = np.arange(19_200) / 16_000
        parts += [peak * np.sin(2 * np.pi * rng.uniform(150, 3000) * time), pause]
    samples = (np.concatenate(parts) * 32767).astype(np.int16)
    found = find_silences(step_levels(samples), len(samples) // 16)
    assert len(found) == 12
    assert all(550 <= span.duration_ms <= 650 for span in found)


@pytest.mark.parametrize("seed", range(6))
def test_what_comes_in_pieces_has_the_pauses_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(50):
        level = rng.choice([-15, -20, -35, -50])
        parts.append(_speech(int(rng.integers(10, 6_000)), float(level), int(rng.integers(1000))))
        room = rng.choice([-120, -75, -65, -45])
        parts.append(media.noise(int(rng.choice([20, 150, 400, 2_000, 40_000])), float(room)))
    samples = np.concatenate(parts)
    duration_ms = -(-len(samples) // 16)
    whole = list(_pauses(samples))
    assert whole
    meter, finder = LevelMeter(), PauseFinder()
    found: list[Span] = []
    at = settled = 0
    while at < len(samples):
        size = int(rng.choice([1, 50, 159, 160, 3_000, 80_000, 400_000]))
        new = finder.feed(meter.feed(samples[at : at + size]))
        at += size
        assert all(span.start_ms >= settled for span in new)
        settled = finder.settled_ms
        assert settled <= at // 16
        found += new
        assert found == [span for span in whole if span.start_ms < settled]
    assert found + finder.finish(duration_ms) == whole


def test_a_pause_is_known_within_a_minute() -> None:
    meter, finder = LevelMeter(), PauseFinder()
    for seed in range(40):
        finder.feed(meter.feed(np.concatenate([_speech(3_400, -20, seed), media.noise(600, -60, seed)])))
        if seed >= 10:
            assert finder.settled_ms >= 4_000 * (seed + 1) - 40_000
