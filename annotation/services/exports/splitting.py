"""Deal speakers, or recordings, to train, validation and test: whole, by audio time, alike for one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from annotation.services.exports.choosing import PARTS, Options


def deal(groups: Iterable[tuple[str, int]], options: Options) -> dict[str, str]:
    """Return the part of each group of (key, milliseconds of audio).

    Groups come in an order that the seed alone decides, and each goes to the part that has the least of
    its share so far. With fewer groups than parts some parts stay empty.
    """
    shares = {name: share for name in PARTS if (share := getattr(options, name))}
    held = dict.fromkeys(shares, 0)
    dealt = {}
    for key, length in sorted(groups, key=lambda group: _place(options.seed, group[0])):
        part = min(shares, key=lambda name: held[name] / shares[name])
        held[part] += length
        dealt[key] = part
    return dealt


def _place(seed: str, key: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{key}".encode()).digest()
