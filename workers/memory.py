"""How much memory there is, how much of it is ours, and how much a model will want. All in bytes."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

HOST: Final = socket.gethostname()
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ACTIVATIONS: Final = 300 << 20
"""What a batch needs beside the weights: measured 165 to 730 MB, with tiny to base, by batch and beam."""
_WEIGHTS: Final = 1.25
"""Resident bytes for each byte of model.bin: loading converts in place, packed matrices come on top."""
_SHARE: Final = 0.8
"""Of the machine's memory, where no limit is set for the process."""


def resident() -> int:
    """Return what this process holds in memory."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * _PAGE


def total() -> int:
    """Return what this machine, or this container, has."""
    whole = os.sysconf("SC_PHYS_PAGES") * _PAGE
    limit = _number(Path("/sys/fs/cgroup/memory.max"))
    return min(whole, limit) if limit else whole


def available() -> int:
    """Return what may still be taken without pushing anything out."""
    free = total()
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    except OSError:
        pass
    limit, used = _number(Path("/sys/fs/cgroup/memory.max")), _number(Path("/sys/fs/cgroup/memory.current"))
    return min(free, max(0, limit - (used or 0))) if limit else free


def limit_bytes(worker_memory_mb: int) -> int:
    """Return how large a worker may grow: what the option says, else most of what the machine has."""
    return worker_memory_mb << 20 if worker_memory_mb else int(total() * _SHARE)


def spare() -> int:
    """Return what this process may still take: of the machine's memory, and of its own limit."""
    from annotation.conf import conf

    return min(available(), limit_bytes(conf().worker_memory_mb) - resident())


def of_model(path: Path) -> int:
    """Estimate what a model and one batch of it take, from the size of its weights."""
    return int((path / "model.bin").stat().st_size * _WEIGHTS) + _ACTIVATIONS


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # `max` where there is no limit
        return None
