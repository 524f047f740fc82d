"""Break things while people and machines work: workers that come back, people who save, kills that count."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from django.db import InterfaceError, OperationalError, close_old_connections, connections

from annotation.errors import AnnotationError
from annotation.models import Decoding, Recording, Revision, Segment, User
from annotation.services.segments import save_text
from annotation.states import DecodingState
from tests import services
from tests.waiting import PATIENCE_S, until
from tests.workers.support import FAST, all_over, standing

AWAY: Final = (OperationalError, InterfaceError)
CHAOS: Final = {
    **FAST,
    "EARMARK_ENGINE": "fake",
    "EARMARK_FAKE_ENGINE": "seconds=0.05",
    # Blind kills hit one row again and again; giving it up would be right, and is tested elsewhere.
    "EARMARK_MAX_ATTEMPTS": "100",
    # Small batches: more of them are interrupted.
    "EARMARK_CLAIM_BATCH": "4",
}


class Fleet:
    """Keep workers running as a supervisor does: one that dies is started again."""

    def __init__(self, log_dir: Path, pools: tuple[str, ...], **extra: str) -> None:
        self._log_dir, self._pools, self._extra = log_dir, pools, extra
        self._stop = threading.Event()
        self._slots: list[services.Running | None] = [None] * len(pools)
        self._threads = [
            threading.Thread(target=self._keep, args=(index,), name=f"fleet-{index}")
            for index in range(len(pools))
        ]
        self.starts = 0
        self.errors: list[BaseException] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for worker in self._slots:
            if worker is not None:
                worker.kill()

    def tree_of(self, pid: int) -> services.Running | None:
        """Return the worker that `pid` belongs to, itself or as a forked child."""
        with contextlib.suppress(ProcessLookupError):
            group = os.getpgid(pid)
            return next((w for w in self._slots if w is not None and w.pid == group), None)
        return None

    def _keep(self, index: int) -> None:
        while not self._stop.is_set():
            worker = self._slots[index]
            if worker is None or not worker.alive:
                log = self._log_dir / f"fleet-{index}-{self.starts}.log"
                try:
                    self._slots[index] = services.start_worker(
                        "audio,draft,refine,control", log, pool=self._pools[index], **self._extra
                    )
                    self.starts += 1
                except AssertionError as error:  # killed before it was ready: start the next one
                    self.errors.append(error)
            self._stop.wait(0.05)


@dataclass(slots=True)
class Editors:
    """People who correct segments all the time, and remember what the site acknowledged."""

    user: User
    recordings: tuple[Recording, ...]
    seed: int
    count: int = 2
    acknowledged: dict[tuple[int, int], str] = field(default_factory=dict)
    """(segment, revision) -> text, of every save that was answered."""
    failures: list[BaseException] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(self.count):
            thread = threading.Thread(
                target=self._edit, args=(self.seed * 100 + number,), name=f"editor-{number}"
            )
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _edit(self, seed: int) -> None:
        chance = random.Random(seed)
        ids = [recording.pk for recording in self.recordings]
        try:
            while not self._stop.wait(chance.uniform(0.02, 0.08)):
                try:
                    self._edit_one(chance, ids)
                except AWAY:
                    for connection in connections.all(initialized_only=True):
                        connection.close()
                except AnnotationError:
                    continue  # stale: a machine or the other editor was there first, and nothing was promised
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    def _edit_one(self, chance: random.Random, ids: list[int]) -> None:
        close_old_connections()
        rows = Segment.objects.filter(recording_id__in=ids).select_related("project")
        # A third of the rows is left to the machines, so that both kinds of row are there at the end.
        segments = [row for row in rows.order_by("pk") if row.pk % 3]
        if not segments:
            return
        segment = chance.choice(segments)
        text = f"a person's text {uuid.UUID(int=chance.getrandbits(128))}"
        base = segment.revision  # the save brings the segment up to date in place
        saved = save_text(user=self.user, segment=segment, text=text, base_revision=base)
        # Another save may already lie on top of ours: what was promised is this revision.
        self.acknowledged[(segment.pk, base + 1)] = text
        assert saved.revision > base

    def assert_nothing_lost(self) -> None:
        """Assert that every acknowledged save is a revision, and that no machine wrote on top of a person."""
        assert not self.failures, self.failures
        kept = {
            (segment, number): text
            for segment, number, text in Revision.objects.values_list("segment_id", "number", "text")
        }
        lost = {key: text for key, text in self.acknowledged.items() if kept.get(key) != text}
        assert not lost
        touched = {segment for segment, _ in self.acknowledged}
        for segment in Segment.objects.filter(pk__in=touched):
            sources = list(segment.revisions.order_by("number").values_list("source", flat=True))
            assert segment.source == "human"
            first = sources.index("human")
            assert set(sources[first:]) == {"human"}, f"{segment}: {sources}"


def in_flight() -> list[tuple[int, str]]:
    """List the windows that are being decoded just now, with the name of the worker that holds each."""
    rows = Decoding.objects.filter(state=DecodingState.RUNNING).order_by("pk")
    return list(rows.values_list("pk", "claimed_by"))


def wait_in_flight() -> list[tuple[int, str]]:
    """Wait until a window is being decoded by a process that lives; return what is in flight."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = [(pk, name) for pk, name in in_flight() if alive(pid_of(name))]
        if found:
            return found
        if all_over():
            raise AssertionError(f"the work was over before enough was broken:\n{standing()}")
        time.sleep(0.01)
    raise AssertionError(f"nothing came into flight:\n{standing()}")


def pid_of(claimed_by: str) -> int:
    """Return the process id in the name a window was claimed under."""
    return int(claimed_by.rpartition(":")[2])


def alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:4]
    except OSError:
        return False


def kill_redis(servers: Any) -> None:
    """Kill Redis and leave it nothing to come back with."""
    pid = servers.pid("redis")
    data = services.PLACES.redis
    for path in data.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    os.kill(pid, signal.SIGKILL)
    come_back(servers, "redis", pid)


def kill_postgres(servers: Any) -> None:
    """Kill the postmaster; its children notice and die, and the next one recovers from the log."""
    pid = servers.pid("postgres")
    os.kill(pid, signal.SIGKILL)
    for connection in connections.all(initialized_only=True):
        connection.close()
    come_back(servers, "postgres", pid)


def come_back(servers: Any, name: str, killed: int) -> None:
    """Wait until the supervisor has started a server again that it has lost."""
    # Twenty deaths in a minute would make it wait longer each time, which is right elsewhere.
    servers._supervisor.child(name).deaths = 0
    until(lambda: servers.pid(name) not in (None, killed), f"{name} did not come back")
