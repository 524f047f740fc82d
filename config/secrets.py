"""Secrets that nobody typed: made once per home, kept in `secrets.toml` with mode 0600, never built in."""

from __future__ import annotations

import os
import secrets
import stat
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

NAME = "secrets.toml"


def _made(size: int = 32) -> str:
    return secrets.token_urlsafe(size)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Hold what one home generated: names are keys of `secrets.toml`."""

    instance: str = field(default_factory=lambda: secrets.token_hex(6))
    secret_key: str = field(default_factory=lambda: _made(64), repr=False)
    postgres_password: str = field(default_factory=_made, repr=False)
    owner_password: str = field(default_factory=_made, repr=False)
    app_password: str = field(default_factory=_made, repr=False)
    readonly_password: str = field(default_factory=_made, repr=False)
    redis_password: str = field(default_factory=_made, repr=False)


class SecretsError(Exception):
    """Say why the secrets cannot be used, and the command that mends it."""


def load_or_create(home: Path) -> Secrets:
    """Return the secrets of `home`, making them when there are none; raise `SecretsError`.

    Two processes that start at once agree: the file is written beside and linked into place, which
    only the first can do.
    """
    path = home / NAME
    try:
        if not path.exists():
            home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            _create(path)
        return _read(path)
    except PermissionError as error:
        raise SecretsError(
            f"{error.filename or path} cannot be used by this account (uid {os.geteuid()}): it was made by "
            "another one. Run as that account, or give EARMARK_HOME a directory of your own."
        ) from error


def _read(path: Path) -> Secrets:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise SecretsError(f"{path} can be read by others (mode {mode:04o}). Mend it: chmod 600 {path}")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SecretsError(f"{path} is damaged: {error}. Restore it from a backup.") from error
    wanted = [f.name for f in fields(Secrets)]
    lacking = [name for name in wanted if not isinstance(data.get(name), str) or len(data[name]) < 8]
    if lacking:
        raise SecretsError(f"{path} lacks {', '.join(lacking)}. Restore it from a backup.")
    return Secrets(**{name: data[name] for name in wanted})


def _create(path: Path) -> None:
    lines = [
        "# Made on first run. Whoever reads this file is this site; keep it with the backups, not in them."
    ]
    lines += [f'{name} = "{value}"' for name, value in asdict(Secrets()).items()]
    beside = path.with_name(f".{NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first; its secrets are the ones
            os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
