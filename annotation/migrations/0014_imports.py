"""Give imports their tables: the drop, its files, its rows until they are segments, and templates."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# What a worker notes of its progress is no change worth an event; files and rows of a drop are its inside.
TRIGGERS = """
CREATE TRIGGER audit_import AFTER INSERT OR UPDATE OR DELETE ON annotation_import
    FOR EACH ROW EXECUTE FUNCTION audit.record('preview', 'counts', 'questions', 'job_id', 'columns');
CREATE TRIGGER audit_import_template AFTER INSERT OR UPDATE OR DELETE ON annotation_importtemplate
    FOR EACH ROW EXECUTE FUNCTION audit.record();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0013_exports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Correction",
            fields=[],
            options={
                "proxy": True,
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
            bases=("annotation.decision",),
        ),
        migrations.CreateModel(
            name="Import",
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="imports",
                        to="annotation.project",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("checking", "Checking"),
                            ("asking", "Needs an answer"),
                            ("checked", "Checked"),
                            ("refused", "Refused"),
                            ("importing", "Importing"),
                            ("landing", "Waiting for audio"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="checking",
                        max_length=12,
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="imports",
                        to="annotation.job",
                    ),
                ),
                ("folder", models.CharField(blank=True, default="", max_length=4000)),
                ("table", models.CharField(blank=True, default="", max_length=500)),
                ("columns", models.JSONField(default=list)),
                ("options", models.JSONField(default=dict)),
                ("answers", models.JSONField(default=dict)),
                ("questions", models.JSONField(default=list)),
                ("preview", models.JSONField(default=list)),
                ("counts", models.JSONField(default=dict)),
                ("refusal", models.JSONField(default=dict)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["project", "-id"], name="import_by_project")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "checking",
                                    "asking",
                                    "checked",
                                    "refused",
                                    "importing",
                                    "landing",
                                    "done",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="import_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportTemplate",
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="import_templates",
                        to="annotation.project",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("headers", models.JSONField(default=list)),
                ("fields", models.JSONField(default=dict)),
                ("answers", models.JSONField(default=dict)),
                (
                    "created_by",
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
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(fields=("project", "name"), name="import_template_once_per_name")
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportFile",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to="annotation.import",
                    ),
                ),
                ("name", models.CharField(max_length=1000)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("table", "Table"),
                            ("transcript", "Transcript"),
                            ("audio", "Audio"),
                            ("archive", "Archive"),
                            ("ignored", "Left out"),
                        ],
                        max_length=12,
                    ),
                ),
                ("size_bytes", models.BigIntegerField()),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("path", models.CharField(blank=True, default="", max_length=4000)),
                ("stamp", models.CharField(blank=True, default="", max_length=60)),
                ("duration_ms", models.BigIntegerField(null=True)),
                ("cause_code", models.CharField(blank=True, default="", max_length=60)),
                ("cause", models.TextField(blank=True, default="")),
                (
                    "recording",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="annotation.recording",
                    ),
                ),
            ],
            options={
                "ordering": ("name", "id"),
                "indexes": [
                    models.Index(fields=["parent", "kind"], name="import_file_by_kind"),
                    models.Index(fields=["recording"], name="import_file_by_recording"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["table", "transcript", "audio", "archive", "ignored"])
                        ),
                        name="import_file_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="annotation.import",
                    ),
                ),
                ("source", models.CharField(blank=True, default="", max_length=500)),
                ("line", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ready", "Ready"),
                            ("faulty", "Faulty"),
                            ("waiting", "Waiting for its audio"),
                        ],
                        max_length=12,
                    ),
                ),
                ("faults", models.JSONField(default=list)),
                ("cells", models.JSONField(default=list)),
                (
                    "file",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="annotation.importfile",
                    ),
                ),
                (
                    "recording",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="annotation.recording",
                    ),
                ),
                ("start_ms", models.BigIntegerField(null=True)),
                ("end_ms", models.BigIntegerField(null=True)),
                ("external_id", models.CharField(blank=True, default="", max_length=200)),
                ("speaker", models.CharField(blank=True, default="", max_length=100)),
                ("language", models.CharField(blank=True, default="", max_length=12)),
                ("text", models.TextField(blank=True, default="")),
                ("correction", models.TextField(null=True)),
                ("locked", models.BooleanField(null=True)),
                ("locked_at", models.DateTimeField(null=True)),
                ("metadata", models.JSONField(default=dict)),
            ],
            options={
                "ordering": ("source", "line"),
                "indexes": [
                    models.Index(fields=["parent", "state"], name="import_row_by_state"),
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["recording"],
                        name="import_row_waiting",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["ready", "faulty", "waiting"])),
                        name="import_row_state_known",
                    ),
                    models.UniqueConstraint(fields=("parent", "source", "line"), name="import_row_once"),
                ],
            },
        ),
        migrations.AlterField(
            model_name="recording",
            name="segmentation",
            field=models.CharField(
                blank=True,
                choices=[
                    ("pauses", "At pauses"),
                    ("voice", "Where there is a voice"),
                    ("fixed", "Fixed 30 s"),
                    ("imported", "As in the table"),
                ],
                default="",
                max_length=12,
            ),
        ),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
    ]
