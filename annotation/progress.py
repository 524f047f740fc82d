"""Live events: Redis Streams that say what changed, never what it changed to.

A reader that misses events asks PostgreSQL and knows all; so publishing never raises, and an emptied
Redis costs a page nothing but the wait for its next look. Ids of events are the stream's own, which is
what `Last-Event-ID` carries back.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
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
    "lease.changed",
    "presence.changed",
    "recording.changed",
]

#: How many events a stream keeps: about a minute of the busiest project, so a short loss of network
#: is resumed without a gap; after a longer one the client reads its snapshot again.
KEPT_EVENTS: Final = 5_000


#: After a failure nothing is published for so long. Readers notice by themselves and ask PostgreSQL.
QUIET_S: Final = 2.0


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
    if time.monotonic() < _quiet.until:
        return
    try:
        client().xadd(
            stream_key(project_id),
            {"event": name, "data": json.dumps(data, separators=(",", ":"))},
            maxlen=KEPT_EVENTS,
            approximate=True,
        )
    except (redis.RedisError, OSError) as error:
        # A Redis that hangs must not cost every save its time-out.
        _quiet.until = time.monotonic() + QUIET_S
        log.warning("event %s of project %s not published: %s", name, project_id, error)


def publish_on_commit(project_id: int, name: EventName, data: Mapping[str, Any]) -> None:
    """Publish once the present transaction is committed, so that no reader is told too early."""
    transaction.on_commit(lambda: publish(project_id, name, data), robust=True)
