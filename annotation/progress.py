"""Live events: Redis Streams that say what changed, never what it changed to.

A reader that misses events asks PostgreSQL and knows all; so publishing never raises, and an emptied
Redis costs a page nothing but the wait for its next look. What could not be published is made up for by
one `events.missed` to each project concerned. Ids of events are the stream's own, which is
what `Last-Event-ID` carries back.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import redis
from django.db import transaction

from annotation.conf import conf

log = logging.getLogger(__name__)

EventName = Literal[
    "job.progress",
    "segment.changed",
    "segments.reshaped",
    "comment.changed",
    "lease.changed",
    "lease.asked",
    "presence.changed",
    "recording.changed",
    "import.changed",
    "events.missed",
]

#: How many events a stream keeps: about a minute of the busiest project, so a short loss of network
#: is resumed without a gap; after a longer one the client reads its snapshot again.
KEPT_EVENTS: Final = 5_000


#: After a failure nothing is published for so long; then open pages are told that they missed something.
QUIET_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Event:
    """Say what changed in a project."""

    project_id: int
    name: EventName
    data: Mapping[str, Any]


class _Quiet:
    """What this process could not say: since when, and in which projects."""

    def __init__(self) -> None:
        self.until = 0.0
        self._lock = threading.Lock()
        self._missed: set[int] = set()
        self._timer: threading.Timer | None = None

    def miss(self, events: Sequence[Event]) -> None:
        """Remember the projects of events that are not published, to say so once Redis is back."""
        with self._lock:
            self._missed.update(event.project_id for event in events)
            if self._timer is None or not self._timer.is_alive():
                self._timer = threading.Timer(QUIET_S + 0.1, self._tell)
                self._timer.daemon = True
                self._timer.start()

    def _tell(self) -> None:
        with self._lock:
            missed, self._missed, self._timer = self._missed, set(), None
        publish_all([Event(project_id, "events.missed", {}) for project_id in sorted(missed)])


_quiet = _Quiet()


def stream_key(project_id: int) -> str:
    """Return the name of a project's stream."""
    return f"earmark:events:{project_id}"


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    # Short time-outs: an event is not worth making a save wait.
    return redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=0.5, decode_responses=True)


def client() -> redis.Redis:
    """Return this process's Redis connection pool (decoded text, one second of patience)."""
    return _client(conf().redis_url)


def publish(project_id: int, name: EventName, data: Mapping[str, Any]) -> None:
    """Append one event to a project's stream; log and go on when Redis is away."""
    publish_all([Event(project_id, name, data)])


def publish_all(events: Sequence[Event]) -> None:
    """Append events in one exchange with Redis; log and go on when it is away, and say so when it is back."""
    if not events:
        return
    if time.monotonic() < _quiet.until:
        _quiet.miss(events)
        return
    try:
        with client().pipeline(transaction=False) as pipe:
            for event in events:
                pipe.xadd(
                    stream_key(event.project_id),
                    {"event": event.name, "data": json.dumps(event.data, separators=(",", ":"))},
                    maxlen=KEPT_EVENTS,
                    approximate=True,
                )
            pipe.execute()
    except (redis.RedisError, OSError) as error:
        # A Redis that hangs must not cost every save its time-out.
        _quiet.until = time.monotonic() + QUIET_S
        _quiet.miss(events)
        log.warning("%d events, the first %s, not published: %s", len(events), events[0].name, error)


def publish_on_commit(project_id: int, name: EventName, data: Mapping[str, Any]) -> None:
    """Publish once the present transaction is committed, so that no reader is told too early."""
    publish_all_on_commit([Event(project_id, name, data)])


def publish_all_on_commit(events: Sequence[Event]) -> None:
    """Publish several together once the present transaction is committed."""
    transaction.on_commit(lambda: publish_all(events), robust=True)
