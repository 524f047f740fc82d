"""Filters of the corrections: who, where, how far the machine was off, and what is worth a second look."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.http import HttpRequest

from annotation.admin.dates import others
from annotation.models import (
    AuditEvent,
    AuditSample,
    Correction,
    GoldScore,
    Membership,
    Project,
    Review,
    User,
)
from annotation.models.work import FAST_BELOW, HEARD_DECISIONS, UNHEARD_BELOW
from annotation.services.corrections import verdicts_after
from annotation.states import DecisionKind, Role, SegmentState, Verdict

MOST_OFFERED: Final = 200
"""Projects or people in one filter; any other is found by its id in the address."""

Rows = QuerySet[Correction]


class ById(admin.SimpleListFilter, ABC):
    """Offer rows of a small table, and take any id."""

    field: ClassVar[str] = ""

    @abstractmethod
    def offered(self) -> list[tuple[str, str]]:
        """Return what is offered, as (id, name)."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return what is offered."""
        return self.offered()

    def has_output(self) -> bool:
        """Filter by an id that was given, also where nothing is offered."""
        return bool(self.lookup_choices) or self.value() is not None

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Keep what belongs to the chosen one; what is no id leaves nothing."""
        value = self.value()
        if value is None:
            return queryset
        # No longer than an id can be: turning a longer number into one would fail.
        known = value.isascii() and value.isdecimal() and len(value) < 19
        return self.narrow(queryset, int(value)) if known else queryset.none()

    def narrow(self, rows: Rows, pk: int) -> Rows:
        """Keep the rows of one id."""
        return rows.filter(**{self.field: pk})


class ByProject(ById):
    """In which project."""

    title, parameter_name, field = "project", "project", "project_id"

    def offered(self) -> list[tuple[str, str]]:
        """Return the projects."""
        rows = Project.objects.order_by("name").values_list("pk", "name")[:MOST_OFFERED]
        return [(str(pk), name) for pk, name in rows]


def _people(*where: QuerySet[Any]) -> list[tuple[str, str]]:
    """Return those of whom one of the queries finds something."""
    found = reduce(or_, (Q(Exists(rows)) for rows in where))
    rows = User.objects.filter(found).order_by("username").values_list("pk", "username")
    return [(str(pk), name) for pk, name in rows[:MOST_OFFERED]]


ME: Final = OuterRef("pk")


class ByAnnotator(ById):
    """Who decided."""

    title, parameter_name, field = "annotator", "annotator", "author_id"

    def offered(self) -> list[tuple[str, str]]:
        """Return the members of any project, and whoever else decided something."""
        return _people(Membership.objects.filter(user=ME), Correction.objects.filter(author=ME))


class ByReviewer(ById):
    """Who gave a verdict on the segment afterwards."""

    title, parameter_name = "reviewer", "reviewer"

    def offered(self) -> list[tuple[str, str]]:
        """Return those who may review somewhere, and whoever else did, as supervisors do."""
        may = Membership.objects.filter(user=ME, role__in=(Role.REVIEWER, Role.MANAGER))
        return _people(may, Review.objects.filter(reviewer=ME))

    def narrow(self, rows: Rows, pk: int) -> Rows:
        """Keep corrections that this person judged."""
        return rows.filter(Exists(verdicts_after(reviewer=pk)))


class BySample(ById):
    """In which sample."""

    title, parameter_name = "sample", "sample"

    def offered(self) -> list[tuple[str, str]]:
        """Return the newest samples."""
        rows = AuditSample.objects.order_by("-pk").select_related("drawn_by")[:20]
        return [
            (str(one.pk), f"{one.created_at:%Y-%m-%d %H:%M}, {one.size} of {one.population}") for one in rows
        ]

    def narrow(self, rows: Rows, pk: int) -> Rows:
        """Keep the corrections of the sample."""
        return rows.filter(samples=pk)


class ByErrors(admin.SimpleListFilter):
    """How far the machine's text was from what the person left: a band, or `from-to` in per cent."""

    title, parameter_name = "WER machine \u2192 final", "wer"
    template = "annotation/admin/range_filter.html"
    BANDS: Final = (("0-0", "none"), ("0.01-5", "up to 5 %"), ("5-10", "5 to 10 %"), ("10-20", "10 to 20 %"),
                    ("20-50", "20 to 50 %"), ("50-", "50 % and more"))  # fmt: skip

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.low, self.high = self._bounds()
        self.others = others(request, self.parameter_name)

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        """Return the bands."""
        return self.BANDS

    def _bounds(self) -> tuple[float | None, float | None]:
        low, _, high = (self.value() or "").partition("-")
        return _percent(low), _percent(high)

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Keep what lies within the bounds; rows that were not counted lie nowhere."""
        if self.value() is None:
            return queryset
        if self.low is None and self.high is None:
            return queryset.none()
        if self.low is not None:
            queryset = queryset.filter(wer__gte=self.low)
        if self.high is not None:
            queryset = queryset.filter(wer__lte=self.high)
        return queryset


def _percent(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value / 100 if 0 <= value <= 100_000 else None


def _unlocked(rows: Rows) -> Rows:
    events = AuditEvent.objects.annotate(left=KeyTextTransform("locked", "after")).filter(
        left="false", table_name="annotation_segment", action="update"
    )
    return rows.filter(segment__in=events.values("segment_id"))


FLAGS: Final[dict[str, tuple[str, Callable[[Rows], Rows]]]] = {
    "unheard": (
        f"unheard (under {100 * UNHEARD_BELOW:.0f}\u00a0%)",
        lambda rows: rows.filter(heard_share__lt=UNHEARD_BELOW, kind__in=HEARD_DECISIONS),
    ),
    "untold": (
        "listening not told",
        lambda rows: rows.filter(heard_share__isnull=True, kind__in=HEARD_DECISIONS),
    ),
    "fast": (
        f"fast (under {FAST_BELOW} \u00d7 audio)",
        lambda rows: rows.filter(active_ms__lt=F("audio_ms") * FAST_BELOW),
    ),
    "overrode": ("overrode checks", lambda rows: rows.filter(~Q(overrode=[]))),
    "returned": ("returned", lambda rows: rows.filter(Exists(verdicts_after(verdict=Verdict.RETURN)))),
    "unlocked": ("unlocked", _unlocked),
    "gold": (
        "gold failed",
        lambda rows: rows.filter(pk__in=GoldScore.objects.filter(passed=False).values("decision")),
    ),
}


class ByFlag(admin.SimpleListFilter):
    """What makes a correction worth a second look."""

    title, parameter_name = "worth a look", "flag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the reasons."""
        return [(name, words) for name, (words, _) in FLAGS.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Keep what has the chosen mark."""
        value = self.value()
        return FLAGS[value][1](queryset) if value in FLAGS else queryset


class ByKind(admin.SimpleListFilter):
    """What was decided."""

    title, parameter_name = "decision", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the kinds of decisions about texts."""
        kinds = (DecisionKind.SAVE, DecisionKind.ACCEPT, DecisionKind.SKIP, DecisionKind.UNINTELLIGIBLE)
        return [(kind.value, str(kind.label)) for kind in kinds]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Keep decisions of one kind."""
        value = self.value()
        return queryset.filter(kind=value) if value in DecisionKind.values else queryset


class ByState(admin.SimpleListFilter):
    """How the segment stands today."""

    title, parameter_name = "segment now", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states in which a decided segment can be, and whether it is locked."""
        states = (SegmentState.CORRECTED, SegmentState.SKIPPED, SegmentState.ACCEPTED, SegmentState.RETURNED)
        return [*((state.value, str(state.label)) for state in states), ("locked", "Locked")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Keep corrections of segments that stand so."""
        value = self.value()
        if value == "locked":
            return queryset.filter(segment__locked=True)
        return queryset.filter(segment__state=value) if value in SegmentState.values else queryset
