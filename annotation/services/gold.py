"""Gold: write down what is truly said in rows nobody has decided about; `services.sampling` scores by it."""

from __future__ import annotations

from django.db import transaction

from annotation.errors import Conflict, NotFound
from annotation.models import Gold, Project, Reading, Segment, User
from annotation.permissions import require
from annotation.services.clock import ClockTimestamp
from annotation.services.segments import clean_text
from annotation.states import OPEN_SEGMENTS, UNTOUCHED_SEGMENTS


def make_gold(*, user: User, segment: Segment, text: object) -> Gold:
    """Write down what is truly said in a segment that nobody has decided about.

    Raises Conflict where somebody has, or has read it blind, or where it is gold already.
    """
    require(user, "review", segment.project)
    cleaned = clean_text(text)
    with transaction.atomic():
        row = Segment.objects.select_for_update(no_key=True).filter(pk=segment.pk).first()
        if row is None or row.state not in UNTOUCHED_SEGMENTS or row.locked:
            raise Conflict(
                "Somebody has decided about this segment; gold is made of rows nobody has seen.",
                code="decided",
            )
        if Reading.objects.filter(segment=row).exists():
            raise Conflict(
                "Somebody has read this segment already, blind; gold is made of rows nobody has seen.",
                code="decided",
            )
        gold, made = Gold.objects.get_or_create(
            segment=segment,
            defaults={"project_id": segment.project_id, "text": cleaned, "author": user},
        )
        if not made:
            # Withdrawn, and nobody was scored by it: it may be written anew.
            again = Gold.objects.filter(pk=gold.pk, withdrawn_at__isnull=False, scores=None)
            if not again.update(withdrawn_at=None, text=cleaned, author=user):
                raise Conflict("It is gold already.", code="gold_already")
    gold.refresh_from_db()
    return gold


def withdraw_gold(*, user: User, gold: Gold) -> None:
    """Score nobody by this row any more; what was scored stays."""
    require(user, "review", gold.project)
    if not Gold.objects.filter(pk=gold.pk, withdrawn_at=None).update(withdrawn_at=ClockTimestamp()):
        raise NotFound("It is no gold any more.")


def candidate(*, user: User, project: Project, seen: list[int]) -> Segment | None:
    """Return a row at random that could be made gold, none of `seen`; nobody is told and nothing is leased.

    Each is as likely as any other, whatever its risk: gold is to be like what people meet.
    """
    require(user, "review", project)
    rows = Segment.objects.filter(
        project=project,
        state__in=OPEN_SEGMENTS,
        locked=False,
        gold=None,
        pair=None,
        recording__trashed_at=None,
    )
    return rows.exclude(pk__in=seen).order_by("?").first()
