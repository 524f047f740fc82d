"""Find the file that a row means: by its path in the drop, its name, its stem; told where several fit."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Final
from uuid import UUID

from annotation.services.imports.values import BadValue

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:")
DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
NUMBERED: Final = re.compile(r"(.+)-(\d{1,18})(\.[^.]*)?$", re.DOTALL)
FEW: Final = 8
"""Of so many sounds with one stem it is quicker to look at each."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Name audio that a row may mean: a file of the drop, a recording that is here, or both."""

    name: str
    file: UUID | None = None
    recording: int | None = None
    same: str = ""
    """What its bytes are known by; equal = the same audio twice."""
    cause: str = ""
    """Why it cannot be read, where it cannot."""


def _path(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./"))


def _base(name: str) -> str:
    return _path(name).rsplit("/", 1)[-1]


def _stem(name: str) -> str:
    base = _base(name)
    return base.rpartition(".")[0] or base


LEVELS: Final[tuple[Callable[[str], str], ...]] = (
    _path,
    _base,
    _stem,
    lambda name: _path(name).casefold(),
    lambda name: _base(name).casefold(),
    lambda name: _stem(name).casefold(),
)
"""From the strictest on: the first that finds anything decides. What any finds, the last finds, too."""


class Sounds:
    """Hold all audio that rows may name; those of the drop before those that are in the project.

    200,000 of them have to fit beside everything else: each is held once, by what all levels have in common.
    """

    def __init__(self, dropped: Iterable[Sound], here: Iterable[Sound]) -> None:
        self._alike: dict[str, Sound | list[Sound]] = {}
        self._by_level: dict[str, tuple[dict[str, list[Sound]], ...]] = {}
        for sound in chain(dropped, here):
            key = LEVELS[-1](sound.name)
            known = self._alike.setdefault(key, sound)
            if isinstance(known, list):
                known.append(sound)
            elif known is not sound:
                self._alike[key] = [known, sound]

    def _found(self, name: str, level: int) -> list[Sound]:
        key, wanted = LEVELS[-1](name), LEVELS[level](name)
        alike = self._alike.get(key, [])
        if isinstance(alike, Sound):
            alike = [alike]
        if len(alike) <= FEW:
            return [sound for sound in alike if LEVELS[level](sound.name) == wanted]
        return self._indexed(key, alike)[level].get(wanted, [])

    def _indexed(self, key: str, alike: list[Sound]) -> tuple[dict[str, list[Sound]], ...]:
        """Return many sounds of one stem by what each level makes of their names: `a/1.wav`, `b/1.wav`."""
        if key not in self._by_level:
            levels: tuple[dict[str, list[Sound]], ...] = tuple(defaultdict(list) for _ in LEVELS)
            for sound in alike:
                for found, of in zip(levels, LEVELS, strict=True):
                    found[of(sound.name)].append(sound)
            self._by_level[key] = levels
        return self._by_level[key]

    def find(self, value: str, *, by_last_part: bool) -> Sound:
        """Return the audio that a cell means. Raises BadValue with what to do.

        `by_last_part`: whether of a path from another machine the last part may be looked for.
        """
        name = value.strip()
        if not name:
            raise BadValue("audio_blank", "The row names no audio. Write the name of its file.")
        if is_elsewhere(name):
            raise BadValue(
                "unsafe_audio_path",
                f"“{name[:80]}” leads out of this drop. Write the name of a file that is in it.",
            )
        if is_absolute(name) and not by_last_part:
            raise BadValue(
                "unsafe_audio_path",
                f"“{name[:80]}” is a path of another machine. Write the file's name only.",
            )
        for level in range(len(LEVELS)):
            found = self._found(name, level)
            if found:
                return _only(name, found)
        numbered = self._numbered(name)
        if numbered is not None:
            return numbered
        raise BadValue(
            "missing_audio",
            f"There is no file “{name[:120]}” in this drop or the project. Add it, or mend the name.",
        )

    def _numbered(self, name: str) -> Sound | None:
        """Return the recording that an export called `call-12.wav`, beside a `call.wav` that is gone."""
        match = NUMBERED.match(_base(name))
        if match is None:
            return None
        plain, number, ending = match.groups("")
        alike = self._alike.get(LEVELS[-1](plain + ending), [])
        sounds = [alike] if isinstance(alike, Sound) else alike
        return next((sound for sound in sounds if str(sound.recording) == number), None)

    def knows(self, value: str) -> bool:
        """Tell whether a cell names audio by its path or name exactly."""
        name = value.strip()
        return bool(name) and any(self._found(name, level) for level in (0, 1))


def _only(name: str, found: list[Sound]) -> Sound:
    """Return the one sound that is meant; those of the drop stand first and go before the project's."""
    sound = found[0]
    rivals = takewhile(lambda rival: (rival.file is None) == (sound.file is None), found)
    if any((rival.same or rival.name) != (sound.same or sound.name) for rival in rivals):
        names = ", ".join(f"“{sound.name[:60]}”" for sound in found[:3])
        raise BadValue("ambiguous_audio", f"“{name[:80]}” may be {names}. Write the whole path in the drop.")
    if sound.cause:
        raise BadValue("undecodable_audio", f"“{sound.name[:80]}”: {sound.cause}")
    return sound


def is_elsewhere(name: str) -> bool:
    """Tell whether a cell points out of the drop: another place, host or protocol. It is never opened."""
    plain = name.replace("\\", "/")
    return (
        "\x00" in name
        or plain.startswith("//")
        or ".." in plain.split("/")
        or (SCHEME.match(name) is not None and not DRIVE.match(name))
    )


def is_absolute(name: str) -> bool:
    """Tell whether a cell is a path from the root of some machine."""
    rooted = name.startswith(("/", "\\")) or DRIVE.match(name) is not None
    return rooted and not is_elsewhere(name)
