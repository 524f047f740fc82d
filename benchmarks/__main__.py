"""Run benchmarks: all of them, or those named. `--write` puts the tables into `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from benchmarks import audio, engine, saves
from benchmarks.report import Table, machine, write

BENCHMARKS: Final[dict[str, Callable[[], Table]]] = {
    "prepare": audio.run,
    "engine": engine.run,
    "saves": saves.run,
}


def main() -> None:
    """Measure, print, and write when asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    print(f"{machine()}\n")
    tables = []
    for name in arguments.names or BENCHMARKS:
        table = BENCHMARKS[name]()
        print(table.markdown())
        tables.append(table)
    if arguments.write:
        write(tables, "make bench")


if __name__ == "__main__":
    main()
