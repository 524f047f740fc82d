"""Which workers are alive: short-lived notes in Redis.

A cache for people who look after the site, never a fact that work depends on: with Redis empty or away
nobody is known to be alive, and work goes on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import redis

from annotation.progress import client

log = logging.getLogger(__name__)

INDEX: Final = "earmark:workers"
COUNTERS: Final = "earmark:counters"
PEOPLE: Final = "earmark:people"
PERSON_S: Final = 60
ALIVE_S: Final = 20
"""A note that is not renewed for this long is gone; workers renew it every five seconds."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Describe one worker process as it last described itself."""

    name: str
    host: str
    pid: int
    queues: tuple[str, ...]
    doing: str = ""
    """What it works on, in words; empty while it waits."""
    busy_s: int = 0
    """For how long it has been doing that."""
    models: tuple[str, ...] = ()
    """Models it holds in memory."""
    device: str = ""
    up_s: int = 0
    trouble: str = ""
    """Why it cannot do its work, in words; empty when it can."""
    refused: tuple[str, ...] = ()
    """Models it cannot run for now, as `trouble` says."""
    memory_mb: int = 0
    """Resident memory of the process, MiB."""

    @property
    def key(self) -> str:
        """Name its note in Redis."""
        return f"earmark:worker:{self.name}:{self.pid}"


def announce(worker: Worker) -> bool:
    """Note that a worker is alive; return False when Redis could not be reached."""
    try:
        with client().pipeline(transaction=False) as pipe:
            pipe.sadd(INDEX, worker.key)
            pipe.set(worker.key, json.dumps(asdict(worker), separators=(",", ":")), ex=ALIVE_S)
            pipe.execute()
    except (redis.RedisError, OSError) as error:
        log.debug("presence of %s not noted: %s", worker.name, error)
        return False
    return True


def leave(worker: Worker) -> None:
    """Take the note back: the worker ends on purpose."""
    try:
        client().delete(worker.key)
    except (redis.RedisError, OSError) as error:
        log.debug("presence of %s not removed: %s", worker.name, error)


def alive() -> list[Worker] | None:
    """List the workers that are alive, by name; None when Redis cannot tell."""
    try:
        keys = sorted(client().smembers(INDEX))
        notes = client().mget(keys) if keys else []
        gone = [key for key, note in zip(keys, notes, strict=True) if note is None]
        if gone:
            client().srem(INDEX, *gone)
    except (redis.RedisError, OSError) as error:
        log.warning("workers not listed: %s", error)
        return None
    return [worker for worker in map(_read, notes) if worker is not None]


def _read(note: str | bytes | None) -> Worker | None:
    try:
        values = json.loads(note or "")
        known = {f.name for f in fields(Worker)}
        kept = {name: value for name, value in values.items() if name in known}
        for name in ("queues", "models", "refused"):
            kept[name] = tuple(kept.get(name) or ())
        return Worker(**kept)
    except (ValueError, TypeError, AttributeError):
        return None


def note_person() -> None:
    """Note that somebody looks at a recording: workers then keep their steps short for whoever comes next."""
    try:
        client().set(PEOPLE, "1", ex=PERSON_S)
    except (redis.RedisError, OSError) as error:
        log.debug("person not noted: %s", error)


def is_anybody_here() -> bool:
    """Tell whether somebody looked at a recording in the last minute; True when Redis cannot tell."""
    try:
        return bool(client().exists(PEOPLE))
    except (redis.RedisError, OSError):
        return True


def count(amounts: Mapping[str, int]) -> None:
    """Add to the site's counters (windows done, fenced, failed, ...), which start anew with Redis."""
    try:
        with client().pipeline(transaction=False) as pipe:
            for name, amount in amounts.items():
                if amount:
                    pipe.hincrby(COUNTERS, name, amount)
            pipe.execute()
    except (redis.RedisError, OSError) as error:
        log.debug("not counted: %s", error)


def counters() -> dict[str, int]:
    """Return the site's counters since Redis was last emptied."""
    try:
        found: Mapping[Any, Any] = client().hgetall(COUNTERS)
    except (redis.RedisError, OSError):
        return {}
    return {str(name): int(value) for name, value in found.items()}
