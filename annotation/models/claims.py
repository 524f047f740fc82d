"""The claim: how one worker out of many holds a row while it works on it."""

from __future__ import annotations

from django.db import models


class Claimable(models.Model):
    """Carry the fields of a claim on work that any worker may take.

    `claim` grows by one with each claim and never goes back: it is the fencing token. A result is
    accepted only by an UPDATE that still finds it, so a worker that was paused past its claim cannot
    write late. `attempts` counts claims since the last request to run, and is raised before the work
    begins, so a row that kills its worker is counted too.
    """

    claim = models.BigIntegerField(default=0, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    claimed_by = models.CharField(max_length=200, blank=True, default="", editable=False)
    claim_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    available_at = models.DateTimeField(null=True, blank=True, editable=False)
    """Not before this moment: the back-off after a failed attempt."""
    cause_code = models.CharField(max_length=60, blank=True, default="")
    cause = models.TextField(blank=True, default="")
    """Why the last attempt failed, in words for people."""

    class Meta:
        abstract = True
