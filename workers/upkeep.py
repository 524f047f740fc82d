"""Look after a process that holds models: load them ahead, unload idle ones, start anew when it has grown.

Beside the work, never in its way: from the heart's thread and one that loads.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from typing import Final, Protocol

from annotation.conf import conf
from annotation.services.models import models_in_use
from annotation.states import Pass
from transcription.errors import EngineError
from workers import memory, shutdown
from workers.database import AWAY, close_connections, first_line
from workers.engines import engines, give_memory_back
from workers.queues import DRAFT, REFINE
from workers.shunned import shunned

log = logging.getLogger(__name__)

YOUNG_S: Final = 120.0
"""A process is not ended for its size before this: with a limit too low it would never get to work."""


class Process(Protocol):
    """What upkeep has to know of the process it looks after."""

    queues: tuple[str, ...]
    doing: str
    trouble: str
    born: float
    forks: bool


def load_ahead(me: Process) -> threading.Thread | None:
    """Load the models that this worker's queues will want, in a thread, so that a doorbell can be answered.

    Called in the process that decodes, after any fork. Returns the thread; None where no queue has models.
    """
    passes = [Pass(queue) for queue in (DRAFT, REFINE) if queue in me.queues]
    if not passes:
        return None
    thread = threading.Thread(target=_load, args=(me, passes), name="loader", daemon=True)
    thread.start()
    return thread


def _load(me: Process, passes: Sequence[Pass]) -> None:
    try:
        wanted = models_in_use(passes)
    except AWAY as error:
        log.warning("no model is loaded ahead: PostgreSQL does not answer (%s)", first_line(error))
        return
    except Exception:
        log.exception("no model is loaded ahead")
        return
    finally:
        close_connections()
    log.info("models of the projects: %s", ", ".join(wanted) or "none")
    for model in wanted:
        try:
            if shutdown.asked() or not engines.preload(model):
                return
        except EngineError as error:
            log.warning("model %s is left to other workers: %s", model, error)
            shunned.add(model, error.message)
            me.trouble = shunned.trouble
        except Exception:
            log.exception("model %s is not loaded ahead", model)


def look_after(me: Process) -> None:
    """Unload what nobody has used for long; end a process that has grown beyond its limit, to start anew."""
    if idle_s := conf().idle_unload_s:
        engines.unload_idle(idle_s, busy=bool(me.doing))
    limit = memory.limit_bytes(conf().worker_memory_mb)
    if memory.resident() <= limit or shutdown.asked() or time.monotonic() - me.born < YOUNG_S:
        return
    give_memory_back()
    if (held := memory.resident()) > limit and not me.forks:
        log.warning(
            "this worker holds %d MiB, more than %d: it hands back what it has not begun and starts anew",
            held >> 20,
            limit >> 20,
        )
        start_anew()


def start_anew() -> None:
    """End this process between two steps, as a stop would; whoever keeps it running starts it again."""
    shutdown.ask()
    os.kill(os.getpid(), signal.SIGTERM)
