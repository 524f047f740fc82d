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
