"""Watch transcription from a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection
from django.db.models import QuerySet

from annotation import estimates, presence
from annotation.management.shell import find_project
from annotation.models import Job
from annotation.selectors import eta_s
from annotation.states import LIVE_JOBS, JobState

LOOK_EVERY_S: Final = 0.5
PLAIN_EVERY_S: Final = 5.0
"""How often a line is written where nobody watches a terminal."""
NOBODY_S: Final = 10.0
"""A site that has just started needs a few seconds until its workers say that they are there."""
BAR: Final = 24
ROWS: Final = 12


class Command(BaseCommand):
    """Show how far jobs are until they are over."""

    help = "Show how far the jobs of a project (or of all) are, until they are over or the time is up."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--project", help="name or id; all projects when left out")
        parser.add_argument(
            "--timeout", type=float, default=0.0, help="seconds to wait at most (0: no limit)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Redraw until no job is live. Ends with an error where a job failed or the time was up."""
        rows = Job.objects.select_related("recording").order_by("pk")
        if options["project"]:
            rows = rows.filter(project=find_project(options["project"]))
        watched = set(rows.filter(state__in=LIVE_JOBS).values_list("pk", flat=True))
        if not watched:
            self.stdout.write("No job is waiting or running.")
            return
        drawing = Drawing(self.stdout)
        began = time.monotonic()
        while True:
            jobs = _read(rows.filter(pk__in=watched))
            waited = time.monotonic() - began
            if jobs is not None:
                over = all(job.state not in LIVE_JOBS for job in jobs)
                drawing.show(jobs, _trouble(waited) if not over else "", last=over)
                if over:
                    break
            if options["timeout"] and waited > options["timeout"]:
                raise CommandError(f"Not over after {options['timeout']:.0f} s; the work goes on meanwhile.")
            time.sleep(LOOK_EVERY_S)
        failed = [job for job in jobs if job.state == JobState.FAILED]
        for job in failed:
            self.stderr.write(f"{_name(job)}: {job.error}")
        if failed:
            raise CommandError(f"{len(failed)} of {len(jobs)} jobs failed.")


class Drawing:
    """Draw bars over each other on a terminal, or write a line now and then to anything else."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._live = bool(sys.stdout.isatty())
        self._drawn = 0
        self._said = ""
        self._said_at = 0.0

    def show(self, jobs: list[Job], trouble: str, *, last: bool) -> None:
        """Show where the jobs stand now."""
        if self._live:
            self._redraw(jobs, trouble)
            return
        line = _summary(jobs) + (f" - {trouble}" if trouble else "")
        now = time.monotonic()
        if line != self._said and (last or now - self._said_at >= PLAIN_EVERY_S):
            self._out.write(line)
            self._said, self._said_at = line, now

    def _redraw(self, jobs: list[Job], trouble: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        shown = [job for job in jobs if job.state in LIVE_JOBS][:ROWS] if len(jobs) > ROWS else jobs
        lines = [bar(job) for job in shown]
        if len(jobs) > len(shown):
            lines.append(_summary(jobs))
        if trouble:
            lines.append(trouble)
        back = f"\x1b[{self._drawn}F\x1b[J" if self._drawn else ""
        self._out.write(back + "\n".join(line[:width] for line in lines))
        self._out.flush()
        self._drawn = len(lines)


def bar(job: Job) -> str:
    """Draw one job in a line: name, bar, phase and what is left."""
    recording = job.recording
    if job.phase == "preparing" and recording is not None:
        share, count = recording.prepared_percent / 100, f"{recording.prepared_percent} %"
    elif job.total_items:
        share, count = job.processed_items / job.total_items, f"{job.processed_items}/{job.total_items}"
    else:
        share, count = float(job.state == JobState.COMPLETED), ""
    full = round(share * BAR)
    left = eta_s(job)
    words = [count, job.phase or job.state, f"about {left} s left" if left is not None else ""]
    return f"{_name(job):<28.28} {'█' * full}{'·' * (BAR - full)} " + " ".join(word for word in words if word)


def _summary(jobs: list[Job]) -> str:
    over = sum(job.state not in LIVE_JOBS for job in jobs)
    done, total = sum(j.processed_items for j in jobs), sum(j.total_items for j in jobs)
    return f"{over} of {len(jobs)} recordings transcribed, {done} of {total} windows decoded"


def _trouble(waited: float) -> str:
    """Say why nothing may be happening."""
    workers = presence.alive()
    if workers == [] and waited > NOBODY_S:
        return "No worker is running: start the site with `make up`."
    troubled = [worker for worker in workers or [] if worker.trouble]
    if troubled:
        return f"{troubled[0].name}: {troubled[0].trouble}"
    downloads = [worker.doing for worker in workers or [] if worker.doing.startswith("downloads ")]
    return downloads[0] if downloads else ""


def _read(jobs: QuerySet[Job]) -> list[Job] | None:
    try:
        found = list(jobs)
        estimates.remember(found)
    except (OperationalError, InterfaceError):
        connection.close()  # a restart of PostgreSQL; the bars stand still meanwhile
        return None
    return found


def _name(job: Job) -> str:
    return job.recording.name if job.recording is not None else f"job {job.pk}"
