"""Names of the queues, and which task is rung in which. Plain words: the settings read this file too."""

from __future__ import annotations

from typing import Final

AUDIO: Final = "audio"
"""One FFmpeg pass for each recording."""
DRAFT: Final = "draft"
"""The first, quick model."""
REFINE: Final = "refine"
"""The better model, behind it."""
FILES: Final = "files"
"""Imports, exports and replacements: jobs that read or write many rows."""
CONTROL: Final = "control"
"""Reconciler and sweeps: seconds of work, never behind a model."""

RECONCILE_TASK: Final = "workers.reconcile"
SWEEP_TASK: Final = "workers.sweep"
EVALUATE_TASK: Final = "workers.evaluate"
CALIBRATE_TASK: Final = "workers.calibrate"
SEAL_TASK: Final = "workers.seal"
SCORE_TASK: Final = "workers.score"

ROUTES: Final[dict[str, dict[str, str]]] = {
    "workers.prepare": {"queue": AUDIO},
    "workers.draft": {"queue": DRAFT},
    "workers.refine": {"queue": REFINE},
    "workers.files": {"queue": FILES},
    RECONCILE_TASK: {"queue": CONTROL},
    SWEEP_TASK: {"queue": CONTROL},
    EVALUATE_TASK: {"queue": REFINE},
    CALIBRATE_TASK: {"queue": CONTROL},
    SEAL_TASK: {"queue": CONTROL},
    SCORE_TASK: {"queue": CONTROL},
}
"""For Celery's `task_routes`; the first four are what `annotation.doorbell` rings."""
