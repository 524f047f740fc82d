"""What models can run on here: devices, the arithmetic each of them has, and how many threads serve best.

CTranslate2 is asked in the process that will decode: to ask for CUDA devices before a fork breaks the child.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from transcription.catalog import ModelFiles
from transcription.notes import Notes

log = logging.getLogger(__name__)

Kind = Literal["cpu", "cuda"]

_DEFAULT: Final = {"cpu": ("int8", "float32"), "cuda": ("float16", "bfloat16", "float32")}
"""Arithmetic by default, best first: half precision on a GPU costs no accuracy, int8 there gains little."""
_SECTION: Final = "threads"
BUDGET_S: Final = 1.5
"""Time that trying thread counts may take, once for a model on a machine."""
_NOTICEABLE: Final = 1.05
"""More threads are taken only where they are faster by more than this."""
_TOO_LARGE: Final = 400 << 20
"""A model.bin of this size takes longer to load and try than `BUDGET_S`, and gains from every core."""
_TRIES: Final = 2
_UNDISTURBED: Final = 0.7
"""Processor time over time that one thread has on a machine with nothing else to do, nearly."""


@dataclass(frozen=True, slots=True)
class Device:
    """One kind of device that models can run on: how many, and CTranslate2's names of its arithmetic."""

    kind: Kind
    count: int
    arithmetic: tuple[str, ...]


def found() -> tuple[Device, ...]:
    """Return the devices of this machine: the processor, and CUDA where there is any."""
    import ctranslate2

    devices = [Device("cpu", cores(), tuple(sorted(ctranslate2.get_supported_compute_types("cpu"))))]
    if (count := ctranslate2.get_cuda_device_count()) > 0:
        devices.append(Device("cuda", count, tuple(sorted(ctranslate2.get_supported_compute_types("cuda")))))
    return tuple(devices)


def cores() -> int:
    """Return how many cores this process may use: those it is bound to, within the container's share."""
    bound = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            bound = min(bound, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return bound


def is_lost(error: BaseException) -> bool:
    """Tell whether what CTranslate2 raised is a failure of CUDA, the device or its libraries.

    After most of them nothing more can be done on the device in this process.
    """
    said = str(error).lower()
    failed = ("cuda failed with error", "cublas failed with status", "cudnn failed with status")
    return any(words in said for words in failed) and "out of memory" not in said and "alloc" not in said


def choose_device(wanted: str) -> Kind:
    """Turn `auto` into what there is."""
    if wanted == "auto":
        import ctranslate2

        return "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
    return "cuda" if wanted == "cuda" else "cpu"


def choose_arithmetic(kind: Kind, wanted: str, supported: Collection[str] | None = None) -> str:
    """Return the arithmetic to load a model with: what is wanted where the device has it.

    `default` is int8 on a processor and float16 on a GPU. A card that cannot do what is wanted (int8 was
    taken out for some) gets its default, and the log says so. `auto` is CTranslate2's own choice.
    """
    if wanted == "auto":
        return wanted
    if supported is None:
        import ctranslate2

        try:
            supported = ctranslate2.get_supported_compute_types(kind)
        except (RuntimeError, ValueError):  # no such device: loading says so in words
            supported = _DEFAULT[kind]
    if wanted in supported:
        return wanted
    chosen = next((name for name in _DEFAULT[kind] if name in supported), "float32")
    if wanted not in ("default", ""):
        log.warning("%s has no %s arithmetic (it has %s): %s is used", kind, wanted, supported, chosen)
    return chosen


def processor() -> str:
    """Name the processor, as an operating system does."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def choose_threads(
    files: ModelFiles,
    arithmetic: str,
    notes: Notes,
    *,
    most: int | None = None,
    measure: Callable[[ModelFiles, str, int], float] | None = None,
) -> int:
    """Return with how many threads a model decodes fastest here, at most `most` (all cores by default).

    Tried once for a model on a kind of machine and then noted: one short window at each of a few counts,
    until `BUDGET_S` has passed. Without a difference worth having the fewest threads win, because the
    others are then free for another worker.
    """
    limit = max(1, min(most or cores(), cores()))
    if limit == 1 or (files.path / "model.bin").stat().st_size > _TOO_LARGE:
        return limit
    import ctranslate2

    key = f"{files.sha256[:16]} {arithmetic}, {limit} of {processor()}, ctranslate2 {ctranslate2.__version__}"
    noted = notes.get(_SECTION, key)
    if isinstance(noted, dict) and isinstance(noted.get("threads"), int) and 1 <= noted["threads"] <= limit:
        return int(noted["threads"])
    took: dict[int, float] = {}
    alone = True
    began = time.monotonic()
    for count in _candidates(limit):
        tried, worked = time.monotonic(), time.process_time()
        took[count] = (measure or time_window)(files, arithmetic, count)
        now = time.monotonic()
        if count == 1:
            alone = time.process_time() - worked >= _UNDISTURBED * (now - tried)
        if len(took) > 1 and now - began + (now - tried) > BUDGET_S:
            break
    chosen = fewest(took)
    if alone:  # else somebody else had the cores, and the next start may measure better
        shown = {str(count): round(seconds * 1000, 1) for count, seconds in took.items()}
        notes.put(_SECTION, key, {"model": files.name, "threads": chosen, "ms": shown})
    log.info(
        "%s decodes best with %d threads: %s", files.name, chosen,
        ", ".join(f"{count}: {seconds * 1000:.0f} ms" for count, seconds in sorted(took.items())),
    )  # fmt: skip
    return chosen


def noted_threads(notes: Notes) -> dict[str, int]:
    """Return what was measured before: model and threads."""
    found = notes.section(_SECTION).values()
    return {str(note["model"]): int(note["threads"]) for note in found if isinstance(note, dict)}


def fewest(took: dict[int, float]) -> int:
    """Return the smallest count that is about as fast as the fastest."""
    best = min(took.values())
    return min(count for count, seconds in took.items() if seconds <= best * _NOTICEABLE)


def time_window(files: ModelFiles, arithmetic: str, threads: int) -> float:
    """Return the seconds one short window of noise takes with so many threads, the best of a few tries."""
    import ctranslate2
    import numpy as np

    model = ctranslate2.models.Whisper(
        str(files.path), device="cpu", compute_type=arithmetic, intra_threads=threads
    )
    features = np.random.default_rng(0).normal(0.0, 0.3, (1, model.n_mels, 800)).astype(np.float32)
    prompt = [["<|startoftranscript|>"]]
    best = float("inf")
    for _ in range(_TRIES):
        began = time.perf_counter()
        encoded = model.encode(ctranslate2.StorageView.from_array(features))
        model.generate(encoded, prompt, beam_size=1, max_length=40)
        best = min(best, time.perf_counter() - began)
    return best


def _candidates(limit: int) -> Sequence[int]:
    """List the counts to try, the likeliest first: all, one, then between."""
    between = [count for count in (limit // 2, limit // 4, 4, 2, 8) if 1 < count < limit]
    return list(dict.fromkeys([limit, 1, *between]))
