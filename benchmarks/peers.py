"""Talk to raw faster-whisper in a process of its own; see `benchmarks.peer`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.report import Cost


@dataclass(frozen=True, slots=True)
class Run:
    """What one command came to. `first_s`: from the command to the first text; `peak_mb`: of the process."""

    texts: list[str]
    cost: Cost
    first_s: float | None
    peak_mb: float


class FasterWhisper:
    """A process with one model loaded; ended with the `with` block."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peer", str(model), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the one who started us: it ends this process in its turn.
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, do: str, **arguments: Any) -> Run:
        """Run one way of `benchmarks.peer.Peer` and return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"raw faster-whisper ended with {self._process.wait()} at {do}")
        said = json.loads(line)
        return Run(said["texts"], Cost(said["cpu_s"], said["wall_s"]), said["first_s"], said["peak_mb"])
