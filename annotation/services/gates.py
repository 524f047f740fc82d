"""Gates: in which projects a model may hear windows in fitted context, by the project's own references.

A fitted context costs a fraction of the padded 30 s that Whisper was trained on, and some models lose words
by it. So it is switched on for a model in a project only where enough of its own corrected segments, heard
both ways, show no loss; and off again when a later check shows one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from annotation.models import ContextGate, Project
from annotation.services.clock import ClockTimestamp
from annotation.services.models import card_of
from transcription.text.metrics import ErrorCounts
from transcription.text.normalize import DEFAULT

Context = Literal["full", "fit"]

MIN_REFERENCES: Final = 200
"""Corrected segments without which nothing is decided (PERFORMANCE: the engine's gate)."""
MAX_LOSS: Final = 0.003
"""How much the word error rate may rise, absolute: 0.3 points."""
NORMALISATION: Final = DEFAULT
"""The profile that both texts go through before they are compared."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Hold what one model made of the same references in both contexts; costs in milliseconds."""

    model: str
    references: int
    full: ErrorCounts
    fit: ErrorCounts
    full_ms: int = 0
    fit_ms: int = 0
    full_cpu_ms: int = 0
    fit_cpu_ms: int = 0

    @property
    def loss(self) -> float | None:
        """Return how much the word error rate rises in fitted context, absolute; None without words."""
        full, fit = self.full.rate, self.fit.rate
        return None if full is None or fit is None else fit - full


@dataclass(frozen=True, slots=True)
class Decision:
    """Say whether the gate is open, and why in a sentence."""

    open: bool
    reason: str


def context_for(project: Project, model: str) -> Context:
    """Return the context in which `model` hears the windows of `project`.

    Fitted where the model's card says it was trained for it, or where the project's gate is open.
    """
    card = card_of(model)
    if card is not None and card.context == "fit":
        return "fit"
    return "fit" if ContextGate.objects.filter(project=project, model=model, open=True).exists() else "full"


def decide(evaluation: Evaluation) -> Decision:
    """Apply the rule to an evaluation: enough references, and no loss beyond MAX_LOSS."""
    if evaluation.references < MIN_REFERENCES:
        return Decision(
            False,
            f"Full context: {evaluation.references} corrected segments were compared, "
            f"at least {MIN_REFERENCES} are needed.",
        )
    loss = evaluation.loss
    if loss is None:
        return Decision(False, "Full context: the references hold no words to compare.")
    said = (
        f"over {evaluation.references} corrected segments the word error rate is "
        f"{_percent(evaluation.full.rate)} in full and {_percent(evaluation.fit.rate)} in fitted context"
    )
    allowed = f"at most {100 * MAX_LOSS:.1f} points more are allowed"
    # Rates are ratios of whole numbers: a hair's breadth of rounding decides nothing.
    if loss > MAX_LOSS + 1e-9:
        return Decision(False, f"Full context: {said}; {allowed}.")
    return Decision(True, f"Fitted context: {said}; {allowed}.")


def record_evaluation(project: Project, evaluation: Evaluation) -> ContextGate:
    """Store what an evaluation found as the gate of its model, opened or closed by the rule.

    Work that is planned already keeps the context it was planned with.
    """
    decision = decide(evaluation)
    gate, _ = ContextGate.objects.update_or_create(
        project=project,
        model=evaluation.model,
        defaults={
            "open": decision.open,
            "references": evaluation.references,
            "reference_words": evaluation.full.reference_length,
            "full_errors": evaluation.full.errors,
            "fit_errors": evaluation.fit.errors,
            "full_ms": evaluation.full_ms,
            "fit_ms": evaluation.fit_ms,
            "normalisation": NORMALISATION,
            "reason": decision.reason[:300],
            "checked_at": ClockTimestamp(),
        },
    )
    gate.refresh_from_db()
    return gate


def _percent(rate: float | None) -> str:
    return f"{100 * (rate or 0.0):.2f} %"
