"""The contract every engine keeps: windows in, what was heard out, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from transcription.types import SAMPLE_RATE, DecodingOptions, Heard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WindowAudio:
    """One window's samples: mono float32 in -1..1 at `sample_rate` Hz, shape `(n,)`.

    `language` overrides the options for this window, so that recordings of several languages share a batch.
    """

    samples: Samples
    sample_rate: int = SAMPLE_RATE
    language: str | None = None

    @property
    def duration_ms(self) -> int:
        """Give the length in whole milliseconds, rounded down."""
        return len(self.samples) * 1000 // self.sample_rate


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What has to be stored beside a text for it to be made again: model, its hash, device, arithmetic,
    version.
    """

    name: str
    model_sha256: str
    device: str
    compute_type: str
    version: str
    multilingual: bool
    window_ms: int


class Engine(Protocol):
    """Decodes batches of windows. One instance belongs to one process: load it where it decodes, never before
    a fork.
    """

    @property
    def info(self) -> EngineInfo:
        """Give what is stored with each result."""
        ...

    def decode(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> list[Heard]:
        """Decode windows, of one recording or of many, and give as many results in the same order.

        Raises EngineError: `bad_input` for samples that break the contract of WindowAudio, `bad_option`,
        `out_of_memory` (a smaller batch may pass), `decode_failed`.
        """
        ...
