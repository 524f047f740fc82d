"""Word by word, what one text has that another has not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal

#: Words, runs of white space, and single characters of scripts that write no spaces.
TOKEN: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]|\s+|[^\s\u3040-\u30ff\u3400-\u4dbf"
    r"\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]+"
)
#: Beyond this many tokens the comparison would cost more than it tells.
MOST: Final = 4_000


@dataclass(frozen=True, slots=True)
class Change:
    """Hold a stretch of text and whether it stayed, went or came."""

    kind: Literal["same", "removed", "added"]
    text: str


def changes(old: str, new: str) -> list[Change]:
    """Return the stretches that lead from `old` to `new`, in reading order."""
    if old == new:
        return [Change("same", new)] if new else []
    before, after = TOKEN.findall(old), TOKEN.findall(new)
    if len(before) + len(after) > MOST:
        return _joined([Change("removed", old), Change("added", new)])
    found: list[Change] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            found.append(Change("same", "".join(after[k:m])))
            continue
        found.append(Change("removed", "".join(before[i:j])))
        found.append(Change("added", "".join(after[k:m])))
    return _joined(found)


def _joined(found: Sequence[Change]) -> list[Change]:
    """Drop empty stretches, and join a change across the single space between two changed words."""
    kept = [change for change in found if change.text]
    joined: list[Change] = []
    at = 0
    while at < len(kept):
        change = kept[at]
        if change.kind == "same" or at == 0:
            joined.append(change)
            at += 1
            continue
        removed = added = ""
        while at < len(kept):
            here = kept[at]
            if here.kind == "removed":
                removed += here.text
            elif here.kind == "added":
                added += here.text
            elif here.text.isspace() and at + 1 < len(kept) and removed and added:
                removed += here.text
                added += here.text
            else:
                break
            at += 1
        joined += [c for c in (Change("removed", removed), Change("added", added)) if c.text]
    return joined
