"""Whose turn it is: the order in which waiting windows are decoded. Pure, so that it can be read and tested.

What waits is sorted into six classes, three kinds of haste for each pass. A person who waits goes first, then
drafts go before refines, then what was just uploaded before bulk, then the oldest. Every sixth turn is kept
for whoever is not at the front, so that a flood of drafts never starves the refines, nor people bulk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from annotation.states import Pass, Priority

ORDER: Final = (Pass.DRAFT, Pass.REFINE)
HASTE: Final = (Priority.PERSON, Priority.FRESH, Priority.BULK)
PEOPLE: Final = 2
"""Ranks below this are those of people who wait."""
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
    return PEOPLE + 2 * ORDER.index(pass_name) + HASTE.index(haste) - 1


def first(heads: Sequence[Head]) -> Head | None:
    """Return who goes first."""
    return min(heads, key=lambda head: head.rank, default=None)


def ahead_of(rank: int) -> Callable[[Sequence[Head]], Head | None]:
    """Return how to choose only somebody of a better rank than that."""
    return lambda heads: first([head for head in heads if head.rank < rank])


def behind(heads: Sequence[Head], turn: int) -> Head | None:
    """Return who gets the kept turn number `turn`: those who are not at the front, one after the other.

    A person who waits is never behind. Where nobody is, the front goes on.
    """
    front = first(heads)
    others = sorted(
        (head for head in heads if head is not front and head.haste != Priority.PERSON),
        key=lambda head: -head.rank,
    )
    return others[turn % len(others)] if others else front


class Turns:
    """Count the turns of one worker, and say who is next.

    A person goes first, unless the five turns before were people's too and others wait; a kept turn is never
    at the cost of somebody who comes alone.
    """

    def __init__(self) -> None:
        self._since = 0
        self._people = 0
        self._kept = 0

    def choose(self, heads: Sequence[Head]) -> Head | None:
        """Return who is next among the heads of their classes."""
        front = first(heads)
        if front is None or (self._due if front.rank >= PEOPLE else self._people >= KEPT_EVERY - 1):
            return behind(heads, self._kept)
        return front

    def may_overtake(self, waiting: int, *, is_behind: bool) -> int:
        """Return the rank that may go before a batch of rank `waiting` which is ready: any better than it.

        `is_behind` says that the batch came by a kept turn.
        """
        if waiting < PEOPLE:
            return waiting
        if self._people >= KEPT_EVERY - 1:
            return 0
        return PEOPLE if is_behind or self._due else waiting

    def taken(self, rank: int, *, is_behind: bool) -> None:
        """Note that a batch of this rank had its turn."""
        self._people = self._people + 1 if rank < PEOPLE else 0
        if is_behind:
            self._since, self._kept = 0, self._kept + 1
        else:
            self._since += 1

    @property
    def _due(self) -> bool:
        return self._since >= KEPT_EVERY - 1
