"""Hold the embedded servers of one home as a process of its own, so that a test can kill it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from config.embedded.service import AlreadyRunning, Embedded, StartFailed


def main() -> None:
    """Start, print the pids as one JSON line, and stop when standard input ends."""
    servers = Embedded(Path(sys.argv[1]), "the holder", say=lambda text: print(text, file=sys.stderr))
    try:
        servers.start()
    except (AlreadyRunning, StartFailed) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    found = {"postgres": servers.pid("postgres"), "redis": servers.pid("redis"), "pg": str(servers.places.pg)}
    print(json.dumps(found), flush=True)
    sys.stdin.read()
    servers.stop()


if __name__ == "__main__":
    main()
