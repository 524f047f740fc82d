"""Look at processes by what they do, not by numbers somebody wrote down."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path


class Held(Exception):
    """Raise when a lock is held by another process."""


class FileLock:
    """Hold an exclusive `flock` on a file, which the kernel drops with the last process that has it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock; raise `Held` when another process keeps it.

        Asks for a moment, because somebody who only looks whether it is free holds it for that long.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for last in (False, False, False, True):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if last:
                    os.close(descriptor)
                    raise Held(str(self.path)) from None
                time.sleep(0.02)
            else:
                self._descriptor = descriptor
                return

    def share(self) -> None:
        """Wait for a shared hold of the lock."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._descriptor = descriptor

    def note(self, text: str) -> None:
        """Write who holds the lock, for the message others will show."""
        assert self._descriptor is not None  # noqa: S101 - misuse of this class
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    @property
    def descriptor(self) -> int:
        """Return the open descriptor, to be inherited by a child that shall hold the lock too."""
        assert self._descriptor is not None  # noqa: S101 - misuse of this class
        return self._descriptor

    def release(self) -> None:
        """Let go of this process's hold; a child that inherited it keeps it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_free(path: Path) -> bool:
    """Tell whether no process holds the lock `path`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def having_open(path: Path) -> list[int]:
    """Return the processes that have `path` open, as far as this account may see (Linux; else none)."""
    try:
        wanted = path.stat()
    except OSError:
        return []
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (entry / "fd").iterdir():
                with suppress(OSError):
                    info = descriptor.stat()
                    if (info.st_dev, info.st_ino) == (wanted.st_dev, wanted.st_ino):
                        found.append(int(entry.name))
                        break
    return [pid for pid in found if pid != os.getpid()]


def clear_leftovers(lock: Path, graceful: signal.Signals, patience_s: float) -> list[int]:
    """End what a dead supervisor left behind, known by the lock it inherited; return the pids signalled.

    First waits, because a server whose supervisor dies is told by the kernel to stop; then asks; then kills.
    Killing is safe for PostgreSQL and Redis both: they recover, and nothing else runs on their files while
    the lock is held.
    """
    signalled: list[int] = []
    if _wait_free(lock, patience_s):
        return signalled
    for number, wait_s in ((graceful, patience_s), (signal.SIGKILL, 5.0)):
        for pid in having_open(lock):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
                signalled.append(pid)
        if _wait_free(lock, wait_s):
            return signalled
    raise Held(str(lock))


def _wait_free(lock: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_free(lock):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True
