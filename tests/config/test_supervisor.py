"""The supervisor starts again what dies, waits longer each time, stops in order and keeps logs small."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from config.embedded import supervisor as module
from config.embedded.supervisor import Program, Supervisor
from tests.waiting import AT_ONCE_S, until

POLITE = """
import signal, sys, time

def end(*_):
    with open(sys.argv[1], "a") as order:
        order.write(sys.argv[2])
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""


def program(tmp_path: Path, name: str, code: str, **more: object) -> Program:
    return Program(name=name, argv=[sys.executable, "-c", code], log=tmp_path / f"{name}.log", **more)  # type: ignore[arg-type]


def test_what_dies_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor([program(tmp_path, "sleeper", "import time; time.sleep(600)")], said.append)
    supervisor.start()
    try:
        child = supervisor.child("sleeper")
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: child.pid not in (None, first))
        assert said == ["sleeper ended (SIGKILL); starting it again"]
    finally:
        supervisor.stop()


def test_what_cannot_live_is_tried_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", (0.0, 0.2, 0.4, 600.0))
    said: list[str] = []
    supervisor = Supervisor([program(tmp_path, "faller", "raise SystemExit(3)")], said.append)
    supervisor.start()
    until(lambda: len(said) == 4)
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < AT_ONCE_S, "it waits for nobody when it is told to stop"
    assert said[0] == "faller ended (exit 3); starting it again"
    assert said[3] == "faller ended (exit 3); starting it again in 600 s"


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    said: list[str] = []
    missing = Program(name="nothing", argv=["/no/such/program"], log=tmp_path / "nothing.log")
    supervisor = Supervisor([missing], said.append)
    supervisor.start()
    until(lambda: bool(said))
    supervisor.stop()
    assert "/no/such/program" in (tmp_path / "nothing.log").read_text()


def test_the_last_ones_stop_last_and_the_stubborn_are_killed(tmp_path: Path) -> None:
    order = tmp_path / "order"
    programs = [
        Program(
            "server",
            [sys.executable, "-c", POLITE, str(order), "server "],
            tmp_path / "a.log",
            stop_last=True,
        ),
        Program("user", [sys.executable, "-c", POLITE, str(order), "user "], tmp_path / "b.log"),
        program(
            tmp_path,
            "stubborn",
            STUBBORN,
            stop_s=0.5,
        ),
    ]
    said: list[str] = []
    supervisor = Supervisor(programs, said.append)
    supervisor.start()
    until(lambda: all("up" in p.log.read_text() for p in programs))
    pids = [child.pid for child in supervisor.children]
    supervisor.stop()
    assert order.read_text() == "user server "
    assert said == ["stubborn did not stop within 0.5 s: killed"]
    assert not any(pid and psutil.pid_exists(pid) for pid in pids)


def test_a_large_log_is_set_aside_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_MAX_BYTES", 100_000)
    monkeypatch.setattr(module, "ROTATE_EVERY_S", 0.05)
    writer = program(
        tmp_path, "writer", "import time\nwhile True: print('x' * 1000, flush=True); time.sleep(0.001)"
    )
    supervisor = Supervisor([writer])
    supervisor.start()
    older = tmp_path / "writer.log.1"
    until(older.exists)
    until(lambda: writer.log.stat().st_size < 100_000)
    size = writer.log.stat().st_size
    until(lambda: writer.log.stat().st_size != size)
    supervisor.stop()
    assert older.stat().st_size >= 100_000
