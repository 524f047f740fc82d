"""Cut a recording anew, around what people have done.

What a person has touched, locked or holds keeps its span and its text. The rest is cut again, from the
pauses that were found when the recording was prepared: no audio is read for it. The text of the new segments
is there at once, dealt from what was heard before; only what no model has heard is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from annotation import progress, storage
from annotation.doorbell import ring_on_commit
from annotation.errors import Conflict, Invalid
from annotation.models import Job, Recording, Segment, User
from annotation.permissions import require
from annotation.services import cuts, decodings, jobs, redealing
from annotation.services.clock import ClockTimestamp
from annotation.states import LIVE_JOBS, ChannelLayout, JobKind, Pass, RecordingState, Segmentation
from transcription.peaks import quietest_ms
from transcription.segmentation import Cutting
from transcription.types import ChannelSpan, Span

TARGET_MS: Final = (1_000, 30_000)
MAX_MS: Final = (2_000, 30_000)
"""The bounds that a project has for the same."""
TOLD_AT_ONCE: Final = 200
"""Segments named in one message to open pages."""


@dataclass(frozen=True, slots=True)
class Recut:
    """Count what came of it: segments retired, made, kept for a person, and windows to be decoded."""

    retired: int
    made: int
    kept: int
    queued: int


def resegment(
    *,
    user: User,
    recording: Recording,
    segmentation: str | None = None,
    target_ms: int | None = None,
    max_ms: int | None = None,
) -> Recut:
    """Cut what nobody has touched anew, in one transaction; by the recording's own rule unless told another.

    A save that comes at the same moment either is there first, and its segment stays, or is refused as
    `reshaped` with the segments that took the place; text is never lost. Raises Invalid, and Conflict
    `not_ready` while the recording is being prepared.
    """
    require(user, "settings", recording.project)
    _check(segmentation, target_ms, max_ms)
    if recording.state != RecordingState.READY:
        raise Conflict("A recording can be cut anew once it is prepared.", code="not_ready")
    cutting = cuts.cutting_for(recording, segmentation=segmentation, target_ms=target_ms, max_ms=max_ms)
    wanted = _cut(recording, cutting)
    with transaction.atomic():
        # One at a time; and not while a retry plans the windows.
        Recording.objects.select_for_update().get(pk=recording.pk)
        if segmentation:
            Recording.objects.filter(pk=recording.pk).update(
                segmentation=segmentation, updated_at=ClockTimestamp()
            )
        recut, made, retired = _replace(user, recording, wanted)
        _tell(user, recording, [s.pk for s in retired], [s.pk for s in made])
    jobs.refresh(Job.objects.filter(recording=recording, state__in=LIVE_JOBS).values_list("pk", flat=True))
    return recut


def _replace(
    user: User, recording: Recording, wanted: Sequence[ChannelSpan]
) -> tuple[Recut, list[Segment], list[Segment]]:
    mine = Segment.objects.filter(recording=recording)
    before = {segment.pk: segment for segment in cuts.hold(recording.pk)}
    wanted = cuts.around(wanted, cuts.places(cuts.kept(mine)))
    gone = set(cuts.retire(recording.pk, but=wanted))
    retired = sorted((before[pk] for pk in gone), key=lambda s: (s.channel, s.start_ms))
    # Whatever is there now stays: what was asked for already, and what a person has, or took this moment.
    there = list(mine.order_by("channel", "start_ms"))
    fresh = [
        Segment(
            project_id=recording.project_id,
            recording=recording,
            channel=place.channel,
            start_ms=place.span.start_ms,
            end_ms=place.span.end_ms,
            speaker=cuts.SPEAKERS.get(place.channel, ""),
        )
        for place in cuts.around(wanted, [redealing.place_of(segment) for segment in there])
    ]
    redealing.fill(fresh, retired)
    cuts.drop_decodings(recording.pk)
    asked = set(wanted)
    kept = [segment for segment in there if redealing.place_of(segment) not in asked]
    queued = _decode_the_rest(user, recording, [*there, *fresh], kept)
    return Recut(len(retired), len(fresh), len(kept), queued), fresh, retired


def _decode_the_rest(
    user: User, recording: Recording, segments: Sequence[Segment], kept: Sequence[Segment]
) -> int:
    """Queue what no model has heard yet; what a person has written needs none."""
    heard = redealing.heard_by(segments)
    for pass_name in Pass:
        heard[pass_name].update(redealing.place_of(segment) for segment in kept)
    job = Job.objects.filter(recording=recording, state__in=LIVE_JOBS).first()
    if job is None:
        if _all_heard(recording, segments, heard):
            return 0
        job = Job.objects.create(
            project=recording.project, recording=recording, kind=JobKind.TRANSCRIBE, created_by=user
        )
    queued = decodings.plan(job=job, recording=recording, heard=heard)
    ring_on_commit("draft")
    ring_on_commit("refine")
    return queued


def _all_heard(
    recording: Recording, segments: Sequence[Segment], heard: Mapping[Pass, set[ChannelSpan]]
) -> bool:
    passes = [Pass.DRAFT, *((Pass.REFINE,) if recording.project.refine_model else ())]
    return all(redealing.place_of(segment) in heard[name] for segment in segments for name in passes)


def _cut(recording: Recording, cutting: Cutting) -> list[ChannelSpan]:
    """Cut each channel that is heard, from the stored pauses."""
    peaks = storage.peaks_path(recording.pk)
    # Where nobody pauses, cut at the softest moment rather than in the middle of a vowel.
    softest = (lambda start, end: quietest_ms(peaks, start, end)) if peaks.is_file() else None
    made: list[ChannelSpan] = []
    for channel in (1, 2) if recording.channel_layout == ChannelLayout.APART else (0,):
        cutter = cutting.cutter(softest)
        pauses = [Span(s[0], s[1]) for s in recording.silences if (s[2] if len(s) > 2 else 0) == channel]
        spans = [*cutter.feed(pauses), *cutter.finish(recording.duration_ms or 0)]
        made += [ChannelSpan(channel, span) for span in spans]
    return made


def _check(segmentation: str | None, target_ms: int | None, max_ms: int | None) -> None:
    if segmentation and segmentation not in Segmentation.values:
        raise Invalid("Unknown segmentation.", segmentation=" or ".join(Segmentation.values))
    for name, value, (least, most) in (("target_ms", target_ms, TARGET_MS), ("max_ms", max_ms, MAX_MS)):
        if value is not None and not least <= value <= most:
            raise Invalid("Segments of that length cannot be made.", **{name: f"{least} to {most}"})
    if target_ms is not None and max_ms is not None and target_ms > max_ms:
        raise Invalid("Segments aim at a length they may not have.", target_ms=f"at most {max_ms}")


def _tell(user: User, recording: Recording, retired: Sequence[int], made: Sequence[int]) -> None:
    """Tell open pages what took the place of what, a few hundred at a time."""
    for at in range(0, max(len(retired), len(made)), TOLD_AT_ONCE):
        progress.publish_on_commit(
            recording.project_id,
            "segments.reshaped",
            {
                "recording": str(recording.pk),
                "retired": [str(pk) for pk in retired[at : at + TOLD_AT_ONCE]],
                "made": [str(pk) for pk in made[at : at + TOLD_AT_ONCE]],
                "by": user.get_username(),
            },
        )
