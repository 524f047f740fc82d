"""Write down what became of claimed windows: heard, failed, or left to a healthier worker."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from django.db import DatabaseError

from annotation import presence
from annotation.conf import conf
from annotation.services import decodings
from annotation.services.decodings import Batch, Claimed, Result
from workers.batches import NOT_YET, Failure
from workers.database import AWAY, first_line, patiently
from workers.process import me
from workers.shunned import shunned

log = logging.getLogger(__name__)

DEVICE_LOST: Final = "device_unavailable"
LOST_OFTEN: Final = 10
"""Claims of a window from which on a lost device counts as its attempt: it may be what breaks the device."""
NOT_YET_S: Final = 2.0
"""How long a window waits whose audio is still being decoded."""


def store(results: Sequence[Result]) -> None:
    """Store results; when the database refuses them, one by one, so that one bad text costs no other."""
    if not results:
        return
    try:
        stored = patiently(lambda: decodings.store(results))
    except AWAY:
        raise
    except DatabaseError as error:
        if len(results) > 1:
            for result in results:
                store([result])
            return
        log.exception("result not stored")
        fail(
            [results[0].claimed],
            Failure("not_stored", f"The result could not be stored: {first_line(error)}"),
        )
        return
    if stored.fenced:
        log.warning("%d results came too late or were cancelled; refused", stored.fenced)
    presence.count({"windows_done": stored.accepted, "windows_fenced": stored.fenced})


def fail(claims: Sequence[Claimed], failure: Failure, *, delay_s: float | None = None) -> None:
    """Put failed windows back for another attempt, or give them up; those that came too soon just wait."""
    mine = tuple(claims)
    code, cause, final = failure.code, failure.cause, failure.final
    if code == NOT_YET:
        patiently(lambda: decodings.put_back(mine, code=code, cause=cause, delay_s=NOT_YET_S))
        return
    if code == DEVICE_LOST:
        spared = tuple(claimed for claimed in mine if claimed.claim < LOST_OFTEN)
        if spared:
            presence.count({"windows_put_back": len(spared)})
            rest_s = float(conf().retry_delay_s)
            patiently(lambda: decodings.put_back(spared, code=code, cause=cause, delay_s=rest_s))
        mine = tuple(claimed for claimed in mine if claimed not in spared)
        if not mine:
            return
    presence.count({"windows_failed": len(mine)})
    patiently(lambda: decodings.fail(mine, code=code, cause=cause, final=final, delay_s=delay_s))


def leave_to_others(batch: Batch, failure: Failure) -> None:
    """Put a batch back for a healthy worker, and shun its model: the machine is at fault, not the windows."""
    shunned.add(batch.model, failure.cause)
    me.trouble = shunned.trouble
    presence.count({"windows_put_back": len(batch.decodings)})
    code, cause, delay_s = failure.code, failure.cause, float(conf().retry_delay_s)
    patiently(lambda: decodings.put_back(batch.decodings, code=code, cause=cause, delay_s=delay_s))
