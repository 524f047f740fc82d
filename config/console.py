"""What set-up says on the terminal: a line a step, rewritten in place where the terminal can do that."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

COLOURS = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ
_CODES = {"green": "32", "red": "31", "yellow": "33", "blue": "36", "dim": "2", "bold": "1"}
_lock = threading.Lock()
_open = ""


def paint(text: str, colour: str) -> str:
    """Return `text` in a colour, where the terminal has any."""
    return f"\033[{_CODES[colour]}m{text}\033[0m" if COLOURS else text


def line(text: str = "") -> None:
    """Write one line, above the line in progress when there is one."""
    with _lock:
        _write(("\r\033[K" if COLOURS and _open else "") + text + "\n" + (_open if COLOURS else ""))


def done(what: str, detail: str = "") -> None:
    """Write that a step is done."""
    line(f"  {paint('✓', 'green')} {what:<22}{paint(detail, 'dim')}")


def note(what: str, detail: str = "") -> None:
    """Write something to know that stops nothing."""
    line(f"  {paint('!', 'yellow')} {what:<22}{detail}")


def fail(what: str) -> None:
    """Write why set-up stops; further lines of `what` are indented below the first."""
    first, *rest = what.rstrip().splitlines() or [""]
    line(f"  {paint('✗', 'red')} {first}")
    for more in rest:
        line(f"    {more}")


class Status:
    """The line in progress, ticking; where lines cannot be rewritten, written anew every ten seconds."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.began = time.monotonic()
        self._detail = ""
        self._written = self.began
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def update(self, detail: str) -> None:
        """Show `detail` behind the step and the seconds it has taken."""
        self._detail = detail
        self._show()

    def clear(self) -> None:
        """Take the line in progress away."""
        global _open
        self._over.set()
        self._ticker.join()
        if COLOURS:
            with _lock:
                _open = ""
                _write("\r\033[K")

    def _tick(self) -> None:
        while not self._over.wait(0.5):
            self._show()

    def _show(self) -> None:
        global _open  # one terminal, one line in progress
        now = time.monotonic()
        progress = paint(f"{now - self.began:3.0f} s  {self._detail}", "dim")
        text = f"  {paint('·', 'blue')} {self.what:<22}{progress}"
        if COLOURS:
            with _lock:
                if _open != _fit(text):
                    _open = _fit(text)
                    _write("\r\033[K" + _open)
        elif now - self._written > 10:
            self._written = now
            line(text)


@contextmanager
def step(what: str) -> Iterator[Status]:
    """Show a step in progress; its end is written by the caller (`done`, `fail`)."""
    status = Status(what)
    status.update("")
    try:
        yield status
    finally:
        status.clear()


def _fit(text: str) -> str:
    room = shutil.get_terminal_size().columns + 18  # colour codes take no place
    return text if len(text) <= room else text[: room - 1] + "…"


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except UnicodeEncodeError:  # LANG=C on an old Python
        sys.stdout.write(text.encode("ascii", "replace").decode())
        sys.stdout.flush()
    except (OSError, ValueError):  # the terminal has gone; the site goes on
        pass
