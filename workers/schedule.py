"""What the schedule process rings for. Workers reconcile by themselves too: a dead schedule is harmless."""

from __future__ import annotations

from typing import Any, Final

from workers.queues import (
    CALIBRATE_TASK,
    CONTROL,
    EVALUATE_TASK,
    RECONCILE_TASK,
    REFINE,
    SCORE_TASK,
    SEAL_TASK,
    SWEEP_TASK,
)

SWEEP_EVERY_S: Final = 3600
LEARN_EVERY_S: Final = 3600
"""How often it is looked whether a gate or a calibration is due; each is so once a week or less."""
SEAL_EVERY_S: Final = 60
"""How long an event may stand unsealed, while the schedule runs."""
SCORE_EVERY_S: Final = 60
"""How far what the quality pages show may lie behind what people do."""


def beat_schedule(reconcile_every_s: float) -> dict[str, dict[str, Any]]:
    """Return Celery's `beat_schedule`: the reconciler every `reconcile_every_s` seconds, the rest hourly.

    The audit is sealed each minute. Messages expire, so that a queue nobody listens to does not
    grow.
    """
    return {
        "reconcile": {
            "task": RECONCILE_TASK,
            "schedule": float(reconcile_every_s),
            "options": {"queue": CONTROL, "expires": 2 * reconcile_every_s},
        },
        "sweep": {
            "task": SWEEP_TASK,
            "schedule": float(SWEEP_EVERY_S),
            "options": {"queue": CONTROL, "expires": SWEEP_EVERY_S},
        },
        "evaluate": {
            "task": EVALUATE_TASK,
            "schedule": float(LEARN_EVERY_S),
            "options": {"queue": REFINE, "expires": LEARN_EVERY_S},
        },
        "calibrate": {
            "task": CALIBRATE_TASK,
            "schedule": float(LEARN_EVERY_S),
            "options": {"queue": CONTROL, "expires": LEARN_EVERY_S},
        },
        "seal": {
            "task": SEAL_TASK,
            "schedule": float(SEAL_EVERY_S),
            "options": {"queue": CONTROL, "expires": SEAL_EVERY_S},
        },
        "score": {
            "task": SCORE_TASK,
            "schedule": float(SCORE_EVERY_S),
            "options": {"queue": CONTROL, "expires": SCORE_EVERY_S},
        },
    }
