"""Log-mel features in two steps, so that noise can be added between them, and the noise itself.

The first step (`log_power`) is linear-filterbank power in log10, un-normalised; the second (`normalize`) is
Whisper's clamp and scale. Filterbank and framing are faster-whisper's own, so training sees what inference
computes.
"""

import functools

import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor

MELS = 80
FRAMES_PER_SECOND = 100
FLOOR = -10.0
"""log10 power of digital silence (Whisper clips power at 1e-10)."""

Frames = npt.NDArray[np.float32]


@functools.cache
def _extractor() -> FeatureExtractor:
    return FeatureExtractor()


def log_power(samples: npt.NDArray[np.float32]) -> Frames:
    """Return log10 mel power, shape (frames, 80), 100 frames a second, at least -10."""
    extractor = _extractor()
    window = np.hanning(extractor.n_fft + 1)[:-1].astype(np.float32)
    spectrum = extractor.stft(
        samples, extractor.n_fft, extractor.hop_length, window=window, return_complex=True
    )
    power = extractor.mel_filters @ (np.abs(spectrum[..., :-1]) ** 2)
    frames: Frames = np.log10(np.clip(power, 10.0**FLOOR, None)).T.astype(np.float32)
    return frames


def normalize(frames: Frames) -> Frames:
    """Apply Whisper's normalisation: 8 decades of range under the loudest cell, then scaled to about -1 to
    1.5.
    """
    scaled: Frames = ((np.maximum(frames, frames.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
    return scaled


def coloured_noise(rng: np.random.Generator, count: int, slope: float) -> npt.NDArray[np.float32]:
    """Make `count` samples of unit-power noise, amplitude as frequency^-slope (0 white, 1 brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / 16_000), 50.0)
    noise = np.fft.irfft(spectrum / frequency**slope, count)
    scaled: npt.NDArray[np.float32] = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return scaled


def noise_beds(seconds: int = 40, colours: int = 6) -> list[Frames]:
    """Return mel *power* (not log) of several noise colours, each of mean 1, shape (frames, 80)."""
    rng = np.random.default_rng(0)
    beds = []
    for colour in range(colours):
        power = 10.0 ** log_power(coloured_noise(rng, seconds * 16_000, 0.2 * colour))
        beds.append((power / power.mean()).astype(np.float32))
    return beds
