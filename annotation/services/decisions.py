"""Decisions: what a person did to a segment, how well they had heard it, and what it was before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from annotation.errors import Invalid
from annotation.models import Decision, Hypothesis, Segment, User
from annotation.services.checks import CODES
from annotation.states import DecisionKind
from transcription.text.metrics import count_errors

ACTIVE_MAX_MS: Final = 24 * 3600 * 1000
PROFILE: Final = "spoken-1"
COUNTED_MAX: Final = 250_000
"""Words of one text times words of the other; beyond this a save would wait long for its count. Five hundred
words are what a fast speaker says in three minutes, many times the longest segment."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Tell how a decision came about, as the page measured it."""

    heard_share: float | None = None
    """0 to 1."""
    active_ms: int | None = None
    overrode: Sequence[str] = ()
    """Codes of checks that had warned and were decided against."""


NO_EVIDENCE: Final = Evidence()


@dataclass(frozen=True, slots=True)
class Wording:
    """Tell the text that was decided on, and what the best machine had heard there."""

    text: str
    hypothesis: Hypothesis | None


def errors_of(wording: Wording | None) -> dict[str, Any]:
    """Return the columns of a decision that say how far the machine was from it, in words.

    Without a machine's text, or with texts too long to compare while
    a person waits, nothing is counted.
    """
    if wording is None or wording.hypothesis is None:
        return {}
    final, machine = wording.text, wording.hypothesis.text
    found: dict[str, Any] = {"hypothesis_id": wording.hypothesis.pk}
    if len(final.split()) * len(machine.split()) > COUNTED_MAX:
        return found
    counts = count_errors(final, machine, profile=PROFILE)
    return found | {
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "reference_length": counts.reference_length,
        "profile": PROFILE,
    }


def record(
    *,
    user: User,
    segment: Segment,
    kind: DecisionKind,
    before: Mapping[str, Any],
    after: Mapping[str, int],
    reason: str = "",
    evidence: Evidence = NO_EVIDENCE,
    warned: Sequence[str] = (),
    undoes: Decision | None = None,
    operation_id: UUID | None = None,
    wording: Wording | None = None,
) -> Decision:
    """Write a decision, in the transaction of its change; with `wording` the machine's errors are counted."""
    heard, active = evidence.heard_share, evidence.active_ms
    if heard is not None and not (math.isfinite(heard) and 0 <= heard <= 1):
        raise Invalid("The share that was heard lies between 0 and 1.", heard_share="0 to 1")
    if active is not None and not 0 <= active <= ACTIVE_MAX_MS:
        raise Invalid("The active time lies between none and a day.", active_ms=f"0 to {ACTIVE_MAX_MS}")
    unknown = sorted(set(evidence.overrode) - set(CODES))
    if unknown:
        raise Invalid(f"Unknown checks: {', '.join(unknown)}.", overrode=" or ".join(CODES))
    return Decision.objects.create(
        project_id=segment.project_id,
        segment=segment,
        kind=kind,
        author=user,
        reason=reason,
        audio_ms=segment.end_ms - segment.start_ms,
        heard_share=heard,
        active_ms=active,
        checks=list(warned),
        overrode=list(dict.fromkeys(evidence.overrode)),
        before=dict(before),
        after=dict(after),
        undoes=undoes,
        operation_id=operation_id,
        **errors_of(wording),
    )


def decision_of(segment: Segment, operation_id: UUID) -> Decision | None:
    """Return what an operation made of a segment, if it was done before."""
    return (
        Decision.objects.select_related("author", "undone_by")
        .filter(segment=segment, operation_id=operation_id)
        .first()
    )
