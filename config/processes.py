"""The processes of a running site and their commands: what `make up`, Compose and the tests all start."""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from config.options import Options

MODEL_ENV: Final = {"MALLOC_ARENA_MAX": "2"}
"""For workers: with an arena for each thread a long run holds twice what it uses (measured)."""


CUBLAS: Final = "libcublas.so.12"
"""What CTranslate2 4 opens by name. Other packages bring another version of it, which is of no use."""


@dataclass(frozen=True, slots=True)
class Process:
    """Name one process; `command` is run as `python -m <command>`, with `env` beside the site's own."""

    name: str
    command: tuple[str, ...]
    says: str
    env: Mapping[str, str] = field(default_factory=dict)


def web(options: Options) -> Process:
    """Return the process that serves pages, the API and live events."""
    return Process(
        "web",
        (
            "uvicorn", "config.asgi:application",
            "--host", options.host,
            "--port", str(options.port),
            "--lifespan", "off",
            "--no-access-log",
            "--no-server-header",
            "--log-level", "warning",
            "--timeout-graceful-shutdown", "5",
            # uvicorn would believe the first address a client claims; `annotation.middleware` does not.
            "--no-proxy-headers",
        ),
        "pages, API and live events",
    )  # fmt: skip


def worker(name: str, queues: str, pool: str, **env: str) -> Process:
    """Return a Celery worker for `queues`; one task at a time, whatever the pool."""
    return Process(
        f"worker-{name}",
        (
            "celery", "-A", "config", "worker",
            "-Q", queues,
            "-P", pool,
            "-c", "1",
            "-n", f"{name}@%h",
            "--without-gossip",
            "--without-mingle",
            "--loglevel", "INFO",
        ),
        {
            "audio": "cuts recordings",
            "draft": "first pass",
            "refine": "second pass",
            "files": "imports and exports",
        }.get(name, name),
        {**MODEL_ENV, **env},
    )  # fmt: skip


# These two fork, so that a crash in native code costs a child, and never load a model. The others
# hold models and run them in the one process that loaded them: a forked child of such a process hangs.
AUDIO: Final = worker("audio", "audio,control", "prefork")
FILES: Final = worker("files", "files", "prefork")
WORKERS: Final = (
    AUDIO,
    worker("draft", "draft", "solo", EARMARK_CPU_MODEL_WORKERS="2"),
    worker("refine", "refine", "solo", EARMARK_CPU_MODEL_WORKERS="2"),
    FILES,
)
"""Those of a machine without a GPU."""

SCHEDULE: Final = Process(
    "schedule",
    (
        "celery",
        "-A",
        "config",
        "beat",
        "--scheduler",
        "celery.beat:Scheduler",
        "--pidfile=",
        "--loglevel",
        "WARNING",
    ),
    "rings for work that waits",
)


def cards(options: Options, found: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the numbers of the GPUs that get a worker, of those `found` (by default: on this machine)."""
    if options.device == "cpu" or not options.gpus:
        return ()
    if options.gpus != "auto":
        return tuple(options.gpus.split(","))
    if found is not None:
        return tuple(found)
    return visible_cards() if has_cuda_libraries() else ()


def has_cuda_libraries(packages: Path | None = None) -> bool:
    """Tell whether the libraries that CTranslate2 loads for a GPU are installed (requirements/gpu.lock)."""
    here = any(Path(folder, CUBLAS).exists() for folder in cuda_libraries(packages))
    return here or find_library("cublas") == CUBLAS


def cuda_libraries(packages: Path | None = None) -> tuple[str, ...]:
    """Return the folders of the CUDA libraries that came as Python packages."""
    packages = packages or Path(sysconfig.get_path("purelib"))
    return tuple(sorted(str(path) for path in (packages / "nvidia").glob("*/lib")))


def visible_cards(environ: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the GPUs this machine, or container, has and `CUDA_VISIBLE_DEVICES` leaves.

    By the names of their device files, so that no process of ours begins to use CUDA before its workers.
    """
    told = environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        return tuple(card.strip() for card in told.split(",") if card.strip() not in ("", "-1"))
    numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in devices.glob("nvidia[0-9]*"))
    return tuple(str(number) for number in sorted(int(match[1]) for match in numbers if match))


def workers(options: Options, found: Sequence[str] | None = None) -> tuple[Process, ...]:
    """Return the workers of a machine: one for each GPU, or a draft and a refine worker on the processor."""
    numbers = cards(options, found)
    if not numbers:
        return WORKERS
    drafting = options.cpu_draft_workers
    queues = "refine" if drafting else "draft,refine"
    path = ":".join([*cuda_libraries(), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
    libraries = {"LD_LIBRARY_PATH": path} if path else {}
    own = (
        worker(
            f"gpu{_plain(number)}", queues, "solo",
            CUDA_VISIBLE_DEVICES=number, EARMARK_DEVICE="cuda", **libraries,
        )
        for number in numbers
    )  # fmt: skip
    replicas = (
        worker(
            f"draft{index}", "draft", "solo",
            CUDA_VISIBLE_DEVICES="", EARMARK_DEVICE="cpu", EARMARK_CPU_MODEL_WORKERS=str(drafting),
            EARMARK_COMPUTE_TYPE="default",
        )
        for index in range(drafting)
    )  # fmt: skip
    return (AUDIO, *own, *replicas, FILES)


def everything(options: Options, found: Sequence[str] | None = None) -> tuple[Process, ...]:
    """Return every process of a site on this machine."""
    return (web(options), *workers(options, found), SCHEDULE)


def _plain(number: str) -> str:
    """Make a worker's name of a GPU's number, which may also be a UUID."""
    return re.sub(r"[^A-Za-z0-9]", "-", number)
