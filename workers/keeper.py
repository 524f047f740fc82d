"""Keep a claim while slow work runs, and end what does not come to an end.

A thread beside the work renews the claim every third of its term. It is also the watchdog: native code that
hangs cannot be interrupted, so when work passes its bound, the keeper says so in the row and ends the
process, which its pool or its supervisor starts again.
"""

from __future__ import annotations

import contextvars
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from annotation.conf import conf
from workers import shutdown
from workers.database import AWAY, close_connections, first_line

log = logging.getLogger(__name__)

TICK_S: Final = 0.25


@dataclass(slots=True, eq=False)
class _Watch:
    """One piece of work that is watched: how long it may be silent, and who lets go of it then."""

    within_s: float
    give_up: Callable[[str], object]
    moved: float


class Keeper:
    """Renew a claim from a thread of its own for the time of a `with` block.

    `renew` returns False when the claim is gone. `give_up` is called once, with a sentence, when watched work
    passed its bound; `hand_back` when a stop was asked and the work did not come to a boundary in time.
    After either the process ends. Several threads may be watched at once. What is not watched (waiting for
    PostgreSQL) has bounds of its own.
    """

    def __init__(
        self,
        *,
        renew: Callable[[], bool],
        give_up: Callable[[str], object],
        hand_back: Callable[[], object],
        report_every_s: float | None = None,
    ) -> None:
        self._renew, self._give_up, self._hand_back = renew, give_up, hand_back
        self._every_s = conf().claim_s / 3
        self._report_every_s = report_every_s
        self._news = False
        self._watches: list[_Watch] = []
        self._done = threading.Event()
        self._lost = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lost(self) -> bool:
        """Tell whether the claim is known to be gone; its results would be refused."""
        return self._lost.is_set()

    @contextmanager
    def watching(self, within_s: float, give_up: Callable[[str], object] | None = None) -> Iterator[None]:
        """Watch the block: without a sign of life for `within_s` seconds it counts as hung.

        `give_up` says for this block who lets go of it, where it is not the keeper's own way.
        """
        watch = _Watch(within_s, give_up or self._give_up, time.monotonic())
        self._watches.append(watch)
        try:
            yield
        finally:
            self._watches.remove(watch)

    def moved(self) -> None:
        """Note a sign of life."""
        for watch in tuple(self._watches):
            watch.moved = time.monotonic()

    def report(self) -> None:
        """Ask for a renewal soon, because there is progress to show with it."""
        self._news = True
        self.moved()

    def __enter__(self) -> Self:
        context = contextvars.copy_context()  # the audit's actor, too
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="keeper", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _run(self) -> None:
        renewed = time.monotonic()
        try:
            while not self._done.wait(TICK_S):
                now = time.monotonic()
                for watch in tuple(self._watches):
                    if now - watch.moved > watch.within_s:
                        sentence = f"It gave no sign of life for {watch.within_s:.0f} s and was ended."
                        self._end(sentence, lambda give_up=watch.give_up, s=sentence: give_up(s))  # type: ignore[misc]
                if shutdown.overdue():
                    self._end("The worker was asked to stop.", self._hand_back)
                due = self._every_s
                if self._news and self._report_every_s is not None:
                    due = min(due, self._report_every_s)
                if now - renewed >= due and not self.lost and self._renewed():
                    renewed, self._news = now, False
        finally:
            close_connections()

    def _renewed(self) -> bool:
        try:
            if not self._renew():
                self._lost.set()
        except AWAY as error:
            close_connections()
            log.warning("claim not renewed yet: %s", first_line(error))
            return False
        except Exception:
            log.exception("claim not renewed")
        return True

    def _end(self, sentence: str, let_go: Callable[[], object]) -> None:
        """Let go of the claim and end this process: what hangs in native code cannot be stopped otherwise."""
        log.error("%s Process %s ends itself.", sentence, os.getpid())
        try:
            let_go()
        except Exception as error:
            log.warning("the claim is left to expire: %s", first_line(error))
        finally:
            logging.shutdown()
            os.kill(os.getpid(), signal.SIGKILL)
