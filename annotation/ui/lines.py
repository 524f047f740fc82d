"""One recording in a line: what state it is in, how far each pass is, and what to do about trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q

from annotation.models import Decoding, Job
from annotation.states import LIVE_JOBS, RETRIABLE_JOBS, DecodingState, JobState, Pass, RecordingState

#: What to do about a cause, where the cause alone does not say it.
NEXT_STEPS: Final = {
    "no_audio_track": "Export it again with its audio track and upload the new file.",
    "unsupported_format": "Convert it to WAV, FLAC, MP3 or M4A and upload that.",
    "not_media": "Check that it is the recording you meant, and export it again.",
    "no_audio_decoded": "Play it on your machine; if that fails too, export it again.",
    "impossible_header": "Export it again from the program that made it.",
    "too_long": "Cut it into shorter files and upload those.",
    "decode_timeout": "Retry once; if it fails again, convert it to WAV first.",
    "decoder_killed": "Retry once; if it fails again, convert it to WAV first.",
    "hub_unreachable": "Retry when the network is back, or ask the administrator to put the model in place.",
    "unknown_model": "Correct the model's name in the project's settings, then retry.",
    "out_of_memory": "Choose a smaller model in the project's settings, then retry.",
}


@dataclass(frozen=True, slots=True)
class PassProgress:
    """Count the windows of one pass."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        """Return how much is done; 100 only when all is."""
        if not self.total:
            return 0
        return 100 if self.done >= self.total else min(99, 100 * self.done // self.total)


@dataclass(frozen=True, slots=True)
class Line:
    """Hold what a page says about one recording."""

    recording: Any
    job: Job | None
    draft: PassProgress
    refine: PassProgress

    @property
    def live(self) -> bool:
        """Tell whether something is still being done to it."""
        return self.job is not None and self.job.state in LIVE_JOBS

    @property
    def retriable(self) -> bool:
        """Tell whether a person may ask to run it again."""
        return self.job is not None and self.job.state in RETRIABLE_JOBS

    @property
    def kind(self) -> str:
        """Return the class of its state mark: waiting, working, done, failed or cancelled."""
        job = self.job
        if self.recording.state == RecordingState.REJECTED or (job and job.state == JobState.FAILED):
            return "failed"
        if job is None:
            return "done" if self.recording.state == RecordingState.READY else "waiting"
        return {
            JobState.PENDING: "waiting",
            JobState.RUNNING: "working",
            JobState.COMPLETED: "done",
            JobState.CANCELLED: "cancelled",
        }.get(JobState(job.state), "waiting")

    @property
    def words(self) -> str:
        """Say its state in words."""
        job = self.job
        if self.recording.state == RecordingState.REJECTED:
            return "Rejected"
        if job is None:
            return "Ready" if self.recording.state == RecordingState.READY else "Waiting"
        if job.state == JobState.RUNNING:
            return {
                "preparing": "Preparing audio",
                "downloading": "Fetching model",
                "draft": "First draft",
                "refine": "Refining",
            }.get(job.phase, "Working")
        return {
            JobState.PENDING: "Waiting",
            JobState.COMPLETED: "Transcribed",
            JobState.FAILED: "Failed",
            JobState.CANCELLED: "Cancelled",
        }[JobState(job.state)]

    @property
    def percent(self) -> int | None:
        """Return how far the present phase is, None when nothing runs."""
        job = self.job
        if job is None or job.state != JobState.RUNNING:
            return None
        if self.recording.state != RecordingState.READY:
            return int(self.recording.prepared_percent)
        if job.phase == "refine":
            return self.refine.percent
        return self.draft.percent

    @property
    def cause(self) -> str:
        """Say why it failed, or what keeps it from going on."""
        if self.recording.state == RecordingState.REJECTED:
            return str(self.recording.cause)
        told = (JobState.FAILED, *LIVE_JOBS)
        return self.job.error if self.job is not None and self.job.state in told else ""

    @property
    def next_step(self) -> str:
        """Say what to do about it."""
        if not self.cause:
            return ""
        code = self.recording.cause_code or (self.job.error_code if self.job else "")
        return NEXT_STEPS.get(code, "")


def of(recordings: Sequence[Any]) -> list[Line]:
    """Return the lines of recordings that `selectors.with_counts` made; one more query for all of them."""
    newest = {r.pk: (r.latest_jobs[0] if r.latest_jobs else None) for r in recordings}
    wanted = [job.pk for job in newest.values() if job is not None]
    counted: dict[tuple[int, str], PassProgress] = {}
    if wanted:
        grouped = (
            Decoding.objects.filter(job__in=wanted)
            .exclude(state=DecodingState.CANCELLED)
            .order_by()
            .values("job", "pass_name")
            .annotate(
                total=Count("pk"),
                done=Count("pk", filter=Q(state__in=(DecodingState.DONE, DecodingState.FAILED))),
            )
        )
        for row in grouped:
            counted[row["job"], row["pass_name"]] = PassProgress(row["done"], row["total"])
    nothing = PassProgress(0, 0)

    def line(recording: Any) -> Line:
        job = newest[recording.pk]
        key = job.pk if job else 0
        return Line(
            recording,
            job,
            counted.get((key, Pass.DRAFT), nothing),
            counted.get((key, Pass.REFINE), nothing),
        )

    return [line(recording) for recording in recordings]
