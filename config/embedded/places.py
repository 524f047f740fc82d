"""Where the embedded servers of one home live: data, sockets, and the account PostgreSQL runs as.

Two things can make a place inside the home unfit, and both are settled here, once, and recorded as a
symbolic link in the home so that every later process finds the same place:

- a socket's path may have 107 bytes; a longer one moves to a short private directory;
- PostgreSQL refuses to run as root, so as root it runs as an account of its own. Where that account
  may not pass through the parents (a checkout in /root), the data moves under /var/lib. No directory
  that we did not make is ever opened to others.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.secrets import Secrets

SOCKET_PATH_MAX = 107  # sun_path is 108 bytes with its final NUL (unix(7))
POSTGRES_SOCKET = ".s.PGSQL.5432"
# Debian policy 9.2.2 keeps 30000-59999 free of dynamic accounts; container sub-ids start at 100000.
FIRST_UID, UIDS = 52_000, 4_000


class PlaceError(Exception):
    """Say which directory cannot be used and what to do about it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Name the directories of one home's embedded servers; all but `home` may lie elsewhere."""

    home: Path
    pg: Path
    run: Path
    uid: int
    """Account PostgreSQL runs as."""

    @property
    def pg_data(self) -> Path:
        return self.pg / "data"

    @property
    def pg_run(self) -> Path:
        return self.run / "pg"

    @property
    def pg_socket(self) -> Path:
        return self.pg_run / POSTGRES_SOCKET

    @property
    def redis(self) -> Path:
        return self.home / "redis"

    @property
    def redis_run(self) -> Path:
        return self.run / "redis"

    @property
    def redis_socket(self) -> Path:
        return self.redis_run / "redis.sock"

    @property
    def log(self) -> Path:
        return self.home / "log"


def locate(home: Path) -> Places:
    """Return where things are, or would be, without making anything."""
    pg = home / "pg"
    run = home / "run"
    pg = pg.readlink() if pg.is_symlink() else pg
    run = run.readlink() if run.is_symlink() else run
    data = pg / "data"
    try:
        uid = data.stat().st_uid
    except OSError:
        uid = os.geteuid()
    return Places(home, pg, run, uid)


def prepare(home: Path, secrets: Secrets) -> Places:
    """Make every directory the servers need, with its owner and mode; raise `PlaceError`."""
    root = os.geteuid() == 0
    home.mkdir(mode=0o711 if root else 0o700, parents=True, exist_ok=True)
    owner = home.stat().st_uid
    if owner != os.geteuid():
        raise PlaceError(
            f"{home} belongs to uid {owner} and this is uid {os.geteuid()}: its files would get two owners. "
            "Run as that account, or set EARMARK_HOME to a directory of this one."
        )
    (home / "log").mkdir(mode=0o700, exist_ok=True)
    (home / "redis").mkdir(mode=0o700, exist_ok=True)
    uid = _server_uid(home, secrets) if root else os.geteuid()
    pg = _pg_place(home, uid, secrets)
    run = _run_place(home, uid, secrets)
    _own_dir(pg / "data", uid, 0o700, make=False)
    _own_dir(run / "pg", uid, 0o700)
    _own_dir(run / "redis", os.geteuid(), 0o700)
    return Places(home, pg, run, uid)


def may_pass(path: Path, uid: int) -> bool:
    """Tell whether account `uid`, in no group, may enter `path` through all its parents."""
    if uid == os.geteuid():
        return True
    for directory in (path, *path.parents):
        if not directory.exists():
            continue
        info = directory.stat()
        if not info.st_mode & (stat.S_IXUSR if info.st_uid == uid else stat.S_IXOTH):
            return False
    return True


def _server_uid(home: Path, secrets: Secrets) -> int:
    """Return the account PostgreSQL gets when we are root: that of its data, else a number nobody has.

    A number without an account cannot log in, owns nothing else, and leaves the machine's list of
    accounts as it was.
    """
    known = locate(home)
    if known.pg_data.exists():
        if known.uid == 0:
            raise PlaceError(f"{known.pg_data} belongs to root, as which PostgreSQL refuses to run.")
        return known.uid
    start = int(secrets.instance, 16)
    for offset in range(UIDS):
        uid = FIRST_UID + (start + offset) % UIDS
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid
    raise PlaceError("no free user id was found for PostgreSQL: set DATABASE_URL to one you run yourself.")


def _pg_place(home: Path, uid: int, secrets: Secrets) -> Path:
    mode = 0o700 if uid == os.geteuid() else 0o711
    link = home / "pg"
    if link.is_symlink():
        place = link.readlink()
        place.mkdir(mode=mode, parents=True, exist_ok=True)
        return place
    link.mkdir(mode=mode, exist_ok=True)
    if may_pass(link.resolve(), uid):
        return link
    place = Path("/var/lib/earmark") / secrets.instance
    try:
        place.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise PlaceError(
            f"as root, PostgreSQL runs as uid {uid}, which may not enter {link}; and {place} cannot be made "
            f"({error.strerror}). Set EARMARK_HOME to a directory others may pass through, or DATABASE_URL."
        ) from error
    if not may_pass(place, uid):
        raise PlaceError(
            f"as root, PostgreSQL runs as uid {uid}, which may enter neither {link} nor {place}. "
            "Set EARMARK_HOME to a directory others may pass through, or DATABASE_URL."
        )
    link.rmdir()
    link.symlink_to(place)
    return place


def _run_place(home: Path, uid: int, secrets: Secrets) -> Path:
    mode = 0o700 if uid == os.geteuid() else 0o711
    link = home / "run"
    if link.is_symlink():
        place = link.readlink()
        if _private(place, mode) and may_pass(place, uid):
            return place
        link.unlink()  # swept with the temporary files, or no longer ours: a new one is made below
    if not link.is_symlink():
        link.mkdir(mode=mode, exist_ok=True)
        longest = max(
            len(os.fsencode(link / "pg" / POSTGRES_SOCKET)), len(os.fsencode(link / "redis/redis.sock"))
        )
        # A few bytes are kept free: PostgreSQL adds ".lock" to the name of its socket.
        if longest + 5 <= SOCKET_PATH_MAX and may_pass(link.resolve(), uid):
            return link
        for child in ("pg", "redis"):
            _remove_empty(link / child)
        link.rmdir()
    place = _short_place(mode, uid, secrets)
    link.symlink_to(place)
    return place


def _short_place(mode: int, uid: int, secrets: Secrets) -> Path:
    name = f"earmark-{secrets.instance}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    candidates = [Path(base) / name for base in (runtime, "/run", "/tmp") if base and Path(base).is_dir()]  # noqa: S108
    for place in candidates:
        if len(os.fsencode(place)) > 60 or not may_pass(place.parent, uid):
            continue
        try:
            place.mkdir(mode=mode, exist_ok=True)
        except OSError:
            continue
        if _private(place, mode):
            return place
    place = Path(tempfile.mkdtemp(prefix="earmark-", dir="/tmp"))
    place.chmod(mode)
    return place


def _private(place: Path, mode: int) -> bool:
    """Tell whether `place` is a real directory of ours that others cannot list or write."""
    try:
        info = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and stat.S_IMODE(info.st_mode) == mode


def _own_dir(path: Path, uid: int, mode: int, *, make: bool = True) -> None:
    if make:
        path.mkdir(mode=mode, exist_ok=True)
    elif not path.exists():
        return
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise PlaceError(f"{path} is not a directory: move it away.")
    if info.st_uid != uid:
        if os.geteuid() != 0:
            raise PlaceError(
                f"{path} belongs to uid {info.st_uid}, not to this account (uid {os.geteuid()})."
            )
        if make:
            os.chown(path, uid, -1)
    if stat.S_IMODE(info.st_mode) != mode:
        path.chmod(mode)


def _remove_empty(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
