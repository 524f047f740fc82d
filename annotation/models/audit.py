"""The audit as Django sees it: a view on `audit.event`, which this role may only read."""

from __future__ import annotations

from django.db import models


class AuditEvent(models.Model):
    """Show one change as the database's triggers wrote it. Names are text: the log outlives its subject."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    action = models.CharField(max_length=8)
    table_name = models.CharField(max_length=100)
    row_id = models.CharField(max_length=100)
    project_id = models.BigIntegerField(null=True)
    segment_id = models.BigIntegerField(null=True)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    source = models.CharField(max_length=20)
    request_id = models.CharField(max_length=100)
    ip = models.CharField(max_length=64)
    db_role = models.CharField(max_length=100)
    transaction_id = models.BigIntegerField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        managed = False
        db_table = "annotation_auditevent"
        ordering = ("-id",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action} {self.table_name} {self.row_id}"


class Seal(models.Model):
    """Show one sealed batch of audit events; what was sealed in it is in `audit.seal` (`services.seals`)."""

    number = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    events = models.IntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    settled = models.BigIntegerField()
    """Every event up to this id is sealed, here or before."""
    digest = models.CharField(max_length=64)

    class Meta:
        managed = False
        db_table = "annotation_seal"
        ordering = ("-number",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.number}: {self.digest[:16]}"


class LiveWorker(models.Model):
    """Stand for the running workers in the admin's index. They are notes in Redis: there is no table."""

    class Meta:
        managed = False
        default_permissions = ("view",)
        verbose_name = "worker"

    def __str__(self) -> str:
        return "worker"
