"""Run the whole site on this machine: `make up`. Ctrl-C stops it.

Starts the servers nobody configured, brings the tables up to date, then keeps the web process, the workers
and the schedule running, each with its log. What has not changed since the last time is not done again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

import psycopg

from config import connections, console, processes
from config.embedded import places
from config.embedded.service import AlreadyRunning, Embedded, StartFailed, running
from config.embedded.supervisor import Program, Supervisor
from config.load import load_or_exit
from config.options import ROOT, Options
from config.secrets import Secrets, SecretsError

WEB_STOP_S = 7.0
WORKER_STOP_S = 9.0
"""Longer than `workers.shutdown.GRACE_S`, so that a worker can still hand back what it holds."""
WEB_START_S = 60.0
QUIET_S = 180.0
"""The demo is no longer waited for when nothing has moved for so long."""
DEMO_ACCOUNTS = ("annotator", "reviewer", "manager", "supervisor")


class UpFailed(Exception):
    """Say why the site does not start, and what to do."""


class Site:
    """Everything `make up` keeps running, from the first process to the last."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.home = options.home
        self.log = options.home / "log"
        self.began = time.monotonic()
        self.stopping = threading.Event()
        self.embedded: Embedded | None = None
        self.supervisors: list[Supervisor] = []
        self.secrets: Secrets

    def run(self) -> None:
        """Start everything, say where it is, and keep it running until asked to stop."""
        console.line(console.paint("\nEarmark", "bold"))
        if other := running(self.home):
            raise other
        self._check_port()
        self._start_servers()
        self._migrate()
        self._start_web()
        self._start_workers()
        if self._wants_demo():
            self._make_demo()
            self._watch_demo()
        if not self.stopping.is_set():
            self._banner()
        while not self.stopping.wait(0.5):
            pass

    def stop(self) -> None:
        """Stop everything, the servers last."""
        if self.supervisors or self.embedded:
            with console.step("stopping"):
                began = time.monotonic()
                for supervisor in self.supervisors:
                    threading.Thread(target=supervisor.stop).start()
                while any(supervisor.is_running for supervisor in self.supervisors):
                    time.sleep(0.05)
                if self.embedded:
                    self.embedded.stop()
            console.done("stopped", f"{time.monotonic() - began:.1f} s")

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """Begin to stop; asked a second time, kill what is still there."""
        if self.stopping.is_set():
            for supervisor in self.supervisors:
                supervisor.kill()
        self.stopping.set()

    # -- steps, in their order ------------------------------

    def _check_port(self) -> None:
        family = socket.AF_INET6 if ":" in self.options.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.options.host, self.options.port))
            except OSError as error:
                port = self.options.port
                raise UpFailed(
                    f"Port {port} of {self.options.host} cannot be used: {error.strerror}.\n"
                    f"Stop what listens there, or choose another one: EARMARK_PORT={port % 65535 + 1} make up"
                ) from error

    def _start_servers(self) -> None:
        began = time.monotonic()
        with_postgres, with_redis = self.options.embedded_postgres, self.options.embedded_redis
        names = [name for name, own in (("PostgreSQL", with_postgres), ("Redis", with_redis)) if own]
        with console.step(" and ".join(names) or "servers"):
            self.embedded = Embedded(
                self.home, "make up", with_postgres=with_postgres, with_redis=with_redis, say=self._say
            )
            self.embedded.start()
        self.secrets = self.embedded.secrets
        if names:
            console.done(" and ".join(names), f"{time.monotonic() - began:.1f} s")

    def _migrate(self) -> None:
        began = time.monotonic()
        sources = (ROOT.glob("annotation/migrations/*.py"), [ROOT / "annotation" / "database.py"])
        digest = f"{_digest(*sources, ROOT.glob('requirements/runtime.lock'))} {self._cluster()}"
        stamp = self.home / "migrated"
        if self.options.embedded_postgres and _read(stamp) == digest:
            console.done("tables", "up to date")
            return
        with console.step("tables"):
            self._manage("migrate", "--database", "owner", "--no-input", "--verbosity", "0")
        stamp.write_text(digest)
        console.done("tables", f"up to date, {time.monotonic() - began:.1f} s")

    def _cluster(self) -> str:
        """Tell one database cluster from another: what was done to a removed one was not done to this one."""
        if self.embedded is None or not self.options.embedded_postgres:
            return ""
        return str((self.embedded.places.pg_data / "PG_VERSION").stat().st_mtime_ns)

    def _start_web(self) -> None:
        began = time.monotonic()
        with console.step("web"):
            supervisor = self._supervise([self._program(processes.web(self.options), WEB_STOP_S)])
            child = supervisor.children[0]
            while not self._answers():
                if child.deaths >= 2 or time.monotonic() - began > WEB_START_S:
                    raise UpFailed(f"the web process does not start:\n{_tail(child.program.log)}")
                if self.stopping.wait(0.03):
                    return
        console.done("web", f"{self.options.public_url}, {time.monotonic() - began:.1f} s")

    def _start_workers(self) -> None:
        names = [*processes.workers(self.options), processes.SCHEDULE]
        self._supervise([self._program(process, WORKER_STOP_S) for process in names])
        console.done("workers", ", ".join(process.name.removeprefix("worker-") for process in names))

    def _wants_demo(self) -> bool:
        wanted = self.options.embedded_postgres if self.options.demo is None else self.options.demo
        return wanted and not self.stopping.is_set()

    def _make_demo(self) -> None:
        stamp = self.home / "demo"
        digest = _digest(ROOT.glob("demo/*"), ROOT.glob("annotation/services/demo.py"))
        digest = f"{digest} {self._cluster()}"
        if _read(stamp) == digest:
            return
        with console.step("demo project"):
            try:
                self._manage("demo")
            except UpFailed as error:
                console.note("demo project", str(error))
                return
        stamp.write_text(digest)

    def _watch_demo(self) -> None:
        """Show how far the demo's transcription is; the site can be used meanwhile."""
        moved = time.monotonic()
        last: tuple[int, int, int] | None = None
        with console.step("demo transcription") as status:
            while not self.stopping.wait(0.25):
                now = self._demo_progress()
                if now is None or now[0] == 0:
                    break
                if now != last:
                    last, moved = now, time.monotonic()
                _, processed, total = now
                status.update(
                    f"{processed} of {total or '?'} windows; use the site at {self.options.public_url}"
                )
                if time.monotonic() - moved > QUIET_S:
                    console.note("demo transcription", f"does not move; see {self.log}")
                    return
        if last is not None:
            console.done("demo transcription", f"{last[2]} windows by real inference")

    def _demo_progress(self) -> tuple[int, int, int] | None:
        """Return live jobs, processed and total windows of the demo; None when it cannot be told."""
        where = places.locate(self.home)
        parameters = connections.database_params("default", self.options, self.secrets, where)
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(**parameters, connect_timeout=3) as connection,
        ):
            row = connection.execute(
                "SELECT count(*) FILTER (WHERE j.state IN ('pending', 'running')),"
                " coalesce(sum(j.processed_items), 0), coalesce(sum(j.total_items), 0)"
                " FROM annotation_job j JOIN annotation_project p ON p.id = j.project_id"
                " WHERE p.name LIKE 'Demo:%'"
            ).fetchone()
            if row is not None:
                return int(row[0]), int(row[1]), int(row[2])
        return None

    def _banner(self) -> None:
        bold = console.paint
        url = self.options.public_url
        lines = ["", f"  {bold('Earmark is running at', 'bold')} {bold(url, 'blue')}", ""]
        if self._wants_demo():
            lines += ["  Accounts of the demo (the password is the name and `-demo`):"]
            lines += [f"    {name:<12}{bold(f'{name}-demo', 'dim')}" for name in DEMO_ACCOUNTS]
            lines += [
                "",
                "  Try it: sign in as annotator, open “Demo: service desk”, correct a segment, lock it.",
                "  Then drop a recording of your own onto a project's page.",
            ]
        else:
            lines += ["  First account: .venv/bin/python manage.py add_user NAME --supervisor"]
        lines += [
            "",
            f"  Logs: {_short(self.log)}    Stop: Ctrl-C",
            "  Check: .venv/bin/python manage.py doctor",
            bold(f"  Ready after {time.monotonic() - self.began:.1f} s.", "dim"),
            "",
        ]
        for text in lines:
            console.line(text)

    # -- tools ------------------------------------------------

    def _say(self, text: str) -> None:
        console.note(time.strftime("%H:%M:%S"), text)

    def _supervise(self, programs: list[Program]) -> Supervisor:
        supervisor = Supervisor(programs, self._say)
        self.supervisors.append(supervisor)
        supervisor.start()
        return supervisor

    def _program(self, process: processes.Process, stop_s: float) -> Program:
        return Program(
            name=process.name,
            argv=[sys.executable, "-m", *process.command],
            log=self.log / f"{process.name}.log",
            env={**_environment(self.options), **_unless_set(process.env)},
            cwd=ROOT,
            stop_s=stop_s,
        )

    def _manage(self, *words: str) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        result = subprocess.run(
            command,
            env=_environment(self.options),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise UpFailed(f"`manage.py {words[0]}` failed:\n" + _end(result.stderr or result.stdout))

    def _answers(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.options.host, self.options.host)  # noqa: S104
        try:
            with urllib.request.urlopen(f"http://{host}:{self.options.port}/healthz", timeout=2) as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def main() -> int:
    """Run the site until it is stopped; return the exit status."""
    options = load_or_exit()
    site = Site(options)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, site.ask_to_stop)
    status = 0
    try:
        site.run()
    except (AlreadyRunning, StartFailed, UpFailed, SecretsError) as error:
        console.fail(str(error))
        status = 1
    finally:
        site.stop()
    return status


def _environment(options: Options) -> dict[str, str]:
    return {**os.environ, "EARMARK_HOME": str(options.home), "PYTHONUNBUFFERED": "1"}


def _unless_set(env: Mapping[str, str]) -> dict[str, str]:
    """Leave out what whoever started the site has set, except where a process is tied to a device."""
    tied = "CUDA_VISIBLE_DEVICES" in env
    return {name: value for name, value in env.items() if tied or name not in os.environ}


def _digest(*groups: Iterator[Path] | list[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(path for group in groups for path in group):
        if path.is_file():
            total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _tail(path: Path) -> str:
    return _end(_read(path)) + f"\n({path})"


def _end(text: str, lines: int = 12) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
