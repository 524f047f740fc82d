"""What goes into the model: pieces of windows with their features, and packs of them.

Everything here is processor work that lets go of the GIL (numpy), for the thread that makes batches ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from transcription.engines import levels
from transcription.packing import GAP_MS, LONGEST_CLIP_MS, plan_packs
from transcription.types import SAMPLES_PER_MS, DecodingOptions

if TYPE_CHECKING:
    from transcription.engines.base import Samples

FRAME_MS: Final = 10
FULL_FRAMES: Final = 3_000
"""Feature frames that Whisper was trained on: 30 s."""
_BUCKETS: Final = (400, 600, 800, 1_000, 1_200, 1_500, 2_000, FULL_FRAMES)
"""Lengths that windows are padded to in `fit` context; windows of one length share a batch."""

Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stretch of sound that fits the model: samples, unpadded features `(mels, frames)`, levels.

    `language` is None where it is to be detected. `samples` of a pack are not kept: its clips have them.
    """

    samples: Samples
    features: Features
    levels: NDArray[np.float32]
    language: str | None

    @property
    def frames(self) -> int:
        """Give the number of feature frames, of 10 ms each."""
        return int(self.features.shape[-1])

    @property
    def duration_ms(self) -> int:
        """Give the length of the sound in whole milliseconds."""
        return len(self.samples) // SAMPLES_PER_MS


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """Clips of one language in one window: the whole as a piece, the clips, and where each begins in ms."""

    whole: Piece
    clips: tuple[Piece, ...]
    starts_ms: tuple[int, ...]


def make_piece(samples: Samples, language: str | None, extract: Callable[[Samples], Features]) -> Piece:
    """Compute features and levels of at most 30 s of sound."""
    return Piece(samples, extract(samples)[:, :FULL_FRAMES], levels.levels(samples), language)


def padded_frames(piece: Piece, options: DecodingOptions) -> int:
    """Give the length a piece is padded to: full, or the first bucket that holds it and the margin."""
    if options.context == "full":
        return FULL_FRAMES
    wanted = piece.frames + options.margin_ms // FRAME_MS
    return next((frames for frames in _BUCKETS if frames >= wanted), FULL_FRAMES)


def stack(pieces: Sequence[Piece], frames: int) -> NDArray[np.float32]:
    """Give `(pieces, mels, frames)`, padded with zeros as Whisper's own extractor pads features."""
    padded = np.zeros((len(pieces), pieces[0].features.shape[0], frames), dtype=np.float32)
    for row, piece in enumerate(pieces):
        padded[row, :, : piece.frames] = piece.features[:, :frames]
    return padded


def make_packs(clips: Sequence[Piece]) -> list[Pack]:
    """Pack clips of one mark, in order; those that stay alone are in no pack.

    Features are joined, not samples: each clip's are scaled by its own loudest moment, so a quiet clip is not
    lost beside a loud one, and nothing of a clip depends on its neighbours but what the model makes of them.
    """
    packs = []
    for language in dict.fromkeys(clip.language for clip in clips if clip.language is not None):
        same = [clip for clip in clips if clip.language == language]
        for indexes in plan_packs([clip.frames * FRAME_MS for clip in same]):
            chosen = [same[index] for index in indexes]
            if len(chosen) > 1:
                packs.append(_join(chosen))
    return packs


def may_be_packed(piece: Piece) -> bool:
    """Tell whether a clip is short enough, and of a known language: a pack has but one."""
    return piece.language is not None and piece.duration_ms <= LONGEST_CLIP_MS


def _join(clips: Sequence[Piece]) -> Pack:
    gap = np.zeros((clips[0].features.shape[0], GAP_MS // FRAME_MS), dtype=np.float32)
    parts: list[Features] = []
    starts, at = [], 0
    for clip in clips:
        if parts:
            parts.append(gap)
            at += GAP_MS
        starts.append(at)
        parts.append(clip.features)
        at += clip.frames * FRAME_MS
    nothing = np.zeros(0, dtype=np.float32)
    whole = Piece(nothing, np.concatenate(parts, axis=1), nothing, clips[0].language)
    return Pack(whole, tuple(clips), tuple(starts))
