"""The schedule's message reaches a worker, and what people decided is counted."""

from __future__ import annotations

from collections.abc import Callable

from annotation.models import MachineScore, ProjectQuality
from config.celery import app
from tests import services
from tests.annotation.test_scoring import hear
from tests.personas import make_cast
from tests.waiting import until
from workers.queues import CONTROL, SCORE_TASK


def test_a_worker_counts_what_was_decided(worker_process: Callable[..., services.Running]) -> None:
    cast = make_cast()
    hear(cast.project, "the cat sat", "the bat sat", author=cast.annotator)
    worker = worker_process(CONTROL)
    app.send_task(SCORE_TASK, queue=CONTROL, ignore_result=True)
    until(ProjectQuality.objects.filter(project=cast.project).exists, worker.output)
    score = MachineScore.objects.get()
    assert (score.substitutions, score.words, score.profile) == (1, 3, "spoken-1")
