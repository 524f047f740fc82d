"""Ways to spoil a clip: noise, a telephone line, clipping, speed; and windows that hold no speech at all.

Samples are mono float32 in -1..1 at 16 kHz. Everything is seeded by name, so that data made twice is the
same data.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE: Final = 16_000


def noise(samples: Samples, snr_db: float, seed: str, *, tilt: float = 0.5) -> Samples:
    """Add noise whose spectrum falls by `tilt` (0 white, 1 brown) at a signal-to-noise ratio in dB."""
    made = coloured(len(samples), seed, tilt)
    power = float(np.mean(samples**2)) or 1e-9
    made *= np.sqrt(power / 10 ** (snr_db / 10))
    return limited(samples + made)


def coloured(length: int, seed: str, tilt: float) -> Samples:
    """Make noise of unit power."""
    generator = np.random.default_rng(random.Random(seed).getrandbits(64))
    spectrum = np.fft.rfft(generator.standard_normal(length))
    spectrum /= np.maximum(1.0, np.arange(len(spectrum))) ** tilt
    made = np.fft.irfft(spectrum, length)
    return _single(made / np.sqrt(np.mean(made**2)))


def telephone(samples: Samples) -> Samples:
    """Keep 300 to 3400 Hz in eight bits of mu-law, as a telephone line does."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    line = np.clip(np.fft.irfft(spectrum, len(samples)), -1, 1)
    squeezed = np.sign(line) * np.log1p(255 * np.abs(line)) / np.log(256)
    squeezed = np.round(squeezed * 127) / 127
    return _single(np.sign(squeezed) * (256 ** np.abs(squeezed) - 1) / 255)


def clipped(samples: Samples, gain: float) -> Samples:
    """Overdrive the microphone: amplify the loudest sample to `gain` and cut at 1."""
    return _single(np.clip(samples * (gain / max(1e-6, float(np.max(np.abs(samples))))), -0.9, 0.9))


def faster(samples: Samples, factor: float) -> Samples:
    """Play faster (factor above 1) or slower, with the pitch, as a tape does."""
    places = np.arange(0, len(samples) - 1, factor)
    return _single(np.interp(places, np.arange(len(samples)), samples))


def crosstalk(samples: Samples, other: Samples, level_db: float) -> Samples:
    """Let another voice be heard underneath, `level_db` below the first."""
    repeated = np.resize(other, len(samples))
    scale = np.sqrt(np.mean(samples**2) / max(1e-9, float(np.mean(repeated**2)))) / 10 ** (level_db / 20)
    return limited(samples + repeated * scale)


def limited(samples: Any) -> Samples:
    """Scale down what goes over 1."""
    most = float(np.max(np.abs(samples))) if len(samples) else 0.0
    return _single(samples / max(1.0, most))


def variants(clip: str, samples: Samples, other: Samples) -> dict[str, Samples]:
    """Give the clip as it is and in every spoilt form, by name."""
    made: dict[str, Callable[[], Samples]] = {
        "clean": lambda: samples,
        "noise 15 dB": lambda: noise(samples, 15, f"{clip} 15"),
        "noise 8 dB": lambda: noise(samples, 8, f"{clip} 8"),
        "noise 3 dB": lambda: noise(samples, 3, f"{clip} 3"),
        "white 10 dB": lambda: noise(samples, 10, f"{clip} w", tilt=0.0),
        "telephone": lambda: telephone(samples),
        "telephone 8 dB": lambda: telephone(noise(samples, 8, f"{clip} t")),
        "clipped": lambda: clipped(samples, 8.0),
        "faster": lambda: faster(samples, 1.35),
        "faster 10 dB": lambda: noise(faster(samples, 1.25), 10, f"{clip} f"),
        "slower": lambda: faster(samples, 0.75),
        "crosstalk": lambda: crosstalk(samples, other, 9),
    }
    return {name: make() for name, make in made.items()}


def speechless(number: int) -> Samples:
    """Make a window of 2 to 12 s without a voice: silence with a hiss, noise, mains hum, or a few tones."""
    dice = random.Random(f"speechless {number}")
    length = dice.randint(2, 12) * RATE
    time = np.arange(length) / RATE
    kind = number % 4
    if kind == 0:
        return _single(coloured(length, f"s{number}", 0.3) * 10 ** dice.uniform(-4, -3))
    if kind == 1:
        return limited(coloured(length, f"s{number}", dice.choice((0.0, 0.5, 1.0))) * dice.uniform(0.02, 0.2))
    if kind == 2:
        hum = sum(np.sin(2 * np.pi * 50 * n * time) / n for n in (1, 2, 3, 5))
        return _single(0.1 * np.asarray(hum) + 0.002 * coloured(length, f"s{number}", 0.5))
    notes = np.repeat(
        [dice.choice((220.0, 262.0, 330.0, 392.0, 440.0)) for _ in range(length // 4000 + 1)], 4000
    )
    phase = np.cumsum(2 * np.pi * np.repeat(notes, 4000)[:length] / RATE)
    return _single(0.15 * np.sin(phase) + 0.05 * np.sin(2 * phase))


def _single(samples: Any) -> Samples:
    made: Samples = np.asarray(samples, dtype=np.float32)
    return made
