"""Live events of a project by Server-Sent Events: a snapshot from PostgreSQL, then hints from Redis.

The snapshot is the truth; an event only says what changed. While Redis is away the snapshot is read again
every few seconds, so that an open page never lies for longer. Who may listen is asked again at every
heartbeat.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

import redis.asyncio
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from knox.models import AuthToken
from redis.exceptions import RedisError
from rest_framework.request import Request

from annotation import progress
from annotation.api.base import AsyncApiView, in_thread
from annotation.api.docs import header, operation
from annotation.api.live import snapshot_of
from annotation.api.streaming import Streamed
from annotation.conf import conf
from annotation.errors import AnnotationError
from annotation.models import Project, User
from annotation.permissions import get_visible, visible

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 10.0
"""A closed membership ends its streams within this, and a broken line is noticed."""
POLL_S: Final = 4.0
"""How often the truth is read anew while there are no hints."""
RETRY_MS: Final = 2000
CLOSE_S: Final = 1.0
BATCH: Final = 200
STREAM_ID: Final = re.compile(r"\d{1,20}-\d{1,20}", re.ASCII)
FROM_START: Final = "0-0"

_open: Counter[int] = Counter()
"""Streams per person in this process."""


class TooManyStreams(AnnotationError):
    """Refuse one more live connection."""

    status = 429
    code = "too_many_streams"


class ProjectEvents(AsyncApiView):
    """What happens in a project, as it happens."""

    @operation(
        "project_events",
        also={(200, "text/event-stream"): OpenApiTypes.STR},
        query=(header("Last-Event-ID", "Go on after this event."),),
    )
    async def get(self, request: Request, project_id: int) -> Any:
        """Follow what changes: jobs, recordings, segments and their shapes, leases, who is there.

        `job.progress`, `recording.changed`, `segment.changed` (recording, segment, revision, by, kind),
        `segments.reshaped` (recording, and the ids retired and made by a split, merge or undo),
        `comment.changed` (recording, segment),
        `lease.changed` (segment, and the holder's name or null), `lease.asked` (segment, holder, and by
        whom), `presence.changed` (recording, people). `events.missed`: some of these could not be sent;
        fetch your rows again.

        The first event is `snapshot`: live jobs, their recordings, and whether the events since
        `Last-Event-ID` follow (`resumed`) or the page should fetch its rows again. `degraded` says that
        only snapshots come for a while, `closed` that you may not listen any more.
        """
        project = await in_thread(get_visible, Project.objects.all(), self.person, pk=project_id)
        person = self.person
        if _open[person.pk] >= conf().live_streams_max:
            raise TooManyStreams(
                f"You have {conf().live_streams_max} live pages open; close one of them.",
                limit=conf().live_streams_max,
            )
        listener = Listener.of(request, person, project.pk)
        last = request.headers.get("Last-Event-ID", "")
        events = follow(listener, last if STREAM_ID.fullmatch(last) else "")
        response = Streamed(events, content_type="text/event-stream")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"
        return response


@dataclass(frozen=True, slots=True)
class Listener:
    """Remember who listens and by what right, to ask again later."""

    person_id: int
    project_id: int
    session: SessionBase | None = None
    token: str | None = None

    @classmethod
    def of(cls, request: Request, person: User, project_id: int) -> Listener:
        """Describe the listener of a request that was let in."""
        if isinstance(request.auth, AuthToken):
            return cls(person.pk, project_id, token=request.auth.pk)
        return cls(person.pk, project_id, session=getattr(request._request, "session", None))

    def may_stay(self) -> bool:
        """Say whether the person is still active, still signed in, and still a member."""
        if self.token is not None:
            token = AuthToken.objects.select_related("user").filter(pk=self.token).first()
            if token is None or (token.expiry is not None and token.expiry <= timezone.now()):
                return False
            person: Any = token.user
        elif self.session is not None:
            probe = HttpRequest()
            probe.session = type(self.session)(self.session.session_key)
            person = get_user(probe)  # also compares the password's hash
        else:
            person = User.objects.filter(pk=self.person_id).first()
        if person is None or person.pk != self.person_id:
            return False
        return visible(Project.objects.filter(pk=self.project_id), person).exists()


@dataclass(slots=True)
class Feed:
    """A connection to one project's stream, opened when needed and closed whatever happens."""

    key: str
    position: str
    _client: redis.asyncio.Redis | None = field(default=None, init=False)
    _asked: asyncio.Task[Any] | None = field(default=None, init=False)

    def _connected(self) -> redis.asyncio.Redis:
        if self._client is None:
            self._client = redis.asyncio.Redis.from_url(
                conf().redis_url,
                decode_responses=True,
                single_connection_client=True,
                socket_connect_timeout=1.0,
                socket_timeout=HEARTBEAT_S + 5,
            )
        return self._client

    async def last_id(self) -> str:
        """Return the id of the newest event, `0-0` when there is none."""
        newest = await self._ask(self._connected().xrevrange(self.key, count=1))
        return str(newest[0][0]) if newest else FROM_START

    async def holds(self, event_id: str) -> bool:
        """Say whether every event after `event_id` is still there."""
        oldest = await self._ask(self._connected().xrange(self.key, count=1))
        return bool(oldest) and _number(oldest[0][0]) <= _number(event_id)

    async def next(self, seconds: float) -> list[tuple[str, str, str]]:
        """Wait for events up to `seconds`; return `(id, name, data)` of each, none when nothing came."""
        wait = max(1, int(seconds * 1000))
        found = await self._ask(self._connected().xread({self.key: self.position}, count=BATCH, block=wait))
        events = []
        for _, entries in found or ():
            for event_id, fields in entries:
                self.position = event_id
                if "event" in fields:
                    events.append((event_id, fields["event"], fields.get("data", "{}")))
        return events

    async def _ask(self, question: Awaitable[Any]) -> Any:
        """Await Redis in a task of its own.

        redis-py (8.1) loses a cancellation that comes while it connects: the stream of a reader who left
        would then live for ever, since nothing else ends it.
        """
        self._asked = asyncio.ensure_future(question)
        return await asyncio.shield(self._asked)

    async def close(self) -> None:
        """Give the connection up, also in the middle of a wait."""
        client, self._client = self._client, None
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.add_done_callback(lambda task: task.cancelled() or task.exception())
            asked.cancel()
            await asyncio.wait({asked}, timeout=CLOSE_S)
        if client is not None:
            try:
                await client.aclose()
            except (RedisError, OSError) as error:
                log.debug("closing a feed: %s", error)


async def follow(listener: Listener, last: str) -> AsyncGenerator[bytes, None]:
    """Yield the stream for one listener until they leave or may not stay."""
    if _open[listener.person_id] >= conf().live_streams_max:  # several began at the same moment
        yield message("closed", {"reason": "You have too many live pages open; close one of them."})
        return
    _open[listener.person_id] += 1
    feed = Feed(progress.stream_key(listener.project_id), FROM_START)
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        async with aclosing(_told(listener, feed, last)) as parts:
            async for part in parts:
                yield part
    finally:
        _open[listener.person_id] -= 1
        if _open[listener.person_id] <= 0:
            del _open[listener.person_id]
        await feed.close()


async def _told(listener: Listener, feed: Feed, last: str) -> AsyncGenerator[bytes, None]:
    degraded = False
    shown: dict[str, Any] | None = None
    connected = False
    checked = time.monotonic()
    while True:
        if not connected:
            try:
                # The position first, then the truth: what changes between the two is told again.
                newest = await feed.last_id()
                resumed = bool(last) and await feed.holds(last)
                feed.position = last if resumed else newest
                connected = True
            except (RedisError, OSError, TimeoutError):
                await feed.close()
                resumed = False
            truth = await in_thread(snapshot_of, listener.project_id)
            if connected:
                shown, degraded = truth, False
                yield message(
                    "snapshot",
                    {**truth, "stream": feed.position, "resumed": resumed, "live": True},
                    feed.position,
                )
            else:
                if not degraded:
                    yield message("degraded", {"poll_s": POLL_S})
                if truth != shown:
                    shown = truth
                    yield message("snapshot", {**truth, "stream": None, "resumed": False, "live": False})
                degraded = True
                last = ""  # whatever is missed meanwhile is not in any stream
                await asyncio.sleep(POLL_S)
        else:
            try:
                left = HEARTBEAT_S - (time.monotonic() - checked)
                for event_id, name, data in await feed.next(max(0.05, left)):
                    yield raw_message(name, data, event_id)
            except (RedisError, OSError, TimeoutError):
                await feed.close()
                connected, last = False, feed.position
        if time.monotonic() - checked >= HEARTBEAT_S - 0.1:
            checked = time.monotonic()
            if not await in_thread(listener.may_stay):
                yield message("closed", {"reason": "You are signed out, or not a member any more."})
                return
            yield b": alive\n\n"


def message(name: str, data: dict[str, Any], event_id: str = "") -> bytes:
    """Return one event as it goes over the line."""
    return raw_message(name, json.dumps(data, separators=(",", ":"), default=str), event_id)


def raw_message(name: str, data: str, event_id: str = "") -> bytes:
    """Return one event whose data is JSON already."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {data}\n\n".encode()


def _number(event_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = event_id.partition("-")
    return int(milliseconds), int(sequence or 0)
