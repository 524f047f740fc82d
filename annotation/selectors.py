"""Every read that is more than one lookup; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import (
    Count,
    F,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce, JSONObject

from annotation.clock import ClockTimestamp
from annotation.errors import Invalid
from annotation.estimates import eta_of
from annotation.models import (
    AuditEvent,
    Decoding,
    Hypothesis,
    Job,
    Lease,
    Project,
    Recording,
    Revision,
    Segment,
)
from annotation.permissions import Person, visible
from annotation.search.grams import with_name, with_text
from annotation.states import (
    FILE_JOBS,
    UNTOUCHED_SEGMENTS,
    DecodingState,
    JobState,
    Pass,
    RecordingState,
    SegmentState,
    Source,
)

#: Orders that a client may ask for; never a field name of its own choosing.
SEGMENT_ORDERS: Final[dict[str, tuple[Any, ...]]] = {
    "time": ("recording_id", "start_ms", "id"),
    "risk": (F("risk").desc(nulls_last=True), "id"),
}

#: How much of a job's progress its preparation stands for: about its share of the time.
PREPARING_SHARE: Final = 0.1


def projects_for(person: Person) -> QuerySet[Project]:
    """List the projects a person may see, with how much is in each."""
    recordings = (
        Recording.objects.filter(project=OuterRef("pk"), trashed_at=None).order_by().values("project")
    )
    segments = Segment.objects.filter(project=OuterRef("pk")).order_by().values("project")
    # Counted apart and taken off: counting all of them reads nothing but an index.
    thrown = segments.filter(recording__trashed_at__isnull=False)
    touched, thrown_touched = (rows.exclude(state__in=UNTOUCHED_SEGMENTS) for rows in (segments, thrown))
    return visible(Project.objects.filter(archived_at=None), person).annotate(
        recording_count=Coalesce(Subquery(recordings.annotate(n=Count("pk")).values("n")), 0),
        duration_total_ms=Coalesce(Subquery(recordings.annotate(n=Sum("duration_ms")).values("n")), 0),
        segment_count=_counted(segments) - _counted(thrown),
        corrected_count=_counted(touched) - _counted(thrown_touched),
    )


def _counted(rows: QuerySet[Any]) -> Coalesce:
    return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n")), 0)


def out_of_trash(rows: QuerySet[Any], project_id: int, path: str = "recording") -> QuerySet[Any]:
    """Leave out of a project's rows those of recordings in the trash; costs nothing where it is empty."""
    thrown = Recording.objects.filter(project=project_id, trashed_at__isnull=False)
    ids = list(thrown.values_list("pk", flat=True))
    return rows.exclude(**{f"{path}__in": ids}) if ids else rows


def trashed_in(project: Project) -> QuerySet[Recording]:
    """List the recordings in a project's trash; whoever asks has looked whether the person may."""
    rows = Recording.objects.select_related("project", "trashed_by")
    return rows.filter(project=project, trashed_at__isnull=False)


def recordings_for(
    person: Person, *, project: int | None = None, search: str = "", state: str = ""
) -> QuerySet[Recording]:
    """List recordings newest first, with counts of their segments and their latest job."""
    rows = visible(Recording.objects.select_related("project"), person)
    if project is not None:
        rows = rows.filter(project_id=project)
    if search:
        rows = with_name(rows, search)
    if state:
        if state not in RecordingState.values:
            raise Invalid("Unknown state.", state=" or ".join(RecordingState.values))
        rows = rows.filter(state=state)
    return with_counts(rows)


def with_counts(rows: QuerySet[Recording]) -> QuerySet[Recording]:
    """Annotate recordings with segment counts; prefetch `latest_jobs`."""
    segments = Segment.objects.filter(recording=OuterRef("pk")).order_by().values("recording")
    heard = segments.exclude(state=SegmentState.PENDING)
    touched = segments.exclude(state__in=UNTOUCHED_SEGMENTS)
    return rows.annotate(
        segment_count=Coalesce(Subquery(segments.annotate(n=Count("pk")).values("n")), 0),
        heard_count=Coalesce(Subquery(heard.annotate(n=Count("pk")).values("n")), 0),
        corrected_count=Coalesce(Subquery(touched.annotate(n=Count("pk")).values("n")), 0),
        locked_count=Coalesce(Subquery(segments.filter(locked=True).annotate(n=Count("pk")).values("n")), 0),
    ).prefetch_related(Prefetch("jobs", Job.objects.order_by("-id"), to_attr="latest_jobs"))


def segments_for(
    person: Person,
    *,
    project: int | None = None,
    recording: int | None = None,
    state: str = "",
    order: str = "time",
    search: str = "",
    words: bool = True,
) -> QuerySet[Segment]:
    """List segments with their live lease and hypotheses, by time or worst first."""
    rows = visible(Segment.objects.select_related("recording", "locked_by", "annotator"), person)
    if project is not None:
        rows = rows.filter(project_id=project)
    if recording is not None:
        rows = rows.filter(recording_id=recording)
    if state:
        if state not in SegmentState.values:
            raise Invalid("Unknown state.", state=" or ".join(SegmentState.values))
        rows = rows.filter(state=state)
    if search:
        rows = with_text(rows, search, [project] if project is not None else ())
    if order not in SEGMENT_ORDERS:
        raise Invalid("Unknown order.", order=" or ".join(SEGMENT_ORDERS))
    return with_details(rows, words=words).order_by(*SEGMENT_ORDERS[order])


def with_details(rows: QuerySet[Segment], *, words: bool = True) -> QuerySet[Segment]:
    """Annotate segments with `lease_holder`, `lease_until`, `lease_more` and `refined_at`; prefetch `heard`.

    `heard` is newest first; `lease_more` has the holder's id and names and the tab.

    Without `words` the hypotheses come without their words, which are most of their bytes.
    """
    live = Lease.objects.filter(segment=OuterRef("pk"), expires_at__gt=ClockTimestamp())
    refined = Revision.objects.filter(segment=OuterRef("pk"), source=Source.REFINE).order_by("-number")
    heard = Hypothesis.objects.order_by("-id")
    return rows.annotate(
        lease_holder=Subquery(live.values("holder__username")),
        lease_until=Subquery(live.values("expires_at")),
        lease_more=Subquery(
            live.values(
                more=JSONObject(
                    id="holder_id",
                    first="holder__first_name",
                    last="holder__last_name",
                    client="client",
                )
            )
        ),
        refined_at=Subquery(refined.values("created_at")[:1]),
    ).prefetch_related(
        Prefetch("hypotheses", heard if words else heard.defer("words", "signals"), to_attr="heard")
    )


def suggestion_of(segment: Any) -> Hypothesis | None:
    """Return what a better model heard and was not let write into the text; `segment` from `with_details`.

    A hypothesis that became text was stored in the same transaction as its revision, at the same moment.
    """
    newest = next((heard for heard in segment.heard if heard.pass_name == Pass.REFINE), None)
    if newest is None or newest.text == segment.text:
        return None
    if segment.refined_at is not None and newest.created_at <= segment.refined_at:
        return None
    found: Hypothesis = newest
    return found


def machine_of(segment: Segment) -> Hypothesis | None:
    """Return what the best pass heard, the newest of them; None while no machine has heard the segment."""
    heard = getattr(segment, "heard", None)
    if heard is None:
        heard = list(Hypothesis.objects.filter(segment=segment).defer("words", "signals").order_by("-id"))
    best: Hypothesis | None = next(
        (one for one in heard if one.pass_name == Pass.REFINE), heard[0] if heard else None
    )
    return best


def machine_text_of(segment: Segment) -> str | None:
    """Return the text of what the best pass heard; None while no machine has heard the segment."""
    best = machine_of(segment)
    return best.text if best is not None else None


def history_of(segment: Segment) -> QuerySet[Revision]:
    """List every version of a segment's text, newest first, with its author."""
    return Revision.objects.filter(segment=segment).select_related("author").order_by("-number")


def audit_of(segment: Segment) -> QuerySet[AuditEvent]:
    """List every audited change of a segment and its revisions, newest first."""
    return AuditEvent.objects.filter(segment_id=segment.pk).order_by("-id")


def jobs_for(person: Person, *, project: int | None = None, state: str = "") -> QuerySet[Job]:
    """List jobs, newest first."""
    rows = visible(Job.objects.select_related("recording", "created_by"), person)
    if project is not None:
        rows = rows.filter(project_id=project)
    if state:
        if state not in JobState.values:
            raise Invalid("Unknown state.", state=" or ".join(JobState.values))
        rows = rows.filter(state=state)
    return rows.order_by("-id")


def progress_of(job: Job) -> float:
    """Return the share of a job that is done, 0 to 1: preparing is the first tenth, models are the rest."""
    if job.state == JobState.COMPLETED:
        return 1.0
    if job.kind in FILE_JOBS:
        return round(job.processed_items / job.total_items, 4) if job.total_items else 0.0
    if job.total_items:
        return round(PREPARING_SHARE + (1 - PREPARING_SHARE) * job.processed_items / job.total_items, 4)
    if job.recording is None or job.state == JobState.PENDING:
        return 0.0
    return round(PREPARING_SHARE * job.recording.prepared_percent / 100, 4)


def eta_s(job: Job) -> int | None:
    """Estimate the seconds a running job still needs; None before there is a pace. See `estimates`."""
    found = eta_of(job)
    return found.done_s if found is not None else None


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Count what waits and what runs in one queue."""

    queue: str
    waiting: int
    running: int
    oldest: datetime | None


def queue_depths() -> list[QueueDepth]:
    """Count the work in each queue from PostgreSQL, for the metrics and the ops page."""
    depths = []
    audio = Recording.objects.aggregate(
        waiting=Count("pk", filter=Q(state=RecordingState.STORED)),
        running=Count("pk", filter=Q(state=RecordingState.PREPARING)),
        oldest=Min("created_at", filter=Q(state=RecordingState.STORED)),
    )
    depths.append(QueueDepth("audio", audio["waiting"], audio["running"], audio["oldest"]))
    rows = {
        row["pass_name"]: row
        for row in Decoding.objects.filter(state__in=(DecodingState.QUEUED, DecodingState.RUNNING))
        .values("pass_name")
        .annotate(
            waiting=Count("pk", filter=Q(state=DecodingState.QUEUED)),
            running=Count("pk", filter=Q(state=DecodingState.RUNNING)),
            oldest=Min("created_at", filter=Q(state=DecodingState.QUEUED)),
        )
    }
    for name in ("draft", "refine"):
        row = rows.get(name)
        depths.append(
            QueueDepth(name, row["waiting"], row["running"], row["oldest"])
            if row
            else QueueDepth(name, 0, 0, None)
        )
    return depths
