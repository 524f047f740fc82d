"""The contract every engine keeps: windows in, what was heard out, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from transcription.types import SAMPLE_RATE, DecodingOptions, Heard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WindowAudio:
    """One window's samples: mono float32 in -1..1 at `sample_rate` Hz, shape `(n,)`.

    `language` overrides the options for this window, so that recordings of several languages share a batch.
    `pack`: windows of a batch with an equal mark may share one window of the model where the options say
    `pack`; `transcription.packing.plan_packs` says which belong together.
    """

    samples: Samples
    sample_rate: int = SAMPLE_RATE
    language: str | None = None
    pack: str | None = None

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


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A batch that is ready for the device: checked, its features computed. Made by `Engine.ready`.

    It belongs to the engine that made it. `prepared` is that engine's own and nobody else's business.
    """

    windows: tuple[WindowAudio, ...]
    options: DecodingOptions
    prepared: Any = None


class Engine(Protocol):
    """Decodes batches of windows. One instance belongs to one process: load it where it decodes, never before
    a fork.

    Work is in two halves, so that the processor makes the next batch ready while the device decodes this one:
    `ready` may be called from any thread, also while `decode_ready` runs in another; `decode_ready` is called
    by one thread at a time.
    """

    @property
    def info(self) -> EngineInfo:
        """Give what is stored with each result."""
        ...

    def ready(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> Ready:
        """Check windows and options and compute the features: processor work, for any thread.

        Raises EngineError: `bad_input` for samples that break the contract of WindowAudio, `bad_option`,
        `out_of_memory`.
        """
        ...

    def decode_ready(self, ready: Ready) -> list[Heard]:
        """Decode what `ready` made, and give as many results as it had windows, in the same order.

        Raises EngineError: `out_of_memory` (a smaller batch may pass), `device_unavailable` (the device was
        lost: the windows are not at fault), `decode_failed`.
        """
        ...

    def decode(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> list[Heard]:
        """Decode windows, of one recording or of many: `ready` and `decode_ready` in turn."""
        ...

    def detect_language(self, windows: Sequence[WindowAudio]) -> tuple[str, float]:
        """Tell the language that windows of one recording are in, and its share of the probability, 0..1.

        Windows that are too short or silent have no say. Where none has one, the share is 0.
        """
        ...
