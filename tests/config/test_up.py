"""`make up`: starts everything, says what stops it, keeps it running, leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from config import install
from tests import services
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.slow


class Up:
    """One run of `make up`, without the installation, which `make test` has just done."""

    def __init__(self, home: Path, port: int, **extra: str) -> None:
        self.port = port
        self.log = home.with_name(f"up-{time.monotonic_ns()}.log")
        environ = services.environment(
            EARMARK_HOME=str(home), EARMARK_PORT=str(port), **{"EARMARK_DEMO": "0", **extra}
        )
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.up"], cwd=services.ROOT, env=environ, stdout=out, stderr=out
            )

    def said(self) -> str:
        return self.log.read_text()

    def wait_ready(self) -> None:
        self.until(lambda: "Earmark is running at" in self.said())

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; fail at once where `make up` has ended by itself."""
        until(lambda: self.process.poll() is not None or condition(), self.said)
        assert self.process.poll() is None, self.said()

    def family(self) -> dict[str, psutil.Process]:
        """Return the processes it looks after, by what they run."""
        found = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = " ".join(child.cmdline())
                for name in (
                    "uvicorn",
                    "-Q audio",
                    "-Q draft",
                    "-Q refine",
                    "beat",
                    "redis-server",
                    "bin/postgres -D",
                ):
                    if name in words and name not in found:
                        found[name] = child
        return found

    def has_again(self, name: str, pid: int) -> bool:
        """Tell whether the process that runs `name` has another one in its place."""
        return name in (family := self.family()) and family[name].pid != pid

    def serves(self) -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2),
        ):
            return True
        return False

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="earmark-up-"))
    base.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield base / "home"
    shutil.rmtree(base)


def all_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
    assert not alive, [process.cmdline() for process in alive]


def test_it_starts_serves_and_stops_without_leaving_anything(home: Path) -> None:
    up = Up(home, services.free_port())
    up.wait_ready()
    family = up.family()
    assert len(family) == 7, sorted(family)
    everybody = psutil.Process(up.process.pid).children(recursive=True)
    up.until(up.serves)
    assert f"http://127.0.0.1:{up.port}" in up.said()
    up.stop()
    assert up.process.returncode == 0, up.said()
    assert not [
        process for process in everybody if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ], "it leaves before its processes"
    assert "✓ stopped" in up.said()
    assert "did not stop within" not in up.said()


def test_the_second_start_skips_what_is_unchanged(home: Path) -> None:
    up = Up(home, services.free_port())
    up.wait_ready()
    up.until(up.serves)
    assert "tables                up to date\n" in up.said()
    up.stop(signal.SIGTERM)
    assert up.process.returncode == 0


def test_whatever_dies_is_started_again_and_said_in_one_line(home: Path) -> None:
    up = Up(home, services.free_port())
    up.wait_ready()
    try:
        before = up.family()
        for name, line in (
            ("-Q draft", "worker-draft ended (SIGKILL); starting it again"),
            ("bin/postgres -D", "postgres ended (SIGKILL); starting it again"),
            ("uvicorn", "web ended (SIGKILL); starting it again"),
        ):
            before[name].kill()
            up.until(partial(up.has_again, name, before[name].pid))
            assert line in up.said()
        up.until(up.serves)
    finally:
        up.stop()


@pytest.mark.faults
def test_nothing_outlives_a_killed_supervisor_and_the_next_start_works(home: Path) -> None:
    up = Up(home, services.free_port())
    up.wait_ready()
    everybody = psutil.Process(up.process.pid).children(recursive=True)
    up.process.kill()
    up.process.wait(PATIENCE_S)
    again = Up(home, up.port)
    again.wait_ready()
    again.stop()
    all_gone(everybody)


def test_a_second_start_and_a_taken_port_are_one_clear_message(home: Path, tmp_path: Path) -> None:
    first = Up(home, services.free_port())
    first.wait_ready()
    try:
        second = Up(home, services.free_port())
        assert second.process.wait(PATIENCE_S) == 1
        assert f"process {first.process.pid}" in second.said()
        assert "Traceback" not in second.said()
        taken = Up(tmp_path / "home", first.port)
        assert taken.process.wait(PATIENCE_S) == 1
        assert f"Port {first.port} of 127.0.0.1 cannot be used" in taken.said()
        assert f"EARMARK_PORT={first.port + 1} make up" in taken.said()
        assert "Traceback" not in taken.said()
        first.until(first.serves)
        command = subprocess.run(
            [sys.executable, "manage.py", "showmigrations", "annotation"],
            cwd=services.ROOT,
            env=services.environment(EARMARK_HOME=str(home)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert command.returncode == 0, command.stderr
        assert "[X] 0001_initial" in command.stdout
        first.until(first.serves)  # a command beside it must not stop its servers
    finally:
        first.stop()


def test_a_wrong_option_starts_nothing(tmp_path: Path) -> None:
    up = Up(tmp_path / "home", services.free_port(), EARMARK_DEVICE="abacus")
    assert up.process.wait(PATIENCE_S) == 2
    assert "EARMARK_DEVICE: expected one of auto, cpu, cuda" in up.said()
    assert not (tmp_path / "home").exists()


def test_an_installation_is_done_once_and_a_changed_lock_file_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "LOCKS", tmp_path)
    monkeypatch.setattr(install, "_run", lambda command, *_, **__: ran.append(command))
    (tmp_path / "runtime.lock").write_text("a==1 \\\n    --hash=sha256:00\n")
    install.install("runtime")
    install.install("runtime")
    assert len(ran) == 1
    assert {"--require-hashes", "--no-deps"} <= set(ran[0])
    (tmp_path / "runtime.lock").write_text("a==2 \\\n    --hash=sha256:00\n")
    install.install("runtime")
    assert len(ran) == 2


def test_a_port_is_free_again_at_once_after_a_stop(home: Path) -> None:
    port = services.free_port()
    for _ in range(2):
        up = Up(home, port)
        up.wait_ready()
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as lingering:
            lingering.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            lingering.recv(100)
            up.stop()
        assert up.process.returncode == 0, up.said()
