"""Keep a few processes running: start them, start them again when they die, stop them in order."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded.processes import FileLock

log = logging.getLogger("earmark.supervisor")

LAUNCH = Path(__file__).with_name("launch.py")
BACKOFF_S = (0.0, 0.2, 1.0, 2.0, 5.0, 10.0)
SETTLED_S = 60.0
LOG_MAX_BYTES = 10 * 1024**2
ROTATE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Program:
    """Describe one process to keep running. Times in seconds."""

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s: float = 10.0
    uid: int | None = None
    stdin: bytes | None = field(default=None, repr=False)
    lock: Path | None = None
    """A file whose `flock` the process holds for as long as it, or a child of it, lives."""
    before: Callable[[], None] | None = None
    """Called before every start, for instance to clear leftovers."""
    stop_last: bool = False


class Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self.last_status: int | None = None
        self._started = 0.0
        self._next_start = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    def tick(self, say: Callable[[str], None]) -> None:
        """Start the process when it is due; notice when it has died."""
        now = time.monotonic()
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                return
            if now - self._started > SETTLED_S:
                self.deaths = 0
            wait = BACKOFF_S[min(self.deaths, len(BACKOFF_S) - 1)]
            self.deaths += 1
            self.last_status = status
            self._next_start = now + wait
            self.process = None
            say(
                f"{self.program.name} ended ({_cause(status)}); starting it again"
                + (f" in {wait:g} s" if wait else "")
            )
        if now >= self._next_start:
            self._start(say)

    def _start(self, say: Callable[[str], None]) -> None:
        program = self.program
        lock: FileLock | None = None
        try:
            if program.before is not None:
                program.before()
            if program.lock is not None:
                lock = FileLock(program.lock)
                lock.take()
            self.process = _spawn(program, lock)
        except Exception as error:
            self.deaths += 1
            self._next_start = time.monotonic() + BACKOFF_S[min(self.deaths, len(BACKOFF_S) - 1)]
            say(f"{program.name} cannot be started: {error}")
        finally:
            if lock is not None:
                lock.release()  # the child has it now
        self._started = time.monotonic()

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    def wait(self, deadline: float) -> bool:
        """Wait for the end of the process; return False when it is still there at `deadline`."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True


class Supervisor:
    """Run programs in one thread of their own.

    One thread, because the kernel's promise to end a child with its parent is a promise about the thread
    that started it.
    """

    def __init__(self, programs: Sequence[Program], say: Callable[[str], None] | None = None) -> None:
        self.children = [Child(program) for program in programs]
        self._say = say or log.warning
        self._stop = threading.Event()
        self._first_round = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start every program; return when each has been tried once."""
        self._thread.start()
        self._first_round.wait()

    def stop(self) -> None:
        """Stop the programs, those marked last after the others; return when none is left."""
        if not self._thread.is_alive():
            return
        self._stop.set()
        self._thread.join()

    @property
    def is_running(self) -> bool:
        """Tell whether any program is still looked after."""
        return self._thread.is_alive()

    def kill(self) -> None:
        """Kill every process at once; they are not started again when `stop` was called before."""
        for child in self.children:
            child.signal(signal.SIGKILL)

    def child(self, name: str) -> Child:
        """Return the child called `name`."""
        return next(child for child in self.children if child.program.name == name)

    def _run(self) -> None:
        rotation_due = 0.0
        while not self._stop.is_set():
            for child in self.children:
                child.tick(self._say)
            self._first_round.set()
            if time.monotonic() >= rotation_due:
                rotation_due = time.monotonic() + ROTATE_EVERY_S
                for child in self.children:
                    _rotate(child.program.log)
            self._stop.wait(0.1)
        for last in (False, True):
            self._end([child for child in self.children if child.program.stop_last is last])

    def _end(self, children: list[Child]) -> None:
        for child in children:
            child.signal(child.program.stop_signal)
        began = time.monotonic()
        for child in children:
            if not child.wait(began + child.program.stop_s):
                self._say(f"{child.program.name} did not stop within {child.program.stop_s:g} s: killed")
                child.signal(signal.SIGKILL)
                child.wait(time.monotonic() + 5)


def _spawn(program: Program, lock: FileLock | None) -> subprocess.Popen[bytes]:
    uid = os.geteuid() if program.uid is None else program.uid
    gid = os.getegid() if uid == os.geteuid() else uid
    launch = [
        sys.executable,
        "-I",
        "-S",
        str(LAUNCH),
        str(uid),
        str(gid),
        str(int(program.stop_signal)),
        str(os.getpid()),
    ]
    descriptor = os.open(program.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        process = subprocess.Popen(
            [*launch, *program.argv],
            stdin=subprocess.DEVNULL if program.stdin is None else subprocess.PIPE,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            env=dict(program.env),
            cwd=program.cwd,
            pass_fds=[lock.descriptor] if lock else [],
            start_new_session=True,  # a Ctrl-C in the terminal is for us alone; we stop the children in order
        )
    finally:
        os.close(descriptor)
    if program.stdin is not None and process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.write(program.stdin)
            process.stdin.close()
    return process


def _rotate(path: Path) -> None:
    """Keep one older log; the process goes on writing to the emptied file, which it opened for appending."""
    with suppress(OSError):
        if path.stat().st_size > LOG_MAX_BYTES:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)


def _cause(status: int) -> str:
    if status >= 0:
        return f"exit {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
