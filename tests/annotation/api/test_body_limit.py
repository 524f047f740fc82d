"""The gate before Django, driven by hand: slow senders, senders that leave, applications that do not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from annotation.api import body_limit
from annotation.api.body_limit import SCOPE_KEY, BodyLimit, Stream
from tests.waiting import PATIENCE_S

UPLOAD = "/api/uploads/00000000-0000-4000-8000-000000000000/"


class Line:
    """A client: sends its messages, then is silent or leaves; keeps what it is answered."""

    def __init__(self, messages: Iterable[bytes], *, whole: bool = True, leaves: bool = False) -> None:
        parts = list(messages)
        self._waiting = [
            {"type": "http.request", "body": part, "more_body": not whole or i + 1 < len(parts)}
            for i, part in enumerate(parts)
        ]
        self._leaves = leaves
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        if self._waiting:
            return self._waiting.pop(0)
        if self._leaves:
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def code(self) -> str:
        return str(json.loads(self.sent[1]["body"])["error"]["code"])


def scope(method: str = "POST", path: str = "/api/auth/token/", length: int | None = None) -> dict[str, Any]:
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return {"type": "http", "method": method, "path": path, "headers": headers}


async def reads_all(scope: Any, receive: Any, send: Any) -> None:
    """An application as Django is: the whole body first."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


def serve(line: Line, asked: dict[str, Any], app: Any = reads_all) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await BodyLimit(app)(asked, line.receive, line.send)

    asyncio.run(run())


def test_silence_in_the_middle_of_a_body_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "IDLE_S", 0.1)
    line = Line([b"{"], whole=False)
    serve(line, scope(length=100))
    assert (line.status, line.code) == (408, "too_slow")


def test_a_trickle_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "GRACE_S", -10.0)
    line = Line([b"x"] * 50, whole=False)
    serve(line, scope())
    assert (line.status, line.code) == (408, "too_slow")


def test_more_than_the_limit_is_413_however_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "PLAIN_LIMIT", 1000)
    line = Line([b"x" * 100] * 11)
    serve(line, scope())
    assert (line.status, line.code) == (413, "too_large")
    line = Line([b"x" * 100] * 10)
    serve(line, scope())
    assert line.status == 200


def test_a_client_who_waits_for_events_is_not_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "IDLE_S", 0.05)

    async def listens(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    line = Line([b""])
    serve(line, scope("GET"), listens)
    assert line.status == 200


def streaming(take: int) -> tuple[Any, list[Any]]:
    """Return an application that reads its stream in a thread, `take` bytes at a time, and what it read."""
    read: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        stream: Stream = scope[SCOPE_KEY]
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}

        def work() -> None:
            while block := stream.read(take):
                read.append(block)

        await asyncio.to_thread(work)
        read.append(stream.broken)
        await send({"type": "http.response.start", "status": 204, "headers": []})

    return app, read


def test_a_view_reads_an_upload_as_it_arrives() -> None:
    app, read = streaming(4)
    serve(Line([b"abc", b"", b"defgh", b"i"]), scope("PATCH", UPLOAD, 9), app)
    assert b"".join(read[:-1]) == b"abcdefghi"
    assert all(len(block) <= 4 for block in read[:-1])
    assert read[-1] is None


def test_a_view_keeps_what_came_before_the_client_left() -> None:
    app, read = streaming(100)
    line = Line([b"abc", b"def"], whole=False, leaves=True)
    serve(line, scope("PATCH", UPLOAD, 100), app)
    assert b"".join(read[:-1]) == b"abcdef"
    assert read[-1].code == "body_broken"
    assert line.status == 204


def test_a_view_is_not_cancelled_while_it_still_writes() -> None:
    """Django is told that the client left only once the body is over and the view had its answer."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await receive()
        await asyncio.to_thread(scope[SCOPE_KEY].read)
        await send({"type": "http.response.start", "status": 204, "headers": []})

    line = Line([b"abc"], whole=False, leaves=True)
    serve(line, scope("PATCH", UPLOAD, 100), app)
    assert line.status == 204


@pytest.mark.parametrize(
    ("method", "path"), [("POST", UPLOAD), ("PATCH", UPLOAD + "x"), ("PATCH", "/x" + UPLOAD)]
)
def test_only_uploads_are_streamed(method: str, path: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert SCOPE_KEY not in scope
        await reads_all(scope, receive, send)

    line = Line([b"abc"])
    serve(line, scope(method, path), app)
    assert line.status == 200
