"""Give the workbench its tables: decisions, drafts, a person's settings, assignments; lineage of segments."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import annotation.models.projects

#: Who last wrote each segment by hand, from its revisions.
ANNOTATORS = """
UPDATE annotation_segment AS segment SET annotator_id = written.author_id
  FROM (SELECT DISTINCT ON (segment_id) segment_id, author_id FROM annotation_revision
         WHERE source = 'human' ORDER BY segment_id, number DESC) AS written
 WHERE written.segment_id = segment.id;
"""

# Drafts and a person's own settings are nobody else's business, so they are in no audit. Decisions cannot
# be changed (insert-only), and what they did to a segment is audited there.
TRIGGERS = """
CREATE TRIGGER audit_assignment AFTER INSERT OR UPDATE OR DELETE ON annotation_assignment
    FOR EACH ROW EXECUTE FUNCTION audit.record();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0003_engine"),
    ]

    operations = [
        migrations.CreateModel(
            name="Assignment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "recording",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to="annotation.recording",
                    ),
                ),
                (
                    "assignee",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "assigned_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recording", "assignee"), name="assignment_once_per_person"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.project"
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="decisions",
                        to="annotation.segment",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("save", "Saved"),
                            ("accept", "Accepted as heard"),
                            ("skip", "Skipped"),
                            ("unintelligible", "Marked unintelligible"),
                            ("split", "Split"),
                            ("merge", "Merged"),
                            ("edges", "Moved its edges"),
                            ("speaker", "Set the speaker"),
                            ("undo", "Undone"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("audio_ms", models.BigIntegerField(default=0)),
                ("heard_share", models.FloatField(null=True)),
                ("active_ms", models.PositiveIntegerField(null=True)),
                ("checks", models.JSONField(default=list)),
                ("overrode", models.JSONField(default=list)),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                (
                    "undoes",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="undone_by",
                        to="annotation.decision",
                    ),
                ),
                ("operation_id", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["project", "created_at"], name="decision_by_day"),
                    models.Index(fields=["author", "-id"], name="decision_by_author"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "save",
                                    "accept",
                                    "skip",
                                    "unintelligible",
                                    "split",
                                    "merge",
                                    "edges",
                                    "speaker",
                                    "undo",
                                ],
                            )
                        ),
                        name="decision_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("heard_share", None),
                            models.Q(("heard_share__gte", 0), ("heard_share__lte", 1)),
                            _connector="OR",
                        ),
                        name="decision_heard_share_is_a_share",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("operation_id__isnull", False)),
                        fields=("segment", "operation_id"),
                        name="decision_operation_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drafts",
                        to="annotation.segment",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drafts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("base_revision", models.PositiveIntegerField()),
                ("text", models.TextField(blank=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("author", "segment"), name="draft_once_per_person")
                ],
            },
        ),
        migrations.CreateModel(
            name="Preferences",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="preferences",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("values", models.JSONField(default=dict)),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "preferences",
            },
        ),
        migrations.AddField(
            model_name="lease",
            name="client",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="project",
            name="tags",
            field=models.JSONField(blank=True, default=annotation.models.projects.default_tags),
        ),
        migrations.AddField(
            model_name="segment",
            name="annotator",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="segment",
            name="parents",
            field=models.ManyToManyField(related_name="children", to="annotation.segment"),
        ),
        migrations.AddField(
            model_name="segment",
            name="return_reason",
            field=models.CharField(blank=True, default="", max_length=500),
        ),
        migrations.AddIndex(
            model_name="segment",
            index=models.Index(
                models.F("project"),
                models.OrderBy(models.F("risk"), descending=True, nulls_last=True),
                models.F("id"),
                condition=models.Q(
                    ("locked", False), ("retired_at", None), ("state__in", ("draft", "refined"))
                ),
                name="segment_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="segment",
            index=models.Index(
                condition=models.Q(("retired_at", None), ("state", "returned")),
                fields=["project", "annotator"],
                name="segment_returned",
            ),
        ),
        migrations.AddIndex(
            model_name="segment",
            index=models.Index(
                condition=models.Q(("retired_at", None)),
                fields=["project", "state"],
                include=("locked", "start_ms", "end_ms"),
                name="segment_by_state",
            ),
        ),
        migrations.RunSQL(ANNOTATORS, migrations.RunSQL.noop),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
