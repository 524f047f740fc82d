"""Live events: Redis Streams that say what changed, never what it changed to.

A reader that misses events asks PostgreSQL and knows all; so publishing never raises, and an emptied
Redis costs a page nothing but the wait for its next look. Ids of events are the stream's own, which is
what `Last-Event-ID` carries back.
"""

from __future__ import annotations

import json
import logging
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
]

#: How many events a stream keeps: about a minute of the busiest project, so a short loss of network
#: is resumed without a gap; after a longer one the client reads its snapshot again.
KEPT_EVENTS: Final = 5_000


#: After a failure nothing is published for so long. Readers notice by themselves and ask PostgreSQL.
QUIET_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Event:
    """Say what changed in a project."""

    project_id: int
    name: EventName
    data: Mapping[str, Any]


class _Quiet:
    until = 0.0


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
    """Append events in one exchange with Redis; log and go on when it is away."""
    if not events or time.monotonic() < _quiet.until:
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
        log.warning("%d events, the first %s, not published: %s", len(events), events[0].name, error)


def publish_on_commit(project_id: int, name: EventName, data: Mapping[str, Any]) -> None:
    """Publish once the present transaction is committed, so that no reader is told too early."""
    publish_all_on_commit([Event(project_id, name, data)])


def publish_all_on_commit(events: Sequence[Event]) -> None:
    """Publish several together once the present transaction is committed."""
    transaction.on_commit(lambda: publish_all(events), robust=True)
