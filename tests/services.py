"""Real servers and real processes for the tests: one private PostgreSQL and Redis in a temporary home.

Importing this module decides the environment of the test run, so it must come before Django's settings.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

from config import processes
from config.connections import DATABASE, ROLES
from config.embedded.places import Places, prepare
from config.embedded.processes import is_free
from config.embedded.service import Embedded
from config.load import load
from config.secrets import Secrets, load_or_create
from tests.waiting import PATIENCE_S, until

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "earmark-test-"
SHARED_CORPUS = ROOT.parent / "shared" / "corpus"


def _sweep() -> None:
    """Remove the homes of test runs that were killed; one that is just starting is left alone."""
    for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            age_s = time.time() - home.stat().st_mtime
            if home.stat().st_uid != os.geteuid() or age_s < 600:
                continue
            lock = home / "lock"
            if (
                (is_free(lock) and time.time() - lock.stat().st_mtime > 600)
                if lock.exists()
                else age_s > 86_400
            ):
                shutil.rmtree(home)


def _environment(home: Path) -> dict[str, str]:
    """Return the variables every process of this test run gets; the developer's own are kept out."""
    ours = ("EARMARK_", "DATABASE_", "REDIS_URL", "FFMPEG_BINARY", "DJANGO_", "CELERY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    corpus = os.environ.get("EARMARK_CORPUS", str(SHARED_CORPUS))
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "EARMARK_HOME": str(home),
        "EARMARK_CONFIG": os.devnull,
        "EARMARK_CORPUS": corpus,
        "EARMARK_DISK_FREE_FLOOR_BYTES": "1M",
        "PYTHONPATH": str(ROOT),
    }


_sweep()
HOME = Path(tempfile.mkdtemp(prefix=PREFIX, dir=tempfile.gettempdir()))
HOME.chmod(0o711 if os.geteuid() == 0 else 0o700)
for _name in [n for n in os.environ if n.startswith(("EARMARK_", "DATABASE_", "REDIS_URL", "FFMPEG_BINARY"))]:
    if _name != "EARMARK_CORPUS":
        del os.environ[_name]
os.environ.update(_environment(HOME))
SECRETS: Secrets = load_or_create(HOME)
PLACES: Places = prepare(HOME, SECRETS)


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of a process that belongs to this test run."""
    return {**_environment(HOME), **extra}


def superuser() -> psycopg.Connection[tuple[object, ...]]:
    """Return a connection that may do anything, for what no role of ours is allowed to do."""
    return psycopg.connect(
        host=str(PLACES.pg_run),
        user="postgres",
        password=SECRETS.postgres_password,
        dbname=DATABASE,
        autocommit=True,
    )


def embedded() -> Embedded:
    """Return the servers of this test run, not yet started."""
    return Embedded(HOME, "the test run")


_FIRST_PORT = 10_000 + os.getpid() % 200 * 100
_ports = itertools.cycle(range(_FIRST_PORT, _FIRST_PORT + 100))


def free_port() -> int:
    """Return a port nobody listens on just now, out of a hundred of this process.

    One that the system names is free for everybody: tests beside these, or a connection of anybody, may have
    it before the site that was meant to, and a test would then talk to another's site.
    """
    for port in itertools.islice(_ports, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port is free from {_FIRST_PORT} on")


class Running:
    """One process of ours under test; `stop` ends it by its pid and fails the test when it will not end."""

    def __init__(self, name: str, command: tuple[str, ...], env: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=dict(env),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        """Return what the process has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_output(self, text: str) -> None:
        """Wait until the process has written `text`."""

        def told() -> str:
            return f"{self.name} did not say {text!r}; it said:\n{self.output()[-4000:]}"

        until(lambda: text in self.output() or not self.alive, told)
        assert text in self.output(), told()

    def kill(self) -> None:
        """Send SIGKILL to the process and all its children, and reap it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def stop(self, seconds: float = PATIENCE_S) -> int:
        """Stop the process as a deployment would; return its exit status."""
        if self.alive:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.name} did not stop within {seconds} s:\n{self.output()[-4000:]}"
            ) from None


def start_worker(queues: str, log: Path, *, pool: str | None = None, **extra: str) -> Running:
    """Start a real worker for `queues` with the command the site uses; return once it listens."""
    name = queues.replace(",", "-")
    usual = {process.name: process for process in processes.WORKERS}
    known = usual.get(f"worker-{queues.split(',')[0]}")
    chosen = pool or (known.command[known.command.index("-P") + 1] if known else "solo")
    command = processes.worker(f"{name}-{time.monotonic_ns()}", queues, chosen).command
    worker = Running(f"worker {queues}", command, environment(**extra), log)
    worker.wait_output(" ready.")
    return worker


def start_site(port: int, log: Path, **extra: str) -> Running:
    """Start the real web process on `port`; return once it answers."""
    env = environment(EARMARK_PORT=str(port), **extra)
    site = Running("web", processes.web(load(env)).command, env, log)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
        except urllib.error.HTTPError:
            return site  # it answers; what it answers is the test's business
        except OSError:
            if not site.alive or time.monotonic() > deadline:
                raise AssertionError(f"the web process does not answer:\n{site.output()[-4000:]}") from None
            time.sleep(0.05)
        else:
            assert site.alive, f"another process answers on port {port}:\n{site.output()[-4000:]}"
            return site


class LastingSite:
    """A web process that is started when it is first asked for, and again only when it has died."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: Running | None = None
        self._address = ""

    def address(self) -> str:
        """Return where it answers."""
        if self._running is None or not self._running.alive:
            port = free_port()
            self._running = start_site(port, self._folder / f"{port}.log")
            self._address = f"http://127.0.0.1:{port}"
        return self._address

    def end(self) -> None:
        """End the process; nothing it would still do is waited for."""
        if self._running is not None:
            self._running.kill()


IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid() AND state <> 'idle'
"""


def wait_idle() -> None:
    """Wait until nobody is in the middle of a transaction: what was asked for is done, or never will be."""
    with superuser() as connection:
        until(
            lambda: connection.execute(IN_TRANSACTION, [ROLES["default"]]).fetchone() == (0,),
            "somebody is still at work",
        )


class Contents:
    """Remember what the migrations put into the tables, and bring the database back to it."""

    def __init__(self) -> None:
        self.seeds: dict[str, bytes] = {}
        with superuser() as connection:
            for table in self._tables(connection):
                if connection.execute(f"SELECT EXISTS (SELECT FROM {table})").fetchone() == (True,):  # noqa: S608 - own names
                    with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                        self.seeds[table] = b"".join(bytes(part) for part in copy)

    def restore(self) -> None:
        """Empty every table, the audit's too, and put back what the migrations had put there.

        A page that a test has just closed may still be saying goodbye to the site. Whoever is writing then
        is waited for; where the two stand in each other's way, the site's transaction is what gives in.
        """
        with superuser() as connection, connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("SET LOCAL deadlock_timeout = '1h'")  # the first to look is the one to give in
            connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE_S:.0f}s'")
            tables = list(self._tables(connection))
            connection.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE")
            for table in tables:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - own names
            for table, rows in self.seeds.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                    copy.write(rows)

    def restart_ids(self) -> None:
        """Let the ids of new rows follow the last one that the migrations put there."""
        with superuser() as connection:
            connection.execute(
                "DO $$ DECLARE owned record; last bigint; BEGIN"
                " FOR owned IN SELECT table_schema, table_name, column_name FROM information_schema.columns"
                "  WHERE is_identity = 'YES' LOOP"
                "  EXECUTE format('SELECT max(%I) FROM %I.%I', owned.column_name, owned.table_schema,"
                "   owned.table_name) INTO last;"
                "  PERFORM setval(pg_get_serial_sequence(format('%I.%I', owned.table_schema,"
                "   owned.table_name), owned.column_name), coalesce(last, 1), last IS NOT NULL);"
                " END LOOP; END $$"
            )

    @staticmethod
    def _tables(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
        rows = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        ).fetchall()
        return (str(row[0]) for row in rows)
