"""Corrections as supervisors look at them: texts before and after, verdicts, samples, and the list as CSV."""

from __future__ import annotations

import csv
import io
import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import Func, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from annotation.errors import Invalid
from annotation.models import AuditSample, Correction, Hypothesis, Review, Revision, SampledDecision, User
from annotation.services.exports import escape

BATCH: Final = 500
Z: Final = 1.96
"""Of a 95 % interval."""
MARGINS: Final = (0.01, 0.2)
"""Least and most that may be asked for; one per cent takes up to 9,604 rows."""
SEEDS: Final = 2**31

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
    hypothesis: Hypothesis | None
    review: Review | None
    """The last verdict on its segment."""


def listed() -> QuerySet[Correction]:
    """Return corrections with the rows that a line of the list shows, to be filtered and ordered."""
    return Correction.objects.select_related("segment__recording", "project", "author", "undone_by")


def details(corrections: Sequence[Correction]) -> dict[int, Detail]:
    """Return what belongs to each correction, by its id; three queries however many there are."""
    segments = {one.segment_id for one in corrections}
    numbers: dict[int, tuple[int, int]] = {}
    for one in corrections:
        name = str(one.segment_id)
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
        before, after = numbers[one.pk]
        found[one.pk] = Detail(
            before=texts.get((one.segment_id, before), ""),
            after=texts.get((one.segment_id, after), ""),
            hypothesis=heard.get(one.hypothesis_id or 0),
            review=verdicts.get(one.segment_id),
        )
    return found


def effort(correction: Correction) -> float | None:
    """Return the time at work as a multiple of the audio's; None where it was not told."""
    if correction.active_ms is None or not correction.audio_ms:
        return None
    return correction.active_ms / correction.audio_ms


def sample_size(population: int, margin: float) -> int:
    """Return how many of `population` rows tell a share to ± `margin` in 95 of 100 samples, at worst.

    Cochran's formula with the correction for finite populations: 384 of very many for five per cent.
    """
    low, high = MARGINS
    if not low <= margin <= high:
        raise Invalid(f"The margin lies between {low:.0%} and {high:.0%}.", margin=f"{low} to {high}")
    if population < 1:
        return 0
    endless = Z**2 * 0.25 / margin**2
    return min(population, math.ceil(endless / (1 + (endless - 1) / population)))


def draw(
    *,
    user: User,
    among: QuerySet[Correction],
    margin: float = 0.05,
    filters: str = "",
    seed: int | None = None,
) -> AuditSample:
    """Draw a random sample of corrections, large enough for ± `margin`, and keep it.

    The rows are those whose md5 of `seed:id` is smallest, so that anybody can draw the same again.
    """
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    with transaction.atomic():
        rows = among.order_by()
        population = rows.count()
        size = sample_size(population, margin)
        if not size:
            raise Invalid("There is nothing to draw from.", filters="at least one correction")
        lot = Func(Concat(Value(f"{chosen}:"), Cast("pk", TextField())), function="md5")
        drawn = list(rows.order_by(lot, "pk").values_list("pk", flat=True)[:size])
        sample = AuditSample.objects.create(
            drawn_by=user,
            filters=filters[:1000],
            seed=chosen,
            margin=margin,
            population=population,
            size=size,
        )
        SampledDecision.objects.bulk_create(
            [SampledDecision(sample=sample, decision_id=pk) for pk in drawn], batch_size=1000
        )
    return sample


def as_csv(rows: QuerySet[Correction]) -> Iterator[bytes]:
    """Yield corrections, newest first, as CSV that no spreadsheet runs; in constant memory."""
    yield b"\xef\xbb\xbf" + _lines([COLUMNS])
    last: int | None = None
    while True:
        page = list((rows if last is None else rows.filter(pk__lt=last)).order_by("-pk")[:BATCH])
        if page:
            more = details(page)
            yield _lines([_row(one, more[one.pk]) for one in page])
        if len(page) < BATCH:
            return
        last = page[-1].pk


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
