"""What is known about the terms of a project's glossary."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.projects import Project
from annotation.states import TermCase


class Term(models.Model):
    """Tell how one term of a glossary is spoken and written.

    Which terms there are, and in which order, is `Project.glossary`; a trigger there makes and removes these
    rows, so that both always agree.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="terms")
    text = models.CharField(max_length=100)
    language = models.CharField(max_length=12, blank=True, default="")
    """The language in which it is said; empty = all."""
    variants = models.JSONField(default=list, blank=True)
    """What people say or machines hear instead of it, a list of strings."""
    note = models.CharField(max_length=500, blank=True, default="")
    case_rule = models.CharField(max_length=8, choices=TermCase.choices, default=TermCase.EXACT)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("text", "id")
        constraints = (
            models.UniqueConstraint(fields=("project", "text"), name="term_once_per_project"),
            models.CheckConstraint(condition=Q(case_rule__in=TermCase.values), name="term_case_rule_known"),
        )

    def __str__(self) -> str:
        return self.text
