"""Ring for workers: a Celery message that carries no work, only the name of a queue.

Losing one costs time and nothing else, because the rows it announces stay in PostgreSQL and the
reconciler rings again. So ringing never raises and never waits long.
"""

from __future__ import annotations

import logging
from typing import Final, Literal

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from annotation import progress

log = logging.getLogger(__name__)

Bell = Literal["audio", "draft", "refine", "files"]

#: The task behind each bell. Names, not imports: annotation does not know the workers.
TASKS: Final[dict[Bell, str]] = {
    "audio": "workers.prepare",
    "draft": "workers.draft",
    "refine": "workers.refine",
    "files": "workers.files",
}

#: A queue with so many doorbells wakes everybody who could come; more would only pile up.
ENOUGH_BELLS: Final = 64


def ring(bell: Bell) -> bool:
    """Announce that there may be work; return False when the broker could not be reached."""
    try:
        if progress.client().llen(bell) >= ENOUGH_BELLS:
            return True
        current_app.send_task(TASKS[bell], queue=bell, ignore_result=True, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("doorbell %s not heard (%s); the reconciler will ring again", bell, error)
        return False
    return True


def ring_on_commit(bell: Bell) -> None:
    """Ring once the present transaction is committed, or at once outside one."""
    transaction.on_commit(lambda: ring(bell), robust=True)
