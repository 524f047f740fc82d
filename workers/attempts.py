"""Decode a prepared batch; where it fails, find the windows that are at fault."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from transcription.errors import EngineError
from transcription.types import DecodingOptions, Heard
from workers import outcomes
from workers.batches import Failure, Prepared
from workers.database import first_line
from workers.pace import Pace

if TYPE_CHECKING:
    from transcription.engines.base import Engine, WindowAudio

log = logging.getLogger(__name__)

FINAL_CODES: Final = ("bad_option", "bad_input")
"""What no further attempt can mend."""


def decode(engine: Engine, made: Prepared, learnt: Pace) -> list[Heard | Failure]:
    """Decode a batch together; when that fails, in halves, so that one bad window takes no other along."""
    options = made.batch.options
    windows = [audio for _, audio in made.windows]
    if made.ready is not None:
        ready = made.ready
        made.ready = None  # its features are as large as the batch, and not needed twice
        return _attempt(engine, windows, options, learnt, lambda: engine.decode_ready(ready))
    return _attempt(engine, windows, options, learnt, lambda: engine.decode(windows, options))


def _attempt(
    engine: Engine,
    windows: Sequence[WindowAudio],
    options: DecodingOptions,
    learnt: Pace,
    call: Callable[[], list[Heard]],
) -> list[Heard | Failure]:
    try:
        return list(call())
    except EngineError as error:
        failure = Failure(error.code, error.message, final=error.code in FINAL_CODES)
        if error.code == outcomes.DEVICE_LOST:
            return [failure] * len(windows)
        if error.code == "bad_option":
            if not any(window.language for window in windows):
                return [failure] * len(windows)
            # Another model heard the language; one that does not know it hears for itself.
            windows = [replace(window, language=None) for window in windows]
            return _attempt(engine, windows, options, learnt, lambda: engine.decode(windows, options))
        if error.retry_smaller:
            learnt.shrink(len(windows))
    except MemoryError:
        learnt.shrink(len(windows))
        failure = Failure("out_of_memory", "There was not enough memory to decode this window.")
    except Exception as error:
        log.exception("decoding failed")
        failure = Failure("decode_failed", f"{type(error).__name__}: {first_line(error)}")
    if len(windows) == 1:
        return [failure]
    middle = len(windows) // 2
    return [
        heard
        for half in (windows[:middle], windows[middle:])
        for heard in _attempt(
            engine,
            half,
            options,
            learnt,
            lambda half=half: engine.decode(half, options),  # type: ignore[misc]
        )
    ]
