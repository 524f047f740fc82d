"""The processes of a running site and their commands: what `make up`, Compose and the tests all start."""

from __future__ import annotations

from dataclasses import dataclass

from config.options import Options


@dataclass(frozen=True, slots=True)
class Process:
    """Name one process; `command` is run as `python -m <command>`."""

    name: str
    command: tuple[str, ...]
    says: str


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


def worker(name: str, queues: str, pool: str) -> Process:
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
        {"audio": "cuts recordings", "draft": "first pass", "refine": "second pass"}.get(name, name),
    )  # fmt: skip


# The audio worker forks, so that a crash in native code costs a child; the others hold a model and run it
# in the one process that loaded it.
WORKERS = (
    worker("audio", "audio,control", "prefork"),
    worker("draft", "draft", "solo"),
    worker("refine", "refine", "solo"),
)

SCHEDULE = Process(
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


def everything(options: Options) -> tuple[Process, ...]:
    """Return every process of a site."""
    return (web(options), *WORKERS, SCHEDULE)
