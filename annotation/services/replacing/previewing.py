"""Show what a replacement would do, before it does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from annotation.models import Project, Segment, User
from annotation.permissions import require
from annotation.services.replacing.wishes import Row, Wish, rows_of

EXAMPLES: Final = 50
MOST_COUNTED: Final = 20_000
"""Rows that are counted for a preview, about a second's work; it says so where there are more."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row as it is and as it would be; `standing` says why it would be left alone, if so."""

    segment: Any
    before: str
    after: str
    standing: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Count what would be changed, and what would be left alone and why."""

    wish: Wish
    changes: int
    skipped: Mapping[str, int]
    places: int
    """How often it stands in the rows that would be changed."""
    more: bool
    """Whether there are more than were counted."""
    examples: tuple[Example, ...]


def preview(*, user: User, project: Project, wish: Wish) -> Preview:
    """Look at what a replacement would do; nothing is changed."""
    require(user, "replace", project)
    wish = wish.checked()
    pattern = wish.pattern()
    counted: Counter[str] = Counter()
    shown: list[Row] = []
    left: list[Row] = []
    places = 0
    more = False
    for rows in rows_of(project, user, wish):
        for row in rows:
            counted[row.standing] += 1
            if row.standing:
                left.append(row) if len(left) < EXAMPLES // 5 else None
            else:
                places += len(pattern.findall(row.text))
                shown.append(row) if len(shown) < EXAMPLES else None
        if sum(counted.values()) >= MOST_COUNTED:
            more = True
            break
    picked = shown + left
    segments = {
        row.pk: row
        for row in Segment.objects.filter(pk__in=[row.segment for row in picked]).select_related("recording")
    }
    examples = tuple(
        Example(segments[row.segment], row.text, wish.replaced(row.text, pattern), row.standing)
        for row in picked
        if row.segment in segments
    )
    changes = counted.pop("", 0)
    return Preview(wish, changes, dict(counted), places, more, examples)
