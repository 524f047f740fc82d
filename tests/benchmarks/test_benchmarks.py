"""The benchmarks run: every table has its rows, on toy sizes. What they measure is no business of a test."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.report import Table, percentile
from tests import services
from tests.waiting import PATIENCE_S

ROWS = {
    "P1, P2": 6,
    "P3": 6,
    "P4": 3,
    "P5, P12, P13": 5,
    "P7": 2,
    "P6": 1,
    "Engine": 4,
    "Riskiest first: share": 8,
    "Riskiest first on the quality page": 8,
    "Quality page": 13,
    "Saves": 2,
    "Tables": 2,
    "Exports": 2,
    "Admin": 32,
}


@pytest.mark.slow
def test_every_table_has_its_rows_and_every_goal_is_judged(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"

    done = _start("--quick", "--write", "--to", str(document))
    output, _ = done.communicate(timeout=900)

    assert done.returncode == 0, output[-4000:]
    text = document.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    for start, rows in ROWS.items():
        body = next(body for title, body in sections.items() if title.startswith(start))
        table = body.split("|---|", 1)[1].split("\n\n", 1)[0]
        assert len(re.findall(r"^\| ", table, re.M)) == rows, body
    goals = sections["Goals"]
    for name in ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P12", "P13"):
        assert re.search(rf"^- {name} .*\*\*(met|MISSED|not measured)\*\*$", goals, re.M), name
    assert "Side by side" in sections
    # A missed goal says where the time goes, and on a toy there is always one.
    assert "Where the time goes" in text
    assert str(services.ROOT) not in text


@pytest.mark.slow
def test_an_interrupt_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    run = _start("--quick", "recordings", TMPDIR=str(tmp_path))
    try:
        deadline = time.monotonic() + 240
        while not any("celery" in command for command in _commands_below(run.pid)):
            assert run.poll() is None, run.communicate()[0][-4000:]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        processes = psutil.Process(run.pid).children(recursive=True)

        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=120)
    finally:
        run.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(60)

    assert run.returncode == 130, output[-4000:]
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_S)
    assert not alive
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("earmark-")]


def test_a_name_that_is_no_benchmark_is_refused_with_those_there_are() -> None:
    run = _start("nonsense")
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 2
    assert "recordings" in output


def test_a_missed_goal_is_said_to_be_missed() -> None:
    table = Table("T", ("", "s"))
    table.add("ours", 2)
    table.aim("at most 1 s", "2 s", met=False)
    table.aim("on a GPU", "no GPU", met=None)
    assert table.missed
    assert "- at most 1 s: 2 s - **MISSED**" in table.markdown()
    assert "- on a GPU: no GPU - **not measured**" in table.markdown()


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(n) for n in range(1, 21)]
    assert percentile(values, 0.5) == 11.0
    assert percentile(values, 0.95) == 20.0
    assert percentile([3.0], 0.95) == 3.0


def _start(*arguments: str, **extra: str) -> subprocess.Popen[str]:
    # Where the tests were started in the background, interrupts are ignored, and a child would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks", *arguments],
            cwd=services.ROOT,
            env={**os.environ, **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def _commands_below(pid: int) -> list[str]:
    commands = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it ended just now
                commands.append(" ".join(process.cmdline()))
    return commands
