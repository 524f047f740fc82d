"""The embedded servers start again after anything, never twice on one home."""

from __future__ import annotations

import os
import signal
import stat
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config.embedded import places, postgres
from config.embedded.processes import is_free
from config.embedded.service import Embedded, StartFailed, shared
from config.secrets import load_or_create
from tests.config.embedding import (
    Holder,
    answers,
    connect,
    gone,
    redis_client,
    temporary_home,
)
from tests.waiting import PATIENCE_S, until


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
        with Embedded(home, "a test"):
            assert answers(home)


def test_a_second_start_says_who_runs_the_first(home: Path) -> None:
    with Holder(home) as holder:
        second = Holder(home)
        assert second.process.wait(PATIENCE_S) == 0
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
