"""What every worker process does beside its tasks: say that it is alive, and reconcile.

The thread is started in the process that does the work (the forked child, or the only process of a solo
pool), so that no parent with open connections is ever forked.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import redis
from celery import signals

from annotation import presence, progress
from annotation.audit import Actor, acting_as
from annotation.conf import conf
from annotation.services import reconciler
from workers import memory, shutdown, upkeep
from workers.database import AWAY, close_connections, first_line
from workers.engines import engines

log = logging.getLogger(__name__)

BEAT_S: Final = 5.0
TURN_KEY: Final = "earmark:reconciled"


@dataclass(slots=True)
class Self:
    """Know what this process is and does, for whoever asks."""

    node: str = field(default_factory=lambda: f"worker@{socket.gethostname()}")
    queues: tuple[str, ...] = ()
    doing: str = ""
    since: float = field(default_factory=time.monotonic)
    born: float = field(default_factory=time.monotonic)
    trouble: str = ""
    forks: bool = False
    """Whether the work is done by a child, which its pool looks after."""

    @property
    def name(self) -> str:
        """Name this process in claims, so that a person can find it."""
        return f"{self.node}:{os.getpid()}"

    def describe(self) -> presence.Worker:
        """Return the note that says this process is alive."""
        now = time.monotonic()
        loading = engines.loading
        return presence.Worker(
            name=self.node,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=self.queues,
            doing=self.doing or (f"loads {loading}" if loading else ""),
            busy_s=round(now - self.since) if self.doing else 0,
            models=engines.names,
            device=engines.device,
            up_s=round(now - self.born),
            trouble=self.trouble,
            refused=tuple(engines.failed),
            memory_mb=memory.resident() >> 20,
        )


me: Final = Self()


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Tell whoever looks at the workers what this one does for the time of the block."""
    me.doing, me.since = what, time.monotonic()
    try:
        yield
    finally:
        me.doing = ""


def actor(queue: str) -> Actor:
    """Return the name under which this process changes rows."""
    return Actor(id=None, name=f"worker {socket.gethostname()}/{queue}", source="worker")


class Heart:
    """Beat while the process lives: announce it every five seconds, reconcile when it is time."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._announced = 0.0
        self._round_due = 0.0
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Start beating in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take the note of presence back."""
        self._end.set()
        presence.leave(me.describe())

    def _run(self) -> None:
        every = float(conf().reconcile_every_s)
        # Spread over the interval, so that workers started together do not come together.
        self._round_due = time.monotonic() + random.uniform(0.2, 1.0) * every  # noqa: S311 - not a secret
        while not self._end.wait(min(0.5, every / 4)):
            try:
                self._beat(every)
            except Exception:
                # Without a heart this process would work on unseen, and nobody might reconcile.
                log.exception("a beat was missed")

    def _beat(self, every: float) -> None:
        now = time.monotonic()
        if now - self._announced >= BEAT_S:
            self._announced = now
            presence.announce(me.describe())
            upkeep.look_after(me)
        if now >= self._round_due and not shutdown.asked():
            self._round_due = now + random.uniform(0.8, 1.2) * every  # noqa: S311 - not a secret
            reconcile_in_turn()


def reconcile_in_turn() -> bool:
    """Run a round of the reconciler unless another process did so just now; return whether it ran here.

    Any number may run at once without harm; taking turns only saves work. With Redis away everybody does it.
    """
    every = float(conf().reconcile_every_s)
    if not _my_turn(every * 0.7):
        return False
    try:
        with acting_as(actor("reconciler")):
            done = reconciler.reconcile()
    except AWAY as error:
        log.warning("not reconciled: PostgreSQL does not answer (%s)", first_line(error))
        _give_turn_back()
        return False
    except Exception:
        log.exception("not reconciled")
        return False
    finally:
        close_connections()
    if done.recordings_requeued or done.decodings_requeued or done.file_jobs_requeued:
        log.warning(
            "taken back from workers that went silent: %d recordings, %d windows, %d imports or exports",
            done.recordings_requeued,
            done.decodings_requeued,
            done.file_jobs_requeued,
        )
        presence.count(
            {"reclaimed_recordings": done.recordings_requeued, "reclaimed_windows": done.decodings_requeued}
        )
    return True


def _my_turn(seconds: float) -> bool:
    try:
        return bool(progress.client().set(TURN_KEY, me.name, nx=True, px=max(1, int(seconds * 1000))))
    except (redis.RedisError, OSError):
        return True


def _give_turn_back() -> None:
    try:
        progress.client().delete(TURN_KEY)
    except (redis.RedisError, OSError) as error:
        log.debug("turn not given back: %s", error)


_heart: Heart | None = None


def _remember(sender: Any = None, instance: Any = None, **kwargs: Any) -> None:
    """Learn in the parent, before any fork, what this worker is called and listens to."""
    me.node = str(sender)
    if instance is not None:
        me.queues = tuple(instance.app.amqp.queues.consume_from)
        me.forks = "prefork" in str(getattr(instance, "pool_cls", ""))
    if _heart is not None:  # a solo pool: this is the process that works, begun before its queues were known
        upkeep.load_ahead(me)


def _begin(**kwargs: Any) -> None:
    global _heart  # one for each process: a forked child needs its own
    me.born = time.monotonic()
    _heart = Heart()
    _heart.start()
    upkeep.load_ahead(me)


def _finish(**kwargs: Any) -> None:
    if _heart is not None:
        _heart.stop()


def _stop(**kwargs: Any) -> None:
    shutdown.ask()


def connect() -> None:
    """Hear from Celery when this worker is set up, starts a process, and is asked to stop."""
    signals.celeryd_after_setup.connect(_remember, weak=False)
    signals.worker_process_init.connect(_begin, weak=False)
    signals.worker_process_shutdown.connect(_finish, weak=False)
    signals.worker_shutting_down.connect(_stop, weak=False)
    signals.worker_shutdown.connect(_finish, weak=False)
