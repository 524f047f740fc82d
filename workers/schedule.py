"""What the schedule process rings for. Workers reconcile by themselves too: a dead schedule is harmless."""

from __future__ import annotations

from typing import Any, Final

from workers.queues import CONTROL, RECONCILE_TASK, SWEEP_TASK

SWEEP_EVERY_S: Final = 3600


def beat_schedule(reconcile_every_s: float) -> dict[str, dict[str, Any]]:
    """Return Celery's `beat_schedule`: the reconciler every `reconcile_every_s` seconds, a sweep every hour.

    Messages expire, so that a queue nobody listens to does not grow.
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
    }
