"""What people say about segments, and the guideline they write by."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.projects import Project
from annotation.models.segments import Segment


class Comment(models.Model):
    """Say something about a segment. The words stay as they were written; being resolved may change."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    text = models.TextField(max_length=4_000)
    created_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        indexes = (
            models.Index(fields=("segment", "id"), name="comment_of_segment"),
            models.Index(fields=("project", "-id"), name="comment_unresolved", condition=Q(resolved_at=None)),
        )

    def __str__(self) -> str:
        return f"comment {self.pk} on {self.segment_id}"


class Mention(models.Model):
    """Name a member in a comment, and say whether they have read it."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("comment", "user"), name="mention_once_per_comment"),)
        indexes = (models.Index(fields=("user", "-id"), name="mention_unread", condition=Q(read_at=None)),)

    def __str__(self) -> str:
        return f"{self.user_id} in {self.comment_id}"


class Guideline(models.Model):
    """Keep one version of how a project writes things down, in Markdown. Insert-only: the highest counts."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guidelines")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("project", "-version")
        constraints = (models.UniqueConstraint(fields=("project", "version"), name="guideline_version_once"),)

    def __str__(self) -> str:
        return f"guideline {self.version} of {self.project_id}"
