"""Leases: who is editing now."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from annotation.models.segments import Segment


class Lease(models.Model):
    """Say who edits a segment, until when. One row per segment; a courtesy, not what keeps text safe.

    A lease belongs to a person and one tab of theirs (`client`), so that two tabs of one person do not work
    on the same row unknowingly; a client that names no tab stands for any. `token` grows with every new
    holder, so a late writer can be told from the present one. Only the database's clock decides whether a
    lease has run out.
    """

    segment = models.OneToOneField(Segment, primary_key=True, on_delete=models.CASCADE, related_name="lease")
    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    client = models.CharField(max_length=64, blank=True, default="")
    """The tab, by the id it gave itself."""
    token = models.BigIntegerField(default=1)
    acquired_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.segment_id} held by {self.holder_id}"
