"""Projects and who belongs to them."""

from __future__ import annotations

import secrets
from typing import Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.states import LanguageScope, RefineWhen, Role, Segmentation

DEFAULT_TAGS: Final = ("noise", "crosstalk", "laughter", "unintelligible", "silence", "foreign:xx", "pii")


def default_tags() -> list[str]:
    """Return the tags that a new project begins with."""
    return list(DEFAULT_TAGS)


def new_seed() -> int:
    """Return a seed nobody can guess: who knows it knows which rows are drawn."""
    return secrets.randbelow(2**31)


class Project(models.Model):
    """Hold recordings, the rules for cutting and transcribing them, and the people who correct them."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="", max_length=10_000)
    language = models.CharField(max_length=12, blank=True, default="")
    """ISO 639 code as Whisper names it; empty = detect."""
    segmentation = models.CharField(max_length=12, choices=Segmentation.choices, default=Segmentation.PAUSES)
    segment_target_ms = models.PositiveIntegerField(
        default=6_000, validators=[MinValueValidator(1_000), MaxValueValidator(30_000)]
    )
    segment_max_ms = models.PositiveIntegerField(
        default=15_000, validators=[MinValueValidator(2_000), MaxValueValidator(30_000)]
    )
    draft_model = models.CharField(max_length=200)
    refine_model = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    """None = one pass. NULL and not an empty text, because the API says null."""
    refine_when = models.CharField(max_length=12, choices=RefineWhen.choices, default=RefineWhen.ALWAYS)
    refine_above = models.FloatField(default=0.3, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    """The risk of a draft from which on it is refined, where only risky ones are."""
    language_scope = models.CharField(
        max_length=12, choices=LanguageScope.choices, default=LanguageScope.RECORDING
    )
    channels_apart = models.BooleanField(default=True)
    """Whether stereo whose channels differ is cut and heard channel by channel."""
    glossary = models.JSONField(default=list, blank=True)
    """Terms as a list of strings; they become Whisper's hotwords."""
    tags = models.JSONField(default=default_tags, blank=True)
    """Names of the tags a person may set, as `[name]`, in the text; `foreign:xx` takes a language."""
    sheet_columns = models.JSONField(default=list, editable=False)
    """The columns of the sheets that were imported, in their order: [{"header", "field"}], field "" = kept as
    metadata. Exports of tables write them back in this order."""
    review_own = models.BooleanField(default=False)
    """Whether a reviewer may judge their own work."""
    review_percent = models.PositiveSmallIntegerField(default=10, validators=[MaxValueValidator(100)])
    """Share of each annotator's decided rows that a reviewer looks at, drawn at random."""
    double_percent = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(100)])
    """Share of the segments that two people read blind."""
    dispute_above = models.FloatField(
        default=0.1, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    """Symmetric word error rate of two readings above which a third person decides."""
    gold_percent = models.PositiveSmallIntegerField(default=2, validators=[MaxValueValidator(50)])
    """Share of what the queue hands out that is gold, as long as there is any."""
    gold_limit = models.FloatField(default=0.1, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    """Word error rate up to which a gold row is passed."""
    sample_seed = models.BigIntegerField(default=new_seed)
    """Behind every draw; never shown to annotators."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="projects")

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(segmentation__in=Segmentation.values), name="project_segmentation_known"
            ),
            models.CheckConstraint(
                condition=Q(refine_when__in=RefineWhen.values), name="project_refine_when_known"
            ),
            models.CheckConstraint(
                condition=Q(language_scope__in=LanguageScope.values), name="project_language_scope_known"
            ),
            models.CheckConstraint(
                condition=Q(segment_max_ms__gte=F("segment_target_ms")), name="project_max_not_below_target"
            ),
            models.CheckConstraint(
                condition=Q(review_percent__lte=100, double_percent__lte=100, gold_percent__lte=50),
                name="project_shares_are_shares",
            ),
        )

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """Give one person one role in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    """Since when the person is given no work here; what was theirs is anybody's meanwhile."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "user"), name="membership_one_role_per_project"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        )

    def __str__(self) -> str:
        return f"{self.user} · {self.role} · {self.project}"
