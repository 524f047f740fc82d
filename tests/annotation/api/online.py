"""Talk to a running site: tokens, and live events read in the background."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx
from django.db import connection
from knox.models import AuthToken

from annotation.models import User
from tests.waiting import PATIENCE_S


def token_of(person: User) -> str:
    """Make a token for a person, committed."""
    _, token = AuthToken.objects.create(person)
    if threading.current_thread() is not threading.main_thread():
        connection.close()  # the thread's own, which nobody else would close
    return str(token)


def session(site: str, person: User) -> httpx.Client:
    """Return a client that calls the site as a person."""
    return httpx.Client(
        base_url=site,
        headers={"Authorization": f"Bearer {token_of(person)}"},
        timeout=PATIENCE_S,
        trust_env=False,
    )


@dataclass(frozen=True)
class Event:
    """One event as it came over the line."""

    name: str
    data: Any
    id: str
    at: float


class Listener:
    """Follow a project's events in a thread until closed."""

    def __init__(self, client: httpx.Client, project_id: int, last: str = "") -> None:
        self.events: queue.Queue[Event | None] = queue.Queue()
        self.seen: list[Event] = []
        self.comments = 0
        self.status = 0
        self.last = last
        self._path = f"/api/projects/{project_id}/events/"
        self._client = httpx.Client(
            base_url=client.base_url, headers=client.headers, cookies=client.cookies, trust_env=False
        )
        self._started = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(PATIENCE_S)

    def _run(self) -> None:
        headers = {"Last-Event-ID": self.last} if self.last else {}
        timeout = httpx.Timeout(PATIENCE_S)
        try:
            with self._client.stream("GET", self._path, headers=headers, timeout=timeout) as response:
                self.status = response.status_code
                self._response = response
                self._started.set()
                fields: dict[str, str] = {}
                for line in response.iter_lines():
                    if line.startswith(":"):
                        self.comments += 1
                    elif line:
                        name, _, value = line.partition(": ")
                        fields[name] = value
                    elif "event" in fields:
                        self.last = fields.get("id", self.last)
                        self.events.put(
                            Event(
                                fields["event"],
                                json.loads(fields["data"]),
                                fields.get("id", ""),
                                time.monotonic(),
                            )
                        )
                        fields = {}
        except (httpx.HTTPError, httpx.StreamError, ValueError, OSError):
            pass  # the line broke, or was closed by the test
        finally:
            self._started.set()
            self.events.put(None)

    def wait(self, name: str, seconds: float = PATIENCE_S) -> Event:
        """Return the next event of this name; fail when the stream ends or nothing comes."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name} within {seconds} s; seen {self.seen}") from None
            if event is None:
                raise AssertionError(f"the stream ended before {name}; seen {self.seen}")
            self.seen.append(event)
            if event.name == name:
                return event

    def ended(self) -> bool:
        """Say whether the server ends the stream."""
        self._thread.join(PATIENCE_S)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Break the connection off."""
        if self._response is not None:
            stream: Any = self._response.extensions["network_stream"]
            with contextlib.suppress(OSError):
                stream.get_extra_info("socket").shutdown(2)
        self._thread.join(PATIENCE_S)
        self._client.close()
