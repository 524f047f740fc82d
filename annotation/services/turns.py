"""Whose turn it is: the order in which waiting windows are decoded. Pure, so that it can be read and tested.

What waits is sorted into six classes, three kinds of haste for each pass. A person who waits goes first, then
drafts go before refines, then what was just uploaded before bulk, then the oldest. Every sixth turn is kept
for whoever is not at the front, so that a flood of drafts never starves the refines, nor people bulk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from annotation.states import Pass, Priority

ORDER: Final = (Pass.DRAFT, Pass.REFINE)
HASTE: Final = (Priority.PERSON, Priority.FRESH, Priority.BULK)
KEPT_EVERY: Final = 6
"""One turn of so many is kept for those behind: 17 %, where at least 15 % is the goal."""


def bounds(haste: Priority) -> tuple[int, int]:
    """Return the least priority of a class and the least of the next higher one."""
    above = HASTE.index(haste) - 1
    least = haste.value if haste != Priority.BULK else -(2**15)
    return least, HASTE[above].value if above >= 0 else 2**15


@dataclass(frozen=True, slots=True)
class Head:
    """Stand for the first window of one class that somebody could claim now."""

    id: int
    pass_name: Pass
    haste: Priority
    model: str
    options_digest: str
    suspect: bool
    """Whether it failed before, and is decoded alone so that it takes no innocent window along."""

    @property
    def rank(self) -> int:
        """Return its place in the order of the classes, 0 = the first."""
        return rank(self.pass_name, self.haste)


def rank(pass_name: Pass, haste: Priority) -> int:
    """Return the place of a class: people's drafts and refines, then fresh and bulk drafts, then refines."""
    if haste == Priority.PERSON:
        return ORDER.index(pass_name)
    return 2 + 2 * ORDER.index(pass_name) + HASTE.index(haste) - 1


def first(heads: Sequence[Head], *, ahead_of: int | None = None) -> Head | None:
    """Return who goes first; with `ahead_of` only somebody of a better rank than that."""
    able = [head for head in heads if ahead_of is None or head.rank < ahead_of]
    return min(able, key=lambda head: head.rank, default=None)


def behind(heads: Sequence[Head], turn: int) -> Head | None:
    """Return who gets the kept turn number `turn`: those who are not at the front, one after the other.

    A person who waits is never behind: there is always one more step for them. Where nobody is behind, the
    front goes on.
    """
    front = first(heads)
    others = sorted(
        (head for head in heads if head is not front and head.haste != Priority.PERSON),
        key=lambda head: -head.rank,
    )
    return others[turn % len(others)] if others else front


class Turns:
    """Count the turns of one worker, and say when one is kept for those behind."""

    def __init__(self) -> None:
        self._since = 0
        self._kept = 0

    @property
    def kept(self) -> int | None:
        """Return the number of the kept turn where the next one is such a turn, else None."""
        return self._kept if self._since >= KEPT_EVERY - 1 else None

    def taken(self, *, kept: bool) -> None:
        """Note that a turn was taken; `kept` where it went to those behind."""
        if kept:
            self._since, self._kept = 0, self._kept + 1
        else:
            self._since += 1
