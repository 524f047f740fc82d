"""Hold this process's engines: loaded when first needed, never before a fork, the least used unloaded."""

from __future__ import annotations

import gc
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, cast

from annotation.conf import conf
from transcription import catalog
from transcription.errors import ModelUnavailable

if TYPE_CHECKING:
    from transcription.engines.base import Engine

log = logging.getLogger(__name__)

MAX_HELD: Final = 2
"""Models in memory at once: two projects with different models take turns without loading each time."""
REMEMBER_S: Final = 30.0
"""A model that could not be had is not asked for again for so long, so that its queue fails quickly."""

OnDownload = Callable[[int, int], None]
"""Given bytes done and bytes in all."""


class Engines:
    """Hold up to `max_held` engines by model name, the least recently used one going first."""

    def __init__(self, max_held: int = MAX_HELD) -> None:
        self._max_held = max_held
        self._held: OrderedDict[str, Engine] = OrderedDict()
        self._refused: dict[str, tuple[float, ModelUnavailable]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """List the models in memory, the most recently used last."""
        return tuple(self._held)

    @property
    def device(self) -> str:
        """Name the device of the engines in memory; empty while there is none.

        The heart asks while the main thread loads and unloads, hence the copy.
        """
        return next((f"{e.info.device} {e.info.compute_type}" for e in list(self._held.values())), "")

    def get(self, model: str, on_download: OnDownload | None = None) -> Engine:
        """Return the engine of a model, loading and, where it is allowed, downloading it first.

        Raises ModelUnavailable with what to do, or EngineError `device_unavailable`.
        """
        engine = self._held.get(model)
        if engine is not None:
            self._held.move_to_end(model)
            return engine
        refused = self._refused.get(model)
        if refused is not None and time.monotonic() - refused[0] < REMEMBER_S:
            raise refused[1].with_traceback(None)
        while len(self._held) >= self._max_held:
            name, _ = self._held.popitem(last=False)
            gc.collect()
            log.info("model %s unloaded", name)
        began = time.monotonic()
        try:
            engine = _load(model, on_download)
        except ModelUnavailable as error:
            self._refused[model] = (time.monotonic(), error)
            raise
        self._refused.pop(model, None)
        self._held[model] = engine
        log.info("model %s loaded on %s in %.1f s", model, engine.info.device, time.monotonic() - began)
        return engine

    def drop(self) -> None:
        """Unload every engine: memory ran out, or the process ends."""
        self._held.clear()
        gc.collect()


def _load(model: str, on_download: OnDownload | None) -> Engine:
    settings = conf()
    if settings.engine == "fake":
        from workers.faults import FaultyEngine

        return FaultyEngine(model, settings.fake_engine)
    files = catalog.resolve(
        model,
        models_dir=settings.models_dir,
        bundled_dir=settings.bundled_models_dir,
        allow_download=settings.model_downloads,
        on_progress=on_download,
    )
    from transcription.engines.whisper import WhisperEngine

    return WhisperEngine(
        files,
        device=cast(Literal["cpu", "cuda", "auto"], settings.device),
        compute_type=None if settings.compute_type == "default" else settings.compute_type,
        threads=settings.threads,
    )


engines: Final = Engines()
"""Those of this process."""
