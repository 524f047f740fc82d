"""Let no request body grow past its address's limit, and hand big ones to their view as they arrive.

Django receives a whole body before any view runs: 20 GB would be spooled to disk to be refused, and a
chunk that breaks off half-way would be lost. This stands in front of it. Most bodies are counted on their
way in; those of uploads are not read at all here but given to the view as a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import CancelledError as FutureCancelled
from typing import Any, Final, Protocol

from django.http import HttpRequest

from annotation.conf import MIB, conf

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PLAIN_LIMIT: Final = 12 * MIB
"""Bodies that Django reads itself: larger than any text or form of ours."""
FRAME: Final = MIB
"""What multipart adds around its files, at most."""
IDLE_S: Final = 30.0
"""Longest silence in the middle of a body."""
GRACE_S: Final = 60.0
SLOWEST: Final = 2048
"""Bytes a second, on average after the grace: slower than any line one could work with."""

LINGER: Final = 16 * MIB
LINGER_S: Final = 3.0
"""What is still taken from somebody who was answered in the middle of their body, so that they can read it.

Closed at once, the connection is reset by what they go on sending, and the answer is lost with it.
"""

SCOPE_KEY: Final = "earmark.body"


class Body(Protocol):
    """What a view reads a body from."""

    def read(self, size: int, /) -> bytes: ...


class Refused(Exception):
    """Stop reading a body, with the answer to give."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def too_large(limit: int) -> Refused:
    """Say how much would have been taken."""
    return Refused(
        413, "too_large", f"The request body is larger than {limit / MIB:,.0f} MiB, the limit here."
    )


TOO_SLOW = (408, "too_slow", "The request body came too slowly; send it again.")


#: The plain form is the way of those without JavaScript; whoever has more uses resumable uploads.
FORM_LIMIT: Final = 256 * MIB


def _files_limit() -> int:
    return conf().max_upload_bytes + FRAME


def _form_limit() -> int:
    # Django spools such a body to the temporary directory before any of our code knows who sends it.
    room = shutil.disk_usage(tempfile.gettempdir()).free - conf().free_space_floor_bytes
    return max(PLAIN_LIMIT, min(FORM_LIMIT, room))


def _chunk_limit() -> int:
    return conf().upload_chunk_bytes


#: Bodies a view reads for itself, with the most bytes each may have.
STREAMED: Final[tuple[tuple[str, re.Pattern[str], Callable[[], int]], ...]] = (
    ("POST", re.compile(r"^/api/projects/\d+/recordings/$"), _files_limit),
    ("POST", re.compile(r"^/api/(?:projects/\d+/imports|imports/\d+/files)/$"), _files_limit),
    ("PATCH", re.compile(r"^/api/uploads/[0-9a-f-]{36}/$"), _chunk_limit),
)
#: Forms of pages that carry files. Django reads them (their CSRF token is inside), spooled to disk.
SPOOLED: Final[tuple[tuple[str, re.Pattern[str], Callable[[], int]], ...]] = (
    (
        "POST",
        re.compile(r"^/(?:projects/\d+/(?:recordings|upload|imports)|imports/\d+/files)/$"),
        _form_limit,
    ),
)


class BodyLimit:
    """ASGI middleware: refuse large bodies by their announced length, count the rest, bound their time."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        # Ids of files that were uploaded before come as JSON, which Django reads as ever.
        streamed = None if _is_json(scope) else _match(STREAMED, method, path)
        limit = streamed or _match(SPOOLED, method, path) or PLAIN_LIMIT
        announced = _announced(scope)
        if announced is not None and announced > limit:
            await _answer(Lingering(receive, send), too_large(limit))
            return
        counted = Counted(receive, limit)
        if streamed:
            body = Stream(counted, asyncio.get_running_loop())
            scope = {**scope, SCOPE_KEY: body}
            await self.app(
                scope, body.receive_for_django, Lingering(receive, send, lambda: body.over or body.gone)
            )
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted.receive, sending)
        except Refused as refused:
            if not started:
                await _answer(Lingering(receive, send), refused)


class Lingering:
    """Send an answer; where the body is not over by then, read on for a little before the connection ends.

    RFC 9112, section 9.6.
    """

    def __init__(self, receive: Receive, send: Send, over: Callable[[], bool] = lambda: False) -> None:
        self._receive, self._send, self._over = receive, send, over

    async def __call__(self, message: Message) -> None:
        """Pass a message on, the end of the last one only once the body was read off."""
        if message["type"] == "http.response.body" and not message.get("more_body") and not self._over():
            await self._send({**message, "more_body": True})
            await self._read_off()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _read_off(self) -> None:
        count = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while count < LINGER:
                    message = await self._receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    count += len(message.get("body", b""))


class Counted:
    """The body's messages, counted and timed."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit = receive, limit
        self._begun = time.monotonic()
        self._count = 0
        self._whole = False

    async def receive(self) -> Message:
        """Return the next message, or raise Refused."""
        if self._whole:  # what follows is the wait for the client to go away, which may take hours
            return await self._receive()
        try:
            async with asyncio.timeout(IDLE_S):
                message = await self._receive()
        except TimeoutError:
            raise Refused(*TOO_SLOW) from None
        if message["type"] == "http.request":
            self._count += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._count > self._limit:
                raise too_large(self._limit)
            spent = time.monotonic() - self._begun
            if not self._whole and self._count < (spent - GRACE_S) * SLOWEST:
                raise Refused(*TOO_SLOW)
        return message


class Stream:
    """A body read block by block from the thread of a synchronous view.

    Ends early (`broken` is then set) when the client goes away: what arrived is real and may be kept.
    """

    def __init__(self, counted: Counted, loop: asyncio.AbstractEventLoop) -> None:
        self._counted, self._loop = counted, loop
        self._buffer = bytearray()
        self._over = False
        self._ended = asyncio.Event()
        self._told = False
        self._gone = False
        self.broken: Refused | None = None

    @property
    def over(self) -> bool:
        """Say whether all of the body was read from the client."""
        return self._over

    @property
    def gone(self) -> bool:
        """Say whether the client went away."""
        return self._gone

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, fewer when no more have come yet, none at the end.

        Blocks: to be called in the thread of a view, never on the event loop.
        """
        while not self._over and not self._buffer:
            self._fill()
        if size < 0:
            while not self._over:
                self._fill()
            size = len(self._buffer)
        block = bytes(self._buffer[:size])
        del self._buffer[:size]
        return block

    def _fill(self) -> None:
        try:
            data, more = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result(IDLE_S + 10)
        except (TimeoutError, FutureCancelled, RuntimeError):
            data, more = b"", False
            self.broken = Refused(*TOO_SLOW)
        self._buffer += data
        self._over = not more

    async def _next(self) -> tuple[bytes, bool]:
        try:
            message = await self._counted.receive()
        except Refused as refused:
            self.broken = refused
            self._ended.set()
            return b"", False
        if message["type"] == "http.disconnect":
            self.broken = Refused(400, "body_broken", "The connection broke before the body was whole.")
            self._gone = True
            self._ended.set()
            return b"", False
        more = bool(message.get("more_body", False))
        if not more:
            self._ended.set()
        return message.get("body", b""), more

    async def receive_for_django(self) -> Message:
        """Show Django an empty body; then, once the real one is over, the client's going away.

        Told earlier, Django would cancel the view in the middle of a write it can still finish.
        """
        if not self._told:
            self._told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._ended.wait()
        if self._gone:
            await asyncio.Event().wait()  # the view ends by itself; nobody reads its answer
        while True:
            message = await self._counted.receive()
            if message["type"] == "http.disconnect":
                return message


def body_of(request: HttpRequest) -> Body:
    """Return what a view reads the body from: the stream, or Django's own where nothing stands in front."""
    scope: dict[str, Any] = getattr(request, "scope", {})
    body: Body = scope.get(SCOPE_KEY) or request
    return body


def _match(rules: Any, method: str, path: str) -> int:
    for wanted, pattern, limit in rules:
        if method == wanted and pattern.match(path):
            return int(limit())
    return 0


def _is_json(scope: Scope) -> bool:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return any(kind.lower().startswith(b"application/json") for kind in kinds)


def _announced(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


async def _answer(send: Send, refused: Refused) -> None:
    body = json.dumps({"error": {"code": refused.code, "message": refused.message, "detail": {}}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
