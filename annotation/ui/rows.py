"""One segment as a row: its text, how it stands, what the machines heard, and what this person may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from annotation.models import Hypothesis, User
from annotation.permissions import ALLOWED
from annotation.selectors import suggestion_of
from annotation.states import EDITABLE_SEGMENTS, UNTOUCHED_SEGMENTS, Role, SegmentState
from annotation.ui.words import Change, changes

#: A risk from here on is shown on the row; below, the number would only be noise.
SHOWN_RISK: Final = 0.35
HIGH_RISK: Final = 0.65

WORDS: Final = {
    SegmentState.PENDING: "Waiting for the draft",
    SegmentState.DRAFT: "Draft",
    SegmentState.REFINED: "Refined",
    SegmentState.CORRECTED: "Corrected",
    SegmentState.SKIPPED: "Skipped",
    SegmentState.ACCEPTED: "Accepted",
    SegmentState.RETURNED: "Returned",
}


@dataclass(frozen=True, slots=True)
class HeardText:
    """Show one hypothesis against the present text."""

    hypothesis: Hypothesis
    found: list[Change]

    @property
    def same(self) -> bool:
        """Tell whether it is what the row says."""
        return all(change.kind == "same" for change in self.found)


@dataclass(frozen=True, slots=True)
class Row:
    """Hold what a page says about one segment."""

    segment: Any
    stamp: str
    heard: list[HeardText]
    suggestion: HeardText | None
    held_by: str
    """Who else is editing; empty when nobody or the reader."""
    may_edit: bool
    may_unlock: bool

    @property
    def words(self) -> str:
        """Say its state in words."""
        return "Locked" if self.segment.locked else WORDS[SegmentState(self.segment.state)]

    @property
    def icon(self) -> str:
        """Return the name of its mark."""
        return "lock" if self.segment.locked else str(self.segment.state)

    @property
    def kind(self) -> str:
        """Return the class that colours its mark."""
        return "locked" if self.segment.locked else str(self.segment.state)

    @property
    def risk_percent(self) -> int | None:
        """Return the risk as a whole percent while it is worth showing."""
        segment = self.segment
        untouched = segment.state in (SegmentState.DRAFT, SegmentState.REFINED) and not segment.locked
        if not untouched or segment.risk is None or segment.risk < SHOWN_RISK:
            return None
        return round(float(segment.risk) * 100)

    @property
    def risk_kind(self) -> str:
        """Return `high` or `some`."""
        return "high" if (self.segment.risk or 0) >= HIGH_RISK else "some"

    @property
    def acceptable(self) -> bool:
        """Tell whether saving the text as it is means something: a machine wrote it."""
        return self.segment.state in UNTOUCHED_SEGMENTS and bool(self.segment.revision)

    @property
    def line_count(self) -> int:
        """Return how many lines the box should begin with, where the browser can't grow it."""
        text: str = self.segment.text
        return max(1, min(8, len(text) // 80 + 1 + text.count("\n")))


def stamp(segment: Any) -> str:
    """Return what changes whenever the row would look different; `segment` from `with_details`."""
    return ".".join(
        (
            str(segment.revision),
            segment.state,
            "L" if segment.locked else "",
            segment.lease_holder or "",
            str(len(segment.heard)),
        )
    )


def of(segments: Sequence[Any], *, person: User, role: Role | None) -> list[Row]:
    """Return the rows of segments that `selectors.with_details` made; asks the database nothing more."""
    editor, opener = role in ALLOWED["edit"], role in ALLOWED["unlock"]
    me = person.get_username()
    found = []
    for segment in segments:
        suggested = suggestion_of(segment) if not segment.locked else None
        found.append(
            Row(
                segment=segment,
                stamp=stamp(segment),
                heard=[HeardText(h, changes(segment.text, h.text)) for h in segment.heard],
                suggestion=HeardText(suggested, changes(segment.text, suggested.text)) if suggested else None,
                held_by=segment.lease_holder if segment.lease_holder not in (None, me) else "",
                may_edit=editor and not segment.locked and segment.state in EDITABLE_SEGMENTS,
                may_unlock=segment.locked and (opener or segment.locked_by_id == person.pk),
            )
        )
    return found
