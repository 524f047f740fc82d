"""A table of 100,000 rows: reading it alone, its dry run, its import, and the memory of both processes.

The recordings it names are in the project already, so that no audio is prepared; a worker does the jobs, as
in a running site, with the audit of every segment and revision.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Table

if TYPE_CHECKING:
    from annotation.models import Import
    from benchmarks.bench import Bench

PER_RECORDING: Final = 1_000
ROW_MS: Final = 4_000
KINDS: Final = ("xlsx", "csv")
GOAL_MB: Final = 300.0
GOAL_S: Final = 180.0
"""Of the dry run and the import together, for 100,000 rows."""
READ: Final = """
import resource, sys, time
from pathlib import Path
from transcription.tables import open_table
began = time.perf_counter()
rows = sum(1 for _ in open_table(Path(sys.argv[1])).lines())
spent = time.perf_counter() - began
print(rows, spent, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def run(bench: Bench) -> Table:
    """Read, check and import one workbook and one CSV of the same rows."""
    platform = bench.platform
    rows = bench.sizes.table_rows
    platform.begin_anew()
    platform.need("files")
    table = Table(
        f"Tables: {rows:,} rows of 8 columns, one fault in a hundred",
        ("", "read alone s", "dry run s", "import s", "worker MB", "reader MB"),
    )
    worst_mb = worst_s = 0.0
    for kind in KINDS:
        project, manager = platform.team("demo-draft", None)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"calls.{kind}"
            _write(path, rows)
            alone_s, reader_mb = _read_alone(path)
            _recordings(project, rows)
            platform.forget_peak("files")
            checked, check_s = _check(bench, project, manager, path)
            faulty = checked.counts["faulty"]
            import_s = _import(bench, manager, checked)
        worker_mb = platform.peak_mb("files")
        if checked.counts.get("added") != rows - faulty or faulty != rows // 100:
            raise RuntimeError(f"not all rows were imported: {checked.counts}")
        table.add(
            kind, f"{alone_s:.1f}", f"{check_s:.1f}", f"{import_s:.1f}", f"{worker_mb:.0f}",
            f"{reader_mb if kind == 'xlsx' else 0:.0f}",
        )  # fmt: skip
        worst_mb = max(worst_mb, worker_mb + (reader_mb if kind == "xlsx" else 0))
        worst_s = max(worst_s, check_s + import_s)
    limit_s = GOAL_S * rows / 100_000
    table.aim(
        f"Tables, memory of a dry run and an import: under {GOAL_MB:.0f} MB",
        f"{worst_mb:.0f} MB",
        worst_mb < GOAL_MB,
    )
    table.aim(
        f"Tables, dry run and import of {rows:,} rows: at most {limit_s:.0f} s", f"{worst_s:.0f} s",
        worst_s <= limit_s,
    )  # fmt: skip
    return table


def _lines(rows: int) -> Any:
    yield ["id", "file_name", "start_ms", "end_ms", "transcript", "speaker", "customer_id", "note"]
    for number in range(rows):
        start = number % PER_RECORDING * ROW_MS
        end = start if number % 100 == 99 else start + ROW_MS - 200
        yield [
            f"r{number:06}", f"call_{number // PER_RECORDING:04}.wav", start, end,
            f"this is what the machine heard in row number {number} of it", "AB"[number % 2], f"{number:08}",
            "as the customer said",
        ]  # fmt: skip


def _write(path: Path, rows: int) -> None:
    if path.suffix == ".csv":
        import csv

        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(_lines(rows))
        return
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Calls")
    for line in _lines(rows):
        sheet.append(line)
    book.save(path)


def _read_alone(path: Path) -> tuple[float, float]:
    """Return the seconds that reading takes, and the MB of the process that reads a workbook."""
    said = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(said[1]), float(said[2])


def _recordings(project: Any, rows: int) -> None:
    from tests.factories import make_recording

    for number in range((rows + PER_RECORDING - 1) // PER_RECORDING):
        make_recording(
            project, name=f"call_{number:04}.wav", sha256=f"{project.pk:032x}{number:032x}", state="ready",
            duration_ms=PER_RECORDING * ROW_MS,
        )  # fmt: skip


def _check(bench: Bench, project: Any, manager: Any, path: Path) -> tuple[Import, float]:
    from annotation.services.imports import receiving
    from tests.annotation.imports.dropping import received

    files = received({path.name: path.read_bytes()})
    began = time.perf_counter()
    parent = receiving.begin(user=manager, project=project, received=files)
    bench.platform.wait_over(project, 3600)
    spent = time.perf_counter() - began
    parent.refresh_from_db()
    if parent.state != "checked":
        raise RuntimeError(f"the table was not checked: {parent.state} {parent.refusal} {parent.questions}")
    return parent, spent


def _import(bench: Bench, manager: Any, parent: Import) -> float:
    from annotation.services.imports import receiving

    began = time.perf_counter()
    receiving.start(user=manager, parent=parent)
    bench.platform.wait_over(parent.project, 3600)
    spent = time.perf_counter() - began
    parent.refresh_from_db()
    return spent
