"""Homes of embedded servers, a process that holds them, and ways to ask them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from config.embedded import places
from config.secrets import Secrets, load_or_create
from tests import services
from tests.waiting import PATIENCE_S

AS_ROOT = os.geteuid() == 0


HOLDER = "tests.config.holder"


@contextmanager
def temporary_home(*below: str) -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="earmark-embedded-"))
    base.chmod(0o711 if AS_ROOT else 0o700)
    home = base.joinpath(*below, "home")
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield home
    finally:
        where = places.locate(home)
        for path in (where.pg, where.run, base):
            shutil.rmtree(path, ignore_errors=True)


class Holder:
    """A process that holds the servers, and may be killed."""

    def __init__(self, home: Path, *, command: list[str] | None = None) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [*(command or [sys.executable]), "-m", HOLDER, str(home)],
            cwd=services.ROOT,
            env=services.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.told: dict[str, Any] = json.loads(line) if line else {"error": self.process.communicate()[1]}

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)

    def end(self) -> None:
        self.process.communicate(timeout=PATIENCE_S)

    def __enter__(self) -> Holder:
        assert "error" not in self.told, self.told
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()


def connect(home: Path, user: str = "earmark_owner") -> psycopg.Connection[Any]:
    secrets: Secrets = load_or_create(home)
    password = {"earmark_owner": secrets.owner_password, "postgres": secrets.postgres_password}[user]
    where = places.locate(home)
    return psycopg.connect(
        host=str(where.pg_run),
        user=user,
        password=password,
        dbname="earmark",
        autocommit=True,
        connect_timeout=3,
    )


def redis_client(home: Path, **extra: Any) -> redis.Redis:
    where = places.locate(home)
    extra.setdefault("password", load_or_create(home).redis_password)
    return redis.Redis(unix_socket_path=str(where.redis_socket), socket_timeout=2, **extra)


def answers(home: Path) -> bool:
    with suppress(psycopg.Error), connect(home) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)
    return False


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
