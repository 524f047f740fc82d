"""Start, share and stop the embedded servers of one home."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg import pq

from config import roles
from config.connections import DATABASE
from config.embedded import places, postgres, redis
from config.embedded.places import PlaceError, Places
from config.embedded.postgres import PostgresError
from config.embedded.processes import FileLock, Held, is_free
from config.embedded.redis import RedisMissing
from config.embedded.supervisor import Child, Supervisor
from config.secrets import Secrets, SecretsError, load_or_create

log = logging.getLogger("earmark.embedded")

START_S = 60.0
TRIES = 3


class StartFailed(Exception):
    """Say why a server does not start, with the end of its log."""


class AlreadyRunning(Exception):
    """Name the process that runs the servers of this home."""

    def __init__(self, home: Path, pid: int, what: str) -> None:
        self.pid, self.what = pid, what
        super().__init__(
            f"Earmark is already running in {home}: `{what}`, process {pid}. "
            f"Use it, stop it (kill {pid}), or start another one with its own EARMARK_HOME."
        )


class Embedded:
    """The private PostgreSQL and Redis of one home; also a context manager.

    At most one process at a time holds the home's lock and runs the servers; they end with it.
    """

    def __init__(
        self,
        home: Path,
        what: str,
        *,
        with_postgres: bool = True,
        with_redis: bool = True,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.home = home
        self.what = what
        self.with_postgres = with_postgres
        self.with_redis = with_redis
        self._say = say or log.warning
        self._lock = FileLock(home / "lock")
        self._supervisor: Supervisor | None = None
        self.secrets: Secrets
        self.places: Places

    def start(self) -> None:
        """Start the servers and wait until they answer; raise `AlreadyRunning` or `StartFailed`."""
        try:
            self.secrets = load_or_create(self.home)
            self._take_lock()
            try:
                self.places = places.prepare(self.home, self.secrets)
                self._start_servers()
            except BaseException:
                self.stop()
                raise
        except (SecretsError, PlaceError, PostgresError, RedisMissing) as error:
            raise StartFailed(str(error)) from error
        except PermissionError as error:
            raise StartFailed(
                f"{error.filename} belongs to another account than this one (uid {os.geteuid()}). "
                "Run as that account, or set EARMARK_HOME to a directory of your own."
            ) from error
        except OSError as error:
            raise StartFailed(f"{error.filename or self.home}: {error.strerror or error}") from error

    def stop(self) -> None:
        """Stop the servers and let go of the home."""
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
        self._lock.release()

    def pid(self, name: str) -> int | None:
        """Return the process id of `postgres` or `redis`, None while it is down or not ours."""
        return None if self._supervisor is None else self._supervisor.child(name).pid

    def __enter__(self) -> Embedded:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_lock(self) -> None:
        try:
            self._lock.take()
        except Held:
            raise running(self.home) or AlreadyRunning(
                self.home, 0, "a command that is just ending"
            ) from None
        self._lock.note(json.dumps({"pid": os.getpid(), "what": self.what}))

    def _start_servers(self) -> None:
        programs = []
        if self.with_redis:
            programs.append(redis.program(self.places, self.secrets))
        if self.with_postgres:
            if not self.places.pg_data.exists():
                self._say_where()
                postgres.initialise(self.places, self.secrets)
            programs.append(postgres.program(self.places))
        self._supervisor = Supervisor(programs, self._say)
        self._supervisor.start()
        if self.with_postgres:
            self._wait_postgres(self._supervisor.child("postgres"))
            self._apply_roles()
        if self.with_redis:
            self._wait_redis(self._supervisor.child("redis"))

    def _say_where(self) -> None:
        if self.places.pg != self.home / "pg":
            self._say(
                f"PostgreSQL does not run as root: it runs as uid {self.places.uid}, which may not enter "
                f"{self.home}, so its data lies in {self.places.pg}."
            )

    def _wait_postgres(self, child: Child) -> None:
        began = told = time.monotonic()
        while True:
            answer = postgres.answers(self.places)
            if answer == pq.Ping.OK:
                return
            now = time.monotonic()
            if child.deaths >= TRIES:
                raise StartFailed(_log_tail("PostgreSQL ends as soon as it starts", child))
            # Recovery after a crash takes as long as it takes; silence does not.
            if answer == pq.Ping.NO_RESPONSE and now - began > START_S:
                raise StartFailed(_log_tail(f"PostgreSQL does not answer after {START_S:g} s", child))
            if now - told > 10:
                told = now
                self._say(f"PostgreSQL is recovering ({now - began:.0f} s so far)")
            time.sleep(0.02)

    def _wait_redis(self, child: Child) -> None:
        deadline = time.monotonic() + START_S
        put_aside = False
        while not redis.answers(self.places, self.secrets):
            if child.deaths >= TRIES or time.monotonic() > deadline:
                aside = None if put_aside else redis.put_aside_log(self.places)
                if aside is None:
                    raise StartFailed(_log_tail("Redis does not start", child))
                put_aside = True
                child.deaths = 0
                deadline = time.monotonic() + START_S
                self._say(
                    f"Redis could not read its log, which is now {aside.name}; doorbells will be rung again."
                )
            time.sleep(0.02)

    def _apply_roles(self) -> None:
        admin = {
            "host": str(self.places.pg_run),
            "user": postgres.SUPERUSER,
            "password": self.secrets.postgres_password,
        }
        passwords = {
            "owner": self.secrets.owner_password,
            "app": self.secrets.app_password,
            "readonly": self.secrets.readonly_password,
        }
        try:
            roles.apply(admin, DATABASE, passwords)
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StartFailed(
                    f"{self.home}/secrets.toml is not the one this data was made with: restore it."
                ) from error
            raise StartFailed(f"PostgreSQL refused to set up its roles: {error}") from error


def running(home: Path) -> AlreadyRunning | None:
    """Return who runs the servers of `home`, or None."""
    path = home / "lock"
    if not path.exists() or is_free(path):
        return None
    try:
        note = json.loads(path.read_text())
        return AlreadyRunning(home, int(note["pid"]), str(note["what"]))
    except (OSError, ValueError, KeyError, TypeError):
        return AlreadyRunning(home, 0, "another command")


@contextmanager
def shared(home: Path, what: str, *, with_postgres: bool, with_redis: bool) -> Iterator[None]:
    """Have the servers up for the block: those already running, or our own until the last such block ends."""
    using = FileLock(home / "users")
    own: Embedded | None = Embedded(home, what, with_postgres=with_postgres, with_redis=with_redis)
    for _ in range(100):
        try:
            assert own is not None  # noqa: S101 - for the type checker
            own.start()
        except AlreadyRunning:
            using.share()
            if _wait_answers(home, with_postgres=with_postgres, with_redis=with_redis):
                own = None
                break
            using.release()  # the other one has ended meanwhile: be the one who starts them
        else:
            break
    else:
        raise StartFailed(f"another process holds {home}/lock, but its servers do not answer.")
    try:
        yield
    finally:
        using.release()
        if own is not None:
            _wait_unused(home)
            own.stop()


def _wait_answers(home: Path, *, with_postgres: bool, with_redis: bool) -> bool:
    """Wait until the servers run by another process answer; return False when that process has ended."""
    secrets = load_or_create(home)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        where = places.locate(home)
        if (not with_postgres or postgres.answers(where) == pq.Ping.OK) and (
            not with_redis or redis.answers(where, secrets)
        ):
            return True
        if is_free(home / "lock"):
            return False
        time.sleep(0.05)
    return False


def _wait_unused(home: Path) -> None:
    """Wait while other commands use the servers we run; an hour at most, then they lose them."""
    told = False
    deadline = time.monotonic() + 3600
    while not is_free(home / "users") and time.monotonic() < deadline:
        if not told:
            log.warning("waiting for other commands that use the same database")
            told = True
        time.sleep(0.1)


def _log_tail(sentence: str, child: Child, lines: int = 8) -> str:
    path = child.program.log
    try:
        tail = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        tail = []
    return f"{sentence}. The end of {path}:\n  " + "\n  ".join(tail)
