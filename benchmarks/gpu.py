"""P6: the device kept busy across recordings, on a GPU; without one it says that it was not measured.

The model has the dimensions of large-v3 and random weights: what it hears is noise, so that a cap on tokens
stands in for the end of a sentence, the same for everybody, and no error rate is printed.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Final

import ctranslate2

from benchmarks.report import Table

if TYPE_CHECKING:
    from benchmarks.bench import Bench

BUSY: Final = 90.0
LEAD: Final = 2.0
EVERY_S: Final = 0.2
WHAT: Final = (
    (f"P6 device busy at least {BUSY:.0f} %"),
    (f"P6 clips: at least {LEAD:g} x faster-whisper batched, one file a call"),
)


def run(bench: Bench) -> Table:
    """Decode clips on the GPU in batches across files, and file by file; sample how busy the device is."""
    table = Table("P6. GPU", ("", "wall ms a clip", "against file by file", "device busy"))
    if ctranslate2.get_cuda_device_count() == 0:
        table.add("not measured: no GPU", "-", "-", "-")
        for what in WHAT:
            table.aim(what, "no GPU", None)
        return table
    from benchmarks.device import measure

    return measure(bench, table)


class Watch:
    """Sample the utilisation of the first GPU, in percent, for the time of a `with` block."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._seen: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def busy(self) -> float | None:
        """Return the mean of the samples in percent, None where nothing could be asked."""
        return sum(self._seen) / len(self._seen) if self._seen else None

    def _run(self) -> None:
        program = shutil.which("nvidia-smi")
        command = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]
        while program is not None and not self._end.wait(EVERY_S):
            said = subprocess.run([program, *command], capture_output=True, text=True, check=False)
            if said.returncode == 0:
                self._seen.append(float(said.stdout.strip()))
