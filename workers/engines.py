"""Hold this process's engines: loaded where they decode, tested before they are believed, unloaded when idle.

Never before a fork: a child of a process that has loaded a model hangs (measured: four of four).
"""

from __future__ import annotations

import ctypes
import gc
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from annotation import presence
from annotation.conf import conf
from transcription import catalog
from transcription.catalog import ModelFiles
from transcription.errors import EngineError, ModelUnavailable
from transcription.notes import Notes
from workers import memory

if TYPE_CHECKING:
    from transcription.engines.base import Engine

log = logging.getLogger(__name__)

MAX_HELD: Final = 2
"""Models in memory at once: two projects with different models take turns without loading each time."""
REMEMBER_S: Final = 30.0
"""A model that could not be had is not asked for again for so long, so that its queue fails quickly."""
TESTS: Final = "self_tests"
"""Section of the notes that says how self-tests ended."""

OnDownload = Callable[[int, int], None]
"""Given bytes done and bytes in all."""


@dataclass(slots=True)
class _Held:
    engine: Engine
    used: float
    asked: str
    """The name it was asked for by last: some models have two."""


class Engines:
    """Hold up to `max_held` engines by model name, the least recently used one going first.

    The main thread decodes; the loader and the heart of the process come from threads of their own, so
    every change is made under one lock. Loading holds it too: a model is loaded once.
    """

    def __init__(self, max_held: int = MAX_HELD) -> None:
        self._max_held = max_held
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._refused: dict[str, tuple[float, ModelUnavailable]] = {}
        self._lock = threading.RLock()
        self._loading = ""
        self._failed: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """List the models in memory, the most recently used last."""
        return tuple(held.asked for held in list(self._held.values()))

    @property
    def loading(self) -> str:
        """Name the model that is being loaded and tested now; empty while there is none."""
        return self._loading

    @property
    def failed(self) -> dict[str, str]:
        """Return the models this process refuses, each with why, until one of them passes."""
        return dict(self._failed)

    @property
    def device(self) -> str:
        """Name the device of the engines in memory; empty while there is none.

        The heart asks while the main thread loads and unloads, hence the copy.
        """
        return next((_where(held.engine) for held in list(self._held.values())), "")

    def held(self, model: str) -> Engine | None:
        """Return the engine of a model that is in memory, and load nothing."""
        return next((held.engine for held in list(self._held.values()) if held.asked == model), None)

    def get(self, model: str, on_download: OnDownload | None = None) -> Engine:
        """Return the engine of a model, loading and, where it is allowed, downloading it first.

        Raises ModelUnavailable with what to do, or EngineError: `device_unavailable`, `self_test_failed`.
        """
        name = catalog.canonical(model)
        with self._lock:
            held = self._held.get(name)
            if held is not None:
                held.used, held.asked = time.monotonic(), model
                self._held.move_to_end(name)
                return held.engine
            refused = self._refused.get(name)
            if refused is not None and time.monotonic() - refused[0] < REMEMBER_S:
                raise refused[1].with_traceback(None)
            while len(self._held) >= self._max_held:
                self._unload(next(iter(self._held)), "to make room")
            try:
                engine = self._load(name, on_download)
            except ModelUnavailable as error:
                self._refused[name] = (time.monotonic(), error)
                raise
            self._refused.pop(name, None)
            self._held[name] = _Held(engine, time.monotonic(), model)
            return engine

    def preload(self, model: str) -> bool:
        """Load a model ahead of its first request; return False where there is no room for another one.

        The first that is preloaded is the last to go. What is not on this disk, or is damaged, is left for
        the first request, which says why to the job. Raises EngineError where the model is refused.
        """
        name = catalog.canonical(model)
        with self._lock:
            if name in self._held:
                return True
            if len(self._held) >= self._max_held or conf().engine == "fake":
                return False
            path = _on_disk(name)
            if path is None:
                log.info("model %s is not on this disk; it is fetched when it is needed", name)
                return True
            if (needs := memory.of_model(path)) > memory.spare():
                log.info("model %s needs about %d MiB and is loaded when it is needed", name, needs >> 20)
                return False
            try:
                engine = self._load(name, None)
            except ModelUnavailable as error:
                log.warning("model %s is not loaded ahead: %s", name, error)
                return True
            self._held[name] = _Held(engine, time.monotonic(), model)
            self._held.move_to_end(name, last=False)
            return True

    def unload_idle(self, idle_s: float, *, busy: bool) -> tuple[str, ...]:
        """Unload what has not been used for `idle_s` seconds; nothing while the process is at work.

        Work notes itself before it asks for an engine, and asking makes an engine young; so none is taken
        from under a decoding, which would in any case keep its own until it ends.
        """
        if not self._lock.acquire(blocking=False):
            return ()  # a model is being loaded
        try:
            now = time.monotonic()
            if busy:
                for held in self._held.values():
                    held.used = now
                return ()
            idle = tuple(name for name, held in self._held.items() if now - held.used >= idle_s)
            for name in idle:
                self._unload(name, f"after {idle_s:.0f} s without work")
            return idle
        finally:
            self._lock.release()

    def drop(self, model: str | None = None) -> None:
        """Unload one engine, or every engine: memory ran out, a device was lost, or the process ends."""
        with self._lock:
            for name in [catalog.canonical(model)] if model is not None else list(self._held):
                if name in self._held:
                    self._unload(name, "on request")

    def _unload(self, name: str, why: str) -> None:
        del self._held[name]
        gc.collect()
        give_memory_back()
        log.info("model %s unloaded %s", name, why)

    def _load(self, model: str, on_download: OnDownload | None) -> Engine:
        began = time.monotonic()
        self._loading = model
        try:
            if conf().engine == "fake":
                from workers.faults import FaultyEngine

                return FaultyEngine(model, conf().fake_engine)
            files = _files(model, on_download)
            needs = memory.of_model(files.path)
            while self._held and needs > memory.spare():
                self._unload(next(iter(self._held)), "because memory is short")
            engine = _on_device(files)
            said = _test(engine, files)
        except EngineError as error:
            self._failed[model] = error.message
            raise
        finally:
            self._loading = ""
        self._failed.pop(model, None)
        log.info("model %s loaded on %s in %.1f s, %s", model, _where(engine), time.monotonic() - began, said)
        return engine


def give_memory_back() -> None:
    """Return freed memory to the system: glibc keeps it in its arenas (half of it, measured)."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        log.debug("this C library has no malloc_trim")


def notes() -> Notes:
    """Return what was found out before about this machine and the models on it."""
    return Notes.beside(conf().models_dir)


def _where(engine: Engine) -> str:
    return f"{engine.info.device} {engine.info.compute_type}"


def _on_disk(model: str) -> Path | None:
    try:
        return catalog.find(model, models_dir=conf().models_dir, bundled_dir=conf().bundled_models_dir)
    except ModelUnavailable:
        return None


def _files(model: str, on_download: OnDownload | None) -> ModelFiles:
    return catalog.resolve(
        model,
        models_dir=conf().models_dir,
        bundled_dir=conf().bundled_models_dir,
        allow_download=conf().model_downloads,
        on_progress=on_download,
        notes=notes(),
    )


def _on_device(files: ModelFiles) -> Engine:
    from transcription import devices
    from transcription.engines.whisper import WhisperEngine

    settings = conf()
    kind = devices.choose_device(settings.device)
    arithmetic = devices.choose_arithmetic(kind, settings.compute_type)
    threads = settings.threads
    if kind == "cpu" and not threads:
        # Workers of one machine share its cores: two that use all of them take a fifth more of each other.
        share = max(1, devices.cores() // max(1, settings.cpu_model_workers))
        threads = devices.choose_threads(files, arithmetic, notes(), most=share)
    return cast("Engine", WhisperEngine(files, device=kind, compute_type=arithmetic, threads=threads or 1))


def _test(engine: Engine, files: ModelFiles) -> str:
    """Let a model decode its clip; raise EngineError `self_test_failed` where its texts can't be believed."""
    from transcription import selftest

    key = f"{files.name} on {memory.HOST} {_where(engine)}"
    noted = {"model": files.name, "sha256": files.sha256, "where": f"{memory.HOST} {_where(engine)}"}
    try:
        outcome = selftest.run(engine, files.card)
    except EngineError as error:
        presence.count({"self_tests_failed": 1})
        notes().put(TESTS, key, {**noted, "passed": False, "said": error.message, "at": round(time.time())})
        raise
    if outcome is None:
        return "not self-tested: its card opts out"
    said = f"self-test passed in {outcome.took_ms} ms"
    notes().put(TESTS, key, {**noted, "passed": True, "said": said, "at": round(time.time())})
    return said


engines: Final = Engines()
"""Those of this process."""
