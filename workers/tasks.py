"""The Celery functions: doorbells. Each loops over whatever waits, so one message starts any amount of work.

Losing a message or getting it twice changes nothing but the time. Nothing may escape from a task: an uncaught
MemoryError would end the whole worker (Celery 5.7), and a retry by Celery would know less than the rows do.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any, Final

from celery import shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from annotation.audit import acting_as
from annotation.doorbell import Bell, ring
from annotation.services import calibration, reconciler, scoring, seals
from annotation.states import Pass
from workers import process
from workers.database import AWAY, close_connections, first_line
from workers.engines import engines
from workers.process import actor
from workers.queues import (
    AUDIO,
    CALIBRATE_TASK,
    CONTROL,
    EVALUATE_TASK,
    FILES,
    RECONCILE_TASK,
    REFINE,
    SCORE_TASK,
    SEAL_TASK,
    SWEEP_TASK,
)
from workers.schedule import LEARN_EVERY_S, SCORE_EVERY_S

log = logging.getLogger(__name__)

BUDGET_S: Final = 60.0
"""How long one doorbell works before it rings again."""
SEAL_BUDGET_S: Final = 10.0
"""A site that seals for the first time has years to seal; it goes on a minute later."""
SCORE_BUDGET_S: Final = 5.0
"""Shorter: the worker of this queue also prepares what people have just uploaded."""

process.connect()


@shared_task(name="workers.prepare")  # type: ignore[untyped-decorator, unused-ignore]
def prepare() -> None:
    """Prepare the recordings that wait."""
    from workers.prepare import prepare_waiting

    _answer(AUDIO, prepare_waiting)


@shared_task(name="workers.draft")  # type: ignore[untyped-decorator, unused-ignore]
def draft() -> None:
    """Decode the draft windows that wait."""
    _transcribe(Pass.DRAFT)


@shared_task(name="workers.refine")  # type: ignore[untyped-decorator, unused-ignore]
def refine() -> None:
    """Decode the refine windows that wait."""
    _transcribe(Pass.REFINE)


@shared_task(name="workers.files")  # type: ignore[untyped-decorator, unused-ignore]
def files() -> None:
    """Do the imports, exports and replacements that wait."""
    from workers.files import work_waiting

    _answer(FILES, work_waiting)


@shared_task(name=RECONCILE_TASK)  # type: ignore[untyped-decorator, unused-ignore]
def reconcile() -> None:
    """Ring for what waits, take back what dead workers held. Every worker does so by itself as well."""
    _guard(CONTROL, process.reconcile_in_turn)


@shared_task(name=SWEEP_TASK)  # type: ignore[untyped-decorator, unused-ignore]
def sweep() -> None:
    """Finish or expire abandoned uploads, remove files without a row."""
    _guard(CONTROL, reconciler.sweep)


@shared_task(name=SEAL_TASK)  # type: ignore[untyped-decorator, unused-ignore]
def seal() -> None:
    """Seal the audit's events that wait for it."""
    _guard(CONTROL, lambda: seals.seal(budget_s=SEAL_BUDGET_S))


@shared_task(name=EVALUATE_TASK)  # type: ignore[untyped-decorator, unused-ignore]
def evaluate() -> None:
    """Check the gates that are due, behind everything that people wait for."""
    from workers.evaluate import evaluate_due

    def run() -> None:
        if evaluate_due(BUDGET_S):
            _again(evaluate, LEARN_EVERY_S)

    _guard(REFINE, run)


def _again(task: Any, expires_s: int) -> None:
    try:
        task.apply_async(expires=expires_s, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("%s goes on when the schedule rings again (%s)", task.name, first_line(error))


@shared_task(name=CALIBRATE_TASK)  # type: ignore[untyped-decorator, unused-ignore]
def calibrate() -> None:
    """Learn what risk scores are worth where people have corrected."""
    _guard(CONTROL, calibration.learn_where_due)


@shared_task(name=SCORE_TASK)  # type: ignore[untyped-decorator, unused-ignore]
def score() -> None:
    """Count the errors of machines' texts that people have decided about, in slices of seconds."""

    def run() -> None:
        if not scoring.score_due(SCORE_BUDGET_S).finished:
            _again(score, SCORE_EVERY_S)

    _guard(CONTROL, run)


def _transcribe(pass_name: Pass) -> None:
    from workers.transcribe import transcribe_waiting

    _answer(
        "draft" if pass_name == Pass.DRAFT else "refine",
        lambda budget_s, call: transcribe_waiting(pass_name, budget_s, call),
    )


def _answer(bell: Bell, work: Callable[[float, Callable[[], object]], bool]) -> None:
    """Work until the budget is spent, and ring again when there is more."""

    def run() -> None:
        if work(BUDGET_S, lambda: ring(bell)):
            ring(bell)

    _guard(bell, run)


def _guard(queue: str, body: Callable[[], object]) -> None:
    """Run a task's body; whatever it raises is logged, and the rows it held are served again."""
    try:
        with acting_as(actor(queue)):
            body()
    except MemoryError:
        engines.drop()
        gc.collect()
        log.warning("out of memory in %s; models unloaded, the claims will be served again", queue)
    except AWAY as error:
        log.warning("%s stopped: PostgreSQL does not answer (%s)", queue, first_line(error))
    except Exception:
        log.exception("%s stopped", queue)
    finally:
        close_connections()
