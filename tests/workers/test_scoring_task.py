"""The schedule's message reaches a worker, and what people decided is counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from annotation.models import MachineScore, ProjectQuality
from config.celery import app
from tests import services
from tests.annotation.test_scoring import hear
from tests.personas import make_cast
from workers.queues import CONTROL, SCORE_TASK


def test_a_worker_counts_what_was_decided(worker_process: Callable[..., services.Running]) -> None:
    cast = make_cast()
    hear(cast.project, "the cat sat", "the bat sat", author=cast.annotator)
    worker = worker_process(CONTROL)
    app.send_task(SCORE_TASK, queue=CONTROL, ignore_result=True)
    deadline = time.monotonic() + 60
    while not ProjectQuality.objects.filter(project=cast.project).exists():
        assert worker.alive, worker.output()
        assert time.monotonic() < deadline, worker.output()
        time.sleep(0.1)
    score = MachineScore.objects.get()
    assert (score.substitutions, score.words, score.profile) == (1, 3, "spoken-1")
