"""Answer the doorbells of the models: one loop over all passes that this worker listens to.

No transaction is open while a model works. Which pass rang does not matter: at each step whoever is next in
turn is served, so a refine that takes minutes of audio never keeps a draft waiting longer than one step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from annotation.doorbell import Bell
from annotation.doorbell import ring as ring_for
from annotation.services import decodings
from annotation.services.turns import ORDER
from annotation.states import Pass
from workers import shutdown
from workers.database import patiently
from workers.pipeline import Pipeline
from workers.process import me
from workers.shunned import shunned

PASS_ON_S: Final = 3.0
"""How long a doorbell rests with a worker that shuns what waits, before it rings for another one."""


def transcribe_waiting(pass_name: Pass, budget_s: float, ring: Callable[[], object]) -> bool:
    """Decode waiting windows until none is left, `budget_s` has passed or a stop is asked.

    Returns whether to ring again for `pass_name`: there may be more, for this worker or another. `ring` is
    called once when a batch of several windows was found, because then there may be enough for a colleague.
    Models that this worker could not load a moment ago are left to others.
    """
    passes = _passes(pass_name)
    deadline = time.monotonic() + budget_s
    rung: set[Pass] = set()

    def on_full(found: Pass) -> None:
        if found not in rung:
            rung.add(found)
            ring() if found == pass_name else ring_for(_bell(found))

    with Pipeline(passes, on_full) as pipeline:
        while not shutdown.asked():
            if not pipeline.step():
                break
            if time.monotonic() > deadline:
                _ring_for_others(pass_name, passes)
                return True
        else:
            return True
    return _is_for_others(passes)


def _passes(rung: Pass) -> tuple[Pass, ...]:
    """Return what this worker listens to, at least what rang."""
    return tuple(p for p in ORDER if p == rung or p.value in me.queues)


def _bell(pass_name: Pass) -> Bell:
    return "draft" if pass_name == Pass.DRAFT else "refine"


def _ring_for_others(rung: Pass, passes: Sequence[Pass]) -> None:
    for pass_name in passes:
        if pass_name != rung and patiently(lambda p=pass_name: decodings.is_waiting((p,))):  # type: ignore[misc]
            ring_for(_bell(pass_name))


def _is_for_others(passes: Sequence[Pass]) -> bool:
    """Tell whether what is left is shunned here; wait a little, as the bell may well come back to us."""
    if not shunned.names or not patiently(lambda: decodings.is_waiting(passes)):
        return False
    time.sleep(PASS_ON_S)
    return True
