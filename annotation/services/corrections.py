"""Corrections as supervisors look at them: texts before and after, verdicts, and the list as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Max, OuterRef, QuerySet

from annotation.models import Correction, Hypothesis, Reading, Review, Revision, Segment
from annotation.states import OPEN_PAIRS
from transcription.formats.cells import escape

BATCH: Final = 500

COLUMNS: Final = (
    "time", "project", "recording", "segment_id", "start_ms", "end_ms", "annotator", "decision", "reason",
    "before", "after", "machine_text", "model", "wer", "substitutions", "deletions", "insertions", "words",
    "heard_share", "active_ms", "audio_ms", "checks", "overrode", "state", "locked", "verdict", "reviewer",
    "return_reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Detail:
    """Hold what belongs to one correction and is in other tables."""

    before: str
    after: str
    revision: int
    """The segment's revision that has the text `after`; 0 where none has."""
    blind: bool
    """Whether another person still reads the segment, who must not see the text; it is left out."""
    hypothesis: Hypothesis | None
    review: Review | None
    """The last verdict on its segment."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Name a segment, and the revision of it that a correction showed."""

    segment: Segment
    revision: int


def listed() -> QuerySet[Correction]:
    """Return corrections with the rows that a line of the list shows, to be filtered and ordered."""
    return Correction.objects.select_related("segment__recording", "project", "author", "undone_by")


def verdicts_after(**where: Any) -> QuerySet[Review]:
    """Return the verdicts on a correction's segment since it was made, to be used inside a query of them."""
    return Review.objects.filter(segment=OuterRef("segment"), created_at__gte=OuterRef("created_at"), **where)


def newest_of_each(rows: QuerySet[Correction], most: int) -> tuple[list[Seen], bool]:
    """Return the segments of some corrections, newest first, each as the newest of these shows it.

    At most `most` segments; the flag says whether there are more of them.
    """
    found: dict[int, Correction] = {}
    for page in _pages(rows.select_related(None)):
        for one in page:
            found.setdefault(one.segment_id, one)
        if len(found) > most:
            break
    chosen = list(found.values())[:most]
    revisions = {pk: detail.revision for pk, detail in details(chosen).items()}
    segments = Segment.everything.select_related("project", "recording", "locked_by").in_bulk(
        [one.segment_id for one in chosen]
    )
    return [Seen(segments[one.segment_id], revisions[one.pk]) for one in chosen], len(found) > most


def details(corrections: Sequence[Correction]) -> dict[int, Detail]:
    """Return what belongs to each correction, by its id; as many queries for one as for many."""
    segments = {one.segment_id for one in corrections}
    readings = _readings([one for one in corrections if not one.after])
    numbers: dict[int, tuple[int, int]] = {}
    for one in corrections:
        name, read = str(one.segment_id), readings.get(one.pk)
        if read is not None:
            numbers[one.pk] = (read.base_revision, read.pair.revision or 0)
        else:
            numbers[one.pk] = (one.before.get(name, {}).get("revision", 0), one.after.get(name, 0))
    wanted = {number for pair in numbers.values() for number in pair}
    texts = {
        (segment, number): text
        for segment, number, text in Revision.objects.filter(segment__in=segments, number__in=wanted)
        .order_by()
        .values_list("segment_id", "number", "text")
    }
    heard = {
        one.pk: one
        for one in Hypothesis.objects.filter(
            pk__in={one.hypothesis_id for one in corrections if one.hypothesis_id}
        ).only("text", "model", "pass_name")
    }
    verdicts = {
        review.segment_id: review
        for review in Review.objects.filter(segment__in=segments)
        .select_related("reviewer")
        .order_by("segment_id", "-pk")
        .distinct("segment_id")
    }
    found = {}
    for one in corrections:
        read = readings.get(one.pk)
        before, number = numbers[one.pk]
        after = texts.get((one.segment_id, number), "")
        blind = read is not None and read.pair.state in OPEN_PAIRS
        if read is not None and (blind or read.text != after):
            # Of the two texts the other one was taken, or none is yet.
            after, number = "" if blind else read.text, 0
        found[one.pk] = Detail(
            before=texts.get((one.segment_id, before), ""),
            after=after,
            revision=number,
            blind=blind,
            hypothesis=heard.get(one.hypothesis_id or 0),
            review=verdicts.get(one.segment_id),
        )
    return found


def _readings(corrections: Sequence[Correction]) -> dict[int, Reading]:
    """Return the readings that decisions left in place of a revision, by the decision's id.

    A reader may decide again until the second text is there; a reading is what their last decision left.
    """
    if not corrections:
        return {}
    segments = {one.segment_id for one in corrections}
    rows = Reading.objects.filter(segment__in=segments).select_related("pair")
    readings = {(one.segment_id, one.author_id): one for one in rows}
    last = set(
        Correction.objects.filter(segment__in=segments, after={})
        .values_list("segment", "author")
        .annotate(Max("pk"))
        .values_list("pk__max", flat=True)
    )
    return {
        one.pk: readings[one.segment_id, one.author_id]
        for one in corrections
        if one.pk in last and one.author_id is not None and (one.segment_id, one.author_id) in readings
    }


def effort(correction: Correction) -> float | None:
    """Return the time at work as a multiple of the audio's; None where it was not told."""
    if correction.active_ms is None or not correction.audio_ms:
        return None
    return correction.active_ms / correction.audio_ms


def as_csv(rows: QuerySet[Correction]) -> Iterator[bytes]:
    """Yield corrections, newest first, as CSV that no spreadsheet runs; in constant memory."""
    yield b"\xef\xbb\xbf" + _lines([COLUMNS])
    for page in _pages(rows):
        more = details(page)
        yield _lines([_row(one, more[one.pk]) for one in page])


def _pages(rows: QuerySet[Correction]) -> Iterator[list[Correction]]:
    """Yield corrections in batches, newest first."""
    page = list(rows.order_by("-pk")[:BATCH])
    while page:
        yield page
        page = list(rows.filter(pk__lt=page[-1].pk).order_by("-pk")[:BATCH]) if len(page) == BATCH else []


def _row(one: Correction, more: Detail) -> Sequence[Any]:
    segment, review = one.segment, more.review
    return (
        one.created_at.isoformat(),
        one.project.name,
        segment.recording.name,
        str(segment.pk),
        segment.start_ms,
        segment.end_ms,
        one.author.get_username() if one.author else "",
        one.kind,
        one.reason,
        more.before,
        more.after,
        more.hypothesis.text if more.hypothesis else "",
        more.hypothesis.model if more.hypothesis else "",
        one.wer,
        one.substitutions,
        one.deletions,
        one.insertions,
        one.reference_length,
        one.heard_share,
        one.active_ms,
        one.audio_ms,
        " ".join(one.checks),
        " ".join(one.overrode),
        segment.state,
        "true" if segment.locked else "false",
        review.verdict if review else "",
        review.reviewer.get_username() if review and review.reviewer else "",
        review.reason_code if review else "",
    )


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [escape(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return text.getvalue().encode("utf-8", "replace")
