"""Answer the doorbell `files`: claim a job, run what its kind names, keep the claim meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import Final

from annotation import presence
from annotation.audit import Actor, acting_as
from annotation.models import User
from annotation.services import filejobs
from annotation.services.filejobs import ClaimedJob, Lost
from annotation.states import JobKind
from workers import shutdown
from workers.database import AWAY, patiently
from workers.keeper import Keeper
from workers.process import actor, doing, me
from workers.queues import FILES

log = logging.getLogger(__name__)

RUNNERS: Final = {
    JobKind.IMPORT: "annotation.services.imports",
    JobKind.EXPORT: "annotation.services.exports",
    JobKind.REPLACE: "annotation.services.replacing",
}
"""Which module's `run(job, tick)` does a kind; loaded when there is such a job."""

REPORT_EVERY_S: Final = 0.5
"""Progress is written at most so often."""
SILENT_S: Final = 600.0
"""A job that says nothing for so long counts as hung, and its process ends itself."""


class _Stopping(Exception):
    """Raised out of a tick when this worker is asked to stop."""


def work_waiting(budget_s: float, ring: Callable[[], object]) -> bool:
    """Do file jobs until none waits, `budget_s` has passed or a stop is asked; return whether more may wait.

    `ring` is called at each job, because a colleague may take the next.
    """
    deadline = time.monotonic() + budget_s
    while not shutdown.asked():
        claimed = patiently(lambda: filejobs.claim_next(worker=me.name))
        if claimed is None:
            return False
        ring()
        with doing(f"does {claimed.kind} job {claimed.id}"):
            _do(claimed)
        if time.monotonic() > deadline:
            break
    return True


def _do(claimed: ClaimedJob) -> None:
    keeper = Keeper(
        renew=lambda: filejobs.renew(claimed),
        give_up=lambda sentence: filejobs.fail(claimed, code="timed_out", message=sentence),
        hand_back=lambda: filejobs.hand_back(claimed),
    )
    reported = 0.0

    def tick(done: int, total: int, phase: str = "", failed: int = 0) -> None:
        nonlocal reported
        keeper.moved()
        if keeper.lost:
            raise Lost
        if shutdown.asked():
            raise _Stopping
        now = time.monotonic()
        if now - reported < REPORT_EVERY_S and done < total:
            return
        reported = now
        if not patiently(lambda: filejobs.tick(claimed, done, total, failed=failed, phase=phase)):
            raise Lost

    with keeper:
        try:
            with keeper.watching(SILENT_S), acting_as(_on_behalf_of(claimed)):
                import_module(RUNNERS[claimed.kind]).run(claimed, tick)
        except Lost:
            log.info("job %s was cancelled, or another worker has it", claimed.id)
            presence.count({"fenced_jobs": 1})
        except _Stopping:
            patiently(lambda: filejobs.hand_back(claimed))
        except AWAY:
            raise
        except Exception as error:
            code, message, final = filejobs.describe(error)
            log.log(
                logging.INFO if final else logging.ERROR, "job %s failed: %s", claimed.id, message,
                exc_info=not final,
            )  # fmt: skip
            presence.count({"failed_jobs": 1})
            patiently(lambda: filejobs.fail(claimed, code=code, message=message, final=final))
        else:
            kept = patiently(lambda: filejobs.finish(claimed))
            presence.count({"file_jobs": int(kept), "fenced_jobs": int(not kept)})


def _on_behalf_of(claimed: ClaimedJob) -> Actor:
    """Return who the audit names: the person who asked, through this worker."""
    if claimed.created_by_id is None:
        return actor(FILES)
    name = User.objects.filter(pk=claimed.created_by_id).values_list("username", flat=True).first()
    return Actor(id=claimed.created_by_id, name=name, source="worker") if name else actor(FILES)
