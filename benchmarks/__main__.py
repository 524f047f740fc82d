"""Run benchmarks: all of them, or those named. `--write` puts the tables into `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from benchmarks import report
from benchmarks.bench import Bench
from benchmarks.registry import BENCHMARKS
from benchmarks.sizes import FULL, QUICK
from benchmarks.summary import document


def main() -> int:
    """Measure, print, and write when asked to; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--to", type=Path, default=report.DOCUMENT, help="write there instead")
    parser.add_argument("--quick", action="store_true", help="toy sizes: show that it runs, measure nothing")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, _interrupt)
    machine, began = report.machine(), time.monotonic()
    print(f"{machine}\n", flush=True)
    tables: dict[str, report.Table] = {}
    try:
        with Bench(QUICK if arguments.quick else FULL) as bench:
            for name in arguments.names or BENCHMARKS:
                tables[name] = BENCHMARKS[name](bench)
                print(tables[name].markdown(), flush=True)
            # What is still to be cleared away is soon done; a second Ctrl-C must not leave servers behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            text = document(bench, tables, machine, " ".join(["python -m benchmarks", *sys.argv[1:]]))
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    print(f"{time.monotonic() - began:.0f} s in all")
    if arguments.write:
        report.write(text, arguments.to)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
