"""What an option may hold: each kind reads text (environment) or a TOML value, or says what it expected."""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


class Kind(ABC, Generic[T]):
    """Read one value; raise `ValueError` whose text completes the sentence "expected ..."."""

    @abstractmethod
    def read(self, raw: object, root: Path) -> T: ...


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """Any text on one line."""

    empty: bool = False

    def read(self, raw: object, root: Path) -> str:
        if not isinstance(raw, str) or "\n" in raw or "\0" in raw or not (raw.strip() or self.empty):
            raise ValueError("text on one line")
        return raw.strip()


@dataclass(frozen=True, slots=True)
class Secret(Kind[str]):
    """Text of at least `least` characters."""

    least: int

    def read(self, raw: object, root: Path) -> str:
        if not isinstance(raw, str) or len(raw) < self.least or "\n" in raw or "\0" in raw:
            raise ValueError(f"at least {self.least} characters on one line")
        return raw


class Flag(Kind[bool]):
    """True or false."""

    def read(self, raw: object, root: Path) -> bool:
        if isinstance(raw, bool):
            return raw
        word = str(raw).strip().lower()
        if word in ("1", "true", "yes", "on"):
            return True
        if word in ("0", "false", "no", "off"):
            return False
        raise ValueError("true or false")


@dataclass(frozen=True, slots=True)
class Count(Kind[int]):
    """A whole number between two bounds, both allowed."""

    least: int
    most: int

    def read(self, raw: object, root: Path) -> int:
        expected = f"a whole number from {self.least} to {self.most}"
        return _bounded(_whole(raw, {"": 1}, expected), self.least, self.most, expected)


@dataclass(frozen=True, slots=True)
class Size(Kind[int]):
    """Bytes, with K, M, G or T for powers of 1024."""

    least: int = 0

    def read(self, raw: object, root: Path) -> int:
        expected = f"a size of at least {self.least} bytes, such as 500M or 5G"
        if isinstance(raw, str):
            raw = re.sub(r"(?i)(?<=[kmgt])i?b$", "", raw.strip())
        return _bounded(_whole(raw, UNITS, expected), self.least, 2**62, expected)


@dataclass(frozen=True, slots=True)
class Duration(Kind[int]):
    """Seconds, or with s, m, h or d."""

    least: int = 0
    most: int = 10 * 365 * 86400

    def read(self, raw: object, root: Path) -> int:
        expected = f"a time from {self.least} to {self.most} seconds, such as 90, 15m or 7d"
        return _bounded(_whole(raw, SECONDS, expected), self.least, self.most, expected)


class Choice(Kind[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, raw: object, root: Path) -> str:
        for word in self.words:
            if isinstance(raw, str) and raw.strip().lower() == word.lower():
                return word
        raise ValueError("one of " + ", ".join(self.words))


class Names(Kind[tuple[str, ...]]):
    """Host names, separated by commas."""

    def read(self, raw: object, root: Path) -> tuple[str, ...]:
        parts = raw.split(",") if isinstance(raw, str) else raw
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise ValueError("host names separated by commas")
        names = tuple(part.strip() for part in parts if part.strip())
        for name in names:
            if not re.fullmatch(r"\.?[A-Za-z0-9.\-\[\]:_]+", name):
                raise ValueError("host names separated by commas (`*` is not accepted: name them)")
        return names


class Networks(Kind[tuple[str, ...]]):
    """Networks of addresses, separated by commas."""

    def read(self, raw: object, root: Path) -> tuple[str, ...]:
        parts = raw.split(",") if isinstance(raw, str) else raw if isinstance(raw, list | tuple) else [raw]
        try:
            return tuple(str(ip_network(str(part).strip())) for part in parts if part != "")
        except ValueError:
            raise ValueError("networks separated by commas, such as 127.0.0.0/8 or 10.1.0.0/16") from None


@dataclass(frozen=True, slots=True)
class Part(Kind[str]):
    """The first part of an address, none of those in `taken`, or `none`; read as nothing."""

    taken: frozenset[str]

    def read(self, raw: object, root: Path) -> str:
        word = raw.strip("/ ") if isinstance(raw, str) else "?"
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", word):
            raise ValueError("one part of an address, such as admin, or `none`")
        if word in self.taken:
            raise ValueError(
                f"one part of an address that is free, such as admin (/{word} is the site's own)"
            )
        return "" if word == "none" else word


class Reference(Kind[str]):
    """The dotted path of a function, or nothing."""

    def read(self, raw: object, root: Path) -> str:
        if isinstance(raw, str) and re.fullmatch(r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)+)?", raw.strip()):
            return raw.strip()
        raise ValueError("the dotted path of a function, such as ours.login.second_factor")


class Figures(Kind[tuple[tuple[str, float], ...]]):
    """Named numbers, separated by commas."""

    def read(self, raw: object, root: Path) -> tuple[tuple[str, float], ...]:
        parts = raw.split(",") if isinstance(raw, str) else []
        figures = []
        for part in (p.strip() for p in parts if p.strip()):
            match = re.fullmatch(r"([a-z_]+)\s*=\s*([0-9]+(?:\.[0-9]+)?)", part)
            if match is None:
                raise ValueError("named numbers such as `seconds=0.2,fail=0.1`")
            figures.append((match[1], float(match[2])))
        if not figures and raw not in ("", ()):
            raise ValueError("named numbers such as `seconds=0.2,fail=0.1`")
        return tuple(figures)


class Cards(Kind[str]):
    """Which GPUs: `auto`, their numbers separated by commas, or `none`; read as `auto`, `0,1` or nothing."""

    def read(self, raw: object, root: Path) -> str:
        word = str(raw).strip().lower() if isinstance(raw, str | int) and not isinstance(raw, bool) else "?"
        if word in ("auto", ""):
            return word
        if word in ("none", "off"):
            return ""
        numbers = [part.strip() for part in word.split(",")]
        if not all(re.fullmatch(r"\d{1,3}", number) for number in numbers):
            raise ValueError("`auto`, numbers of GPUs such as `0,1`, or `none`")
        return ",".join(dict.fromkeys(str(int(number)) for number in numbers))


class Host(Kind[str]):
    """An address or host name to listen on."""

    def read(self, raw: object, root: Path) -> str:
        if isinstance(raw, str) and re.fullmatch(r"[A-Za-z0-9.\-:]+", raw.strip()):
            return raw.strip()
        raise ValueError("an address such as 127.0.0.1 or 0.0.0.0")


class Location(Kind[Path]):
    """A directory; a relative one starts at the project's root."""

    def read(self, raw: object, root: Path) -> Path:
        if not isinstance(raw, str | Path) or not str(raw).strip() or "\0" in str(raw):
            raise ValueError("a directory")
        path = root / Path(str(raw)).expanduser()
        if path.exists() and not path.is_dir():
            raise ValueError("a directory (this is something else)")
        return path


class Program(Kind[str]):
    """A program: its path, or a name found on PATH."""

    def read(self, raw: object, root: Path) -> str:
        found = shutil.which(str(raw)) if isinstance(raw, str) else None
        if found is None:
            raise ValueError("a program that can be run: a path, or a name on PATH")
        return found


@dataclass(frozen=True, slots=True)
class Url(Kind[str]):
    """An address with one of the given schemes."""

    schemes: tuple[str, ...]

    def read(self, raw: object, root: Path) -> str:
        expected = "an address that begins with " + " or ".join(f"{scheme}://" for scheme in self.schemes)
        if not isinstance(raw, str) or any(c.isspace() for c in raw):
            raise ValueError(expected)
        try:
            parts = urlsplit(raw)
            _ = parts.port
        except ValueError:
            raise ValueError(expected + ", with a valid host and port") from None
        if parts.scheme not in self.schemes:
            raise ValueError(expected)
        if parts.scheme in ("http", "https"):
            if not parts.hostname:
                raise ValueError(expected + " and a host")
            if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
                raise ValueError(expected + " and has nothing behind the host and port")
            return raw.rstrip("/")
        if not (parts.hostname or parts.path.strip("/")):
            raise ValueError(expected + " and names a host or a socket")
        return raw


def _whole(raw: object, units: dict[str, int], expected: str) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    match = re.fullmatch(r"\s*([0-9]{1,18})\s*([a-z]*)\s*", raw.lower()) if isinstance(raw, str) else None
    if match is None or match[2] not in units:
        raise ValueError(expected)
    return int(match[1]) * units[match[2]]


def _bounded(value: int, least: int, most: int, expected: str) -> int:
    if not least <= value <= most:
        raise ValueError(expected)
    return value
