"""A whole platform for measuring: real PostgreSQL and Redis, real worker processes, their cost and memory.

Import this module before anything of Django's: the environment it decides is a private home that is removed
in the end.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import psutil

from benchmarks.models import Models
from benchmarks.report import Cost
from benchmarks.speech import Spoken
from config import processes
from tests import services

if TYPE_CHECKING:
    from annotation.models import Job, Project, Recording, User

THREADS: Final = 1
"""Of every model, ours and others': the cores are shared, and one thread's seconds can be compared."""
CLOCK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some uploads: text by file, processor seconds by kind of process, and the wall."""

    texts: list[str]
    spent: dict[str, float]
    wall_s: float

    @property
    def cost(self) -> Cost:
        """Return the processor seconds of all processes together, and the wall seconds."""
        return Cost(sum(self.spent.values()), self.wall_s)


class Platform:
    """Run the servers for the time of a `with` block; workers are started and stopped as asked."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.extra = {
            "EARMARK_MODELS_DIR": str(models.models_dir),
            "EARMARK_MODEL_DOWNLOADS": "false",
            "EARMARK_INFERENCE_THREADS": str(THREADS),
            "EARMARK_DEVICE": "cpu",
        }
        self._servers = services.embedded()
        self._workers: dict[str, services.Running] = {}
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        os.environ.update(self.extra)
        try:
            self._servers.start()
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", database="owner", verbosity=0, interactive=False)
            from django.conf import settings

            settings.EARMARK.media_root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._workers):
            self._workers.pop(name).kill()
        with contextlib.suppress(Exception):
            from django.db import connections

            connections.close_all()
        self._servers.stop()
        for path in (services.PLACES.pg, services.PLACES.run, services.HOME):
            shutil.rmtree(path, ignore_errors=True)

    def start(self, queue: str, name: str = "", *, profile: Path | None = None) -> services.Running:
        """Start a worker for a queue as the site does; `profile` adds timers that write to that file."""
        name = name or queue
        usual = next(p for p in processes.WORKERS if p.name == f"worker-{queue.split(',')[0]}")
        pool = usual.command[usual.command.index("-P") + 1]
        command = processes.worker(f"{name.replace(',', '-')}-{next(self._numbers)}", queue, pool).command
        if profile is not None:
            command = ("benchmarks.profiled", str(profile), *command)
        log = services.HOME / f"{name.replace(',', '-')}.log"
        worker = services.Running(name, command, services.environment(**self.extra), log)
        self._workers[name] = worker
        worker.wait_output(" ready.")
        return worker

    def begin_anew(self) -> None:
        """Put every project away and stop the workers that decode: the next ones load what is then in use."""
        from annotation.models import Project
        from annotation.services.clock import ClockTimestamp

        Project.objects.filter(archived_at=None).update(archived_at=ClockTimestamp())
        self.stop(*(name for name in self._workers if name != "audio,control"))

    def stop(self, *names: str) -> None:
        """Stop workers by name."""
        leaving = [self._workers.pop(name) for name in names]
        for worker in leaving:
            worker.process.terminate()
        for worker in leaving:
            with contextlib.suppress(AssertionError):  # it did not stop in time and was killed
                worker.stop()

    def need(self, *queues: str) -> None:
        """See that there is one worker for each of `queues` and no other; those that run already stay."""
        self.stop(*(name for name in self._workers if name not in queues))
        for queue in queues:
            if queue not in self._workers:
                self.start(queue)

    def spent(self) -> dict[str, float]:
        """Return the processor seconds of every process so far, by worker and server, children included."""
        roots = {name: worker.pid for name, worker in self._workers.items()}
        for server in ("postgres", "redis"):
            pid = self._servers.pid(server)
            if pid is not None:
                roots[server] = pid
        return {name: _tree_cpu(pid) for name, pid in roots.items()}

    def peak_mb(self, name: str) -> float:
        """Return the most memory the processes of a worker had since `forget_peak`, the largest of them."""
        return max(_peak_kb(process.pid) for process in _tree(self._workers[name].pid)) / 1024

    def forget_peak(self, name: str) -> None:
        """Let the peak of a worker's memory begin anew from what it has now."""
        for process in _tree(self._workers[name].pid):
            with contextlib.suppress(OSError):
                Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")

    def team(self, draft: str, refine: str | None = None, **values: Any) -> tuple[Project, User]:
        """Make a project of its own for one run, with its manager."""
        from annotation.models import Membership
        from annotation.states import Role
        from tests.factories import make_project, make_user

        number = next(self._numbers)
        project = make_project(f"Run {number}", draft_model=draft, refine_model=refine, **values)
        manager = make_user(f"manager-{number}")
        Membership.objects.create(project=project, user=manager, role=Role.MANAGER)
        return project, manager

    def upload(self, project: Project, user: User, spoken: Spoken) -> tuple[Recording, Job]:
        """Bring one file in as an upload does."""
        from tests.workers.support import upload

        return upload(project, user, spoken.path)

    def transcribe(self, draft: str, files: Sequence[Spoken], **values: Any) -> Outcome:
        """Upload files to a new project, wait until their jobs are over, and return what came of them.

        The wall runs from the first upload to the last commit. All processes are counted: workers with their
        FFmpeg, PostgreSQL, Redis, and this one for as long as it uploads.
        """
        project, manager = self.team(draft, **values)
        before, began, own = self.spent(), time.perf_counter(), time.thread_time()
        recordings = [self.upload(project, manager, spoken)[0] for spoken in files]
        own = time.thread_time() - own
        self.wait_over(project, 60 + 10 * sum(spoken.duration_s for spoken in files))
        wall_s = time.perf_counter() - began
        after = self.spent()
        spent = {name: after[name] - before.get(name, 0.0) for name in after}
        return Outcome([text_of(r) for r in recordings], {**spent, "uploading": own}, wall_s)

    def wait_over(self, project: Project, seconds: float) -> None:
        """Wait until no job of a project lives; raise when one failed."""
        from annotation.models import Job
        from annotation.states import LIVE_JOBS, JobState
        from tests.workers.support import standing

        jobs = Job.objects.filter(project=project)
        self.wait(lambda: not jobs.filter(state__in=LIVE_JOBS).exists(), seconds, 5 * CLOCK_S, standing)
        if jobs.exclude(state=JobState.COMPLETED).exists():
            raise RuntimeError(f"work failed:\n{standing()}")

    def wait(self, done: Callable[[], bool], seconds: float, every_s: float, what: Callable[[], str]) -> None:
        """Wait until `done`; raise with `what` when a worker has died or the time is over."""
        deadline = time.monotonic() + seconds
        while not done():
            for worker in self._workers.values():
                if not worker.alive:
                    raise RuntimeError(f"{worker.name} died:\n{worker.output()[-3000:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"not over after {seconds:.0f} s:\n{what()}")
            time.sleep(every_s)


def text_of(recording: Recording) -> str:
    """Return the text of a recording: its segments' in order."""
    from annotation.models import Segment

    rows = Segment.objects.filter(recording=recording).order_by("start_ms")
    return " ".join(text for text in rows.values_list("text", flat=True) if text)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _tree_cpu(pid: int) -> float:
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _peak_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
