"""The embedded servers start again after anything, never twice on one home."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from config.embedded import places, postgres
from config.embedded.processes import is_free
from config.embedded.service import Embedded, StartFailed, shared
from config.secrets import Secrets, load_or_create
from tests import services

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


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """One home for most tests: making a cluster takes longer than they do."""
    with temporary_home() as path:
        with Embedded(path, "the first start"):
            pass
        yield path


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
        self.process.communicate(timeout=10)

    def end(self) -> None:
        self.process.communicate(timeout=30)

    def __enter__(self) -> Holder:
        assert "error" not in self.told, self.told
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()


def until(condition: Callable[[], bool], seconds: float = 15.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


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


def test_they_listen_on_private_sockets_and_nowhere_else(home: Path) -> None:
    with Embedded(home, "a test") as servers:
        for name in ("postgres", "redis"):
            pid = servers.pid(name)
            assert pid is not None
            assert psutil.Process(pid).net_connections(kind="inet") == []
        for directory, owner in (
            (servers.places.pg_data, servers.places.uid),
            (servers.places.pg_run, servers.places.uid),
            (servers.places.redis_run, os.geteuid()),
            (servers.places.redis, os.geteuid()),
            (servers.places.log, os.geteuid()),
        ):
            info = directory.stat()
            assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o700, owner), directory
        assert servers.places.uid != 0
        assert (home / "secrets.toml").stat().st_mode & 0o077 == 0


def test_nobody_gets_in_without_the_password(home: Path) -> None:
    with Embedded(home, "a test") as servers:
        for user in ("postgres", "earmark_owner", "earmark_app", "earmark_readonly"):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(
                    host=str(servers.places.pg_run), user=user, password="wrong-password", dbname="earmark"
                )
            with pytest.raises(psycopg.OperationalError, match="no password supplied"):
                psycopg.connect(
                    host=str(servers.places.pg_run), user=user, dbname="earmark", passfile="/dev/null"
                )
        with redis_client(home, password=None) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_every_commit_is_on_disk_and_a_doorbell_is_not_dropped_for_room(home: Path) -> None:
    with Embedded(home, "a test"):
        with connect(home) as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
                assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
        with redis_client(home) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendonly") == {"appendonly": "yes"}


@pytest.mark.faults
def test_a_killed_postgres_is_back_with_every_acknowledged_commit(home: Path) -> None:
    with Embedded(home, "a test") as servers:
        with connect(home) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            connection.execute("TRUNCATE kept")
        for round_number in range(5):
            with connect(home) as connection:
                connection.execute("INSERT INTO kept VALUES (%s)", [round_number])
            before = servers.pid("postgres")
            assert before is not None
            os.kill(before, signal.SIGKILL)
            until(lambda before=before: servers.pid("postgres") not in (None, before) and answers(home))  # type: ignore[misc]
        with connect(home) as connection:
            kept = connection.execute("SELECT n FROM kept ORDER BY n").fetchall()
        assert kept == [(n,) for n in range(5)]


@pytest.mark.faults
def test_a_killed_redis_is_back_with_what_it_had_logged(home: Path) -> None:
    with Embedded(home, "a test") as servers, redis_client(home) as client:
        client.set("kept", "1")
        client.execute_command("CONFIG", "SET", "appendfsync", "always")
        client.set("kept", "2")
        before = servers.pid("redis")
        assert before is not None
        os.kill(before, signal.SIGKILL)

        def back() -> bool:
            with suppress(redis.RedisError, OSError):
                return servers.pid("redis") not in (None, before) and bool(client.ping())
            return False

        until(back)
        assert client.get("kept") == b"2"


@pytest.mark.faults
def test_servers_end_with_a_killed_supervisor_and_start_again(home: Path) -> None:
    pids: set[int] = set()
    for _ in range(4):
        holder = Holder(home)
        assert "error" not in holder.told, holder.told
        started = {holder.told["postgres"], holder.told["redis"]}
        assert not started & pids
        pids |= started
        holder.kill()
        # The next round starts at once, while these may still be ending.
    until(lambda: all(gone(pid) for pid in pids))
    with Embedded(home, "a test"):
        assert answers(home)


@pytest.mark.faults
@pytest.mark.slow
def test_a_server_that_outlived_its_supervisor_is_ended_before_another_starts(home: Path) -> None:
    holder = Holder(home)
    old = int(holder.told["postgres"])
    os.kill(old, signal.SIGSTOP)  # so that it cannot end when its supervisor does
    holder.kill()
    assert not gone(old)
    with Embedded(home, "a test") as servers:
        assert gone(old)
        assert servers.pid("postgres") != old
        assert answers(home)


@pytest.mark.faults
def test_a_pid_file_that_names_somebody_else_stops_nothing(home: Path) -> None:
    with Embedded(home, "a test") as servers:
        data, socket = servers.places.pg_data, servers.places.pg_socket
        pid = servers.pid("postgres")
        assert pid is not None
        content = (data / "postmaster.pid").read_text()
    for living in (os.getpid(), 1, os.getppid()):
        stale = content.replace(str(pid), str(living), 1)
        (data / "postmaster.pid").write_text(stale)
        socket.with_name(socket.name + ".lock").write_text(stale)
        began = time.monotonic()
        with Embedded(home, "a test"):
            assert answers(home)
        assert time.monotonic() - began < 10


def test_a_second_start_says_who_runs_the_first(home: Path) -> None:
    with Holder(home) as holder:
        second = Holder(home)
        assert second.process.wait(10) == 0
        message = second.told["error"]
        assert f"process {holder.process.pid}" in message
        assert "`the holder`" in message
        assert "EARMARK_HOME" in message
        assert answers(home)
        second.end()


def test_commands_share_the_servers_and_the_last_one_stops_them(home: Path) -> None:
    with Holder(home), shared(home, "manage.py a", with_postgres=True, with_redis=True):
        assert answers(home)
    with shared(home, "manage.py b", with_postgres=True, with_redis=True):
        assert answers(home)
    assert not answers(home)
    assert is_free(home / "lock")


def test_a_cluster_whose_making_was_interrupted_is_made_anew() -> None:
    with temporary_home() as path:
        half = places.prepare(path, load_or_create(path)).pg / "data.new"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        with Embedded(path, "a test"):
            assert answers(path)
        assert not half.exists()


def test_a_path_longer_than_a_socket_may_have_gets_a_short_private_one() -> None:
    with temporary_home("x" * 120, "y" * 120) as path:
        assert len(str(path)) > 200
        with Embedded(path, "a test") as servers:
            assert answers(path)
            run = servers.places.run
            assert len(str(servers.places.pg_socket)) <= places.SOCKET_PATH_MAX
            assert (path / "run").is_symlink()
            assert run.stat().st_mode & 0o066 == 0
        # What sweeps temporary files may have swept it meanwhile.
        shutil.rmtree(run)
        with Embedded(path, "a test"):
            assert answers(path)


def test_a_short_directory_somebody_else_has_put_there_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_home("x" * 120) as path, tempfile.TemporaryDirectory() as runtime:
        Path(runtime).chmod(0o711)
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        secrets = load_or_create(path)
        trap = Path(runtime) / f"earmark-{secrets.instance}"
        trap.mkdir()
        trap.chmod(0o777)
        where = places.prepare(path, secrets)
        assert where.run != trap


def test_secrets_of_another_home_are_told_apart(home: Path) -> None:
    kept = (home / "secrets.toml").read_text()
    other = kept.replace(load_or_create(home).postgres_password, "some-other-password")
    try:
        (home / "secrets.toml").write_text(other)
        with pytest.raises(StartFailed, match=r"not the one this data was made with"):
            Embedded(home, "a test").start()
    finally:
        (home / "secrets.toml").write_text(kept)
    assert is_free(home / "lock")


def test_a_log_redis_cannot_read_is_put_aside(home: Path) -> None:
    log = home / "redis" / "appendonly.aof"
    log.write_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nGARBAGE\r\n" * 3)
    said: list[str] = []
    with Embedded(home, "a test", say=said.append), redis_client(home) as client:
        assert client.ping()
        assert client.dbsize() == 0
    assert any("could not read its log" in text for text in said)
    assert list(log.parent.glob("appendonly.aof.damaged-*"))


def test_data_of_a_version_that_is_not_installed_is_named(home: Path) -> None:
    with temporary_home() as path:
        where = places.prepare(path, load_or_create(path))
        where.pg_data.mkdir(mode=0o700)
        (where.pg_data / "PG_VERSION").write_text("12\n")
        with pytest.raises(postgres.PostgresError, match="made by PostgreSQL 12, which is not installed"):
            postgres.binaries(where.pg_data)


def test_no_parent_directory_is_opened(home: Path) -> None:
    with temporary_home("a", "b") as path:
        parents = [parent for parent in path.parents if parent.is_relative_to(tempfile.gettempdir())]
        before = {parent: parent.stat().st_mode for parent in parents}
        with Embedded(path, "a test"):
            assert answers(path)
        assert {parent: parent.stat().st_mode for parent in parents} == before


@pytest.mark.skipif(not AS_ROOT, reason="only root may have to leave its home")
def test_root_in_a_closed_directory_keeps_the_data_elsewhere_and_says_so() -> None:
    said: list[str] = []
    with temporary_home("closed") as path:
        path.parent.chmod(0o700)
        with Embedded(path, "a test", say=said.append) as servers:
            assert answers(path)
            assert servers.places.pg.is_relative_to("/var/lib/earmark")
            assert (path / "pg").is_symlink()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert any("its data lies in /var/lib/earmark" in text for text in said)
        with Embedded(path, "a test"):
            assert answers(path)


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as somebody else")
def test_programs_the_account_may_not_reach_are_copied_beside_its_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a checkout in /root, where the virtual environment is closed to the account as well."""
    reach = places.may_pass
    monkeypatch.setattr(
        postgres, "may_pass", lambda path, uid: "site-packages" not in str(path) and reach(path, uid)
    )
    with temporary_home() as path:
        for _ in range(2):
            with Embedded(path, "a test") as servers:
                pid = servers.pid("postgres")
                assert pid is not None
                assert Path(psutil.Process(pid).exe()).is_relative_to(servers.places.pg)
                assert answers(path)


@pytest.mark.skipif(not AS_ROOT, reason="needs root to become somebody else")
class TestAsAnOrdinaryUser:
    """The same as an account without rights, run by an interpreter that account may read."""

    UID = 65_534  # nobody: initdb insists that its account has a name

    @pytest.fixture
    def command(self) -> list[str]:
        packages = next(path for path in sys.path if path.endswith("site-packages"))
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        become = (
            f"import os, sys; os.setgroups([]); os.setgid({self.UID}); os.setuid({self.UID});"
            f" os.environ['PYTHONPATH'] = {str(services.ROOT)!r} + ':' + {packages!r};"
            " os.execv(sys.argv[1], sys.argv[1:])"
        )
        for interpreter in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
            drop = [sys.executable, "-c", become, interpreter]
            if (
                subprocess.run(
                    [*drop, "-c", "import psycopg, config"], capture_output=True, check=False
                ).returncode
                == 0
            ):
                return drop
        pytest.skip(f"uid {self.UID} may run no {version} that sees {packages}")

    def test_everything_starts_and_starts_again(self, command: list[str]) -> None:
        with temporary_home() as path:
            os.chown(path.parent, self.UID, self.UID)
            for _ in range(2):
                with Holder(path, command=command) as holder:
                    assert psutil.Process(holder.told["postgres"]).uids().real == self.UID
                    assert answers(path)
            holder = Holder(path, command=command)
            holder.kill()
            with Holder(path, command=command):
                assert answers(path)

    def test_a_long_path_works_too(self, command: list[str]) -> None:
        with temporary_home("x" * 100, "y" * 100) as path:
            for parent in (path.parent, path.parent.parent, path.parent.parent.parent):
                os.chown(parent, self.UID, self.UID)
            with Holder(path, command=command):
                assert answers(path)

    def test_another_account_cannot_reach_the_sockets(self, command: list[str], home: Path) -> None:
        with Embedded(home, "a test") as servers:
            probe = (
                "import socket, sys\nfor path in sys.argv[1:]:\n"
                "    s = socket.socket(socket.AF_UNIX)\n"
                "    try:\n        s.connect(path); print('in')\n"
                "    except PermissionError:\n        print('out')"
            )
            sockets = [str(servers.places.pg_socket), str(servers.places.redis_socket)]
            told = subprocess.run(
                [*command, "-c", probe, *sockets], capture_output=True, text=True, check=True
            )
            assert told.stdout.split() == ["out", "out"]

    def test_a_home_of_somebody_else_is_refused_in_words(self, command: list[str], home: Path) -> None:
        holder = Holder(home, command=command)
        assert "another" in holder.told["error"]
        assert "EARMARK_HOME" in holder.told["error"]
        holder.end()
