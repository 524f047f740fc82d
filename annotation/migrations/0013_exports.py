"""Exports: frozen versions of a dataset."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0012_review"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
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
                        related_name="exports",
                        to="annotation.project",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="export",
                        to="annotation.job",
                    ),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("csv", "CSV"),
                            ("xlsx", "Excel (XLSX)"),
                            ("tsv", "TSV"),
                            ("jsonl", "JSON lines"),
                            ("nemo", "NeMo manifest with audio"),
                            ("audiofolder", "Hugging Face audiofolder"),
                            ("parquet", "Hugging Face Parquet"),
                            ("kaldi", "Kaldi data directory"),
                            ("common_voice", "Common Voice TSV"),
                            ("ctm", "CTM"),
                            ("stm", "STM"),
                            ("rttm", "RTTM"),
                            ("srt", "SubRip (SRT)"),
                            ("vtt", "WebVTT"),
                            ("textgrid", "Praat TextGrid"),
                            ("eaf", "ELAN (EAF)"),
                            ("whisper", "Whisper JSON"),
                            ("whisperx", "WhisperX JSON"),
                            ("whisper_tsv", "Whisper TSV"),
                            ("label_studio", "Label Studio JSON"),
                        ],
                        max_length=16,
                    ),
                ),
                ("filter", models.JSONField(default=dict)),
                ("options", models.JSONField(default=dict)),
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
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(fields=("project", "number"), name="export_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "format__in",
                                [
                                    "csv",
                                    "xlsx",
                                    "tsv",
                                    "jsonl",
                                    "nemo",
                                    "audiofolder",
                                    "parquet",
                                    "kaldi",
                                    "common_voice",
                                    "ctm",
                                    "stm",
                                    "rttm",
                                    "srt",
                                    "vtt",
                                    "textgrid",
                                    "eaf",
                                    "whisper",
                                    "whisperx",
                                    "whisper_tsv",
                                    "label_studio",
                                ],
                            )
                        ),
                        name="export_format_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportedFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "export",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file",
                        to="annotation.export",
                    ),
                ),
                ("size_bytes", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("rows", models.PositiveIntegerField()),
                ("audio_ms", models.BigIntegerField()),
                ("manifest", models.JSONField()),
                ("card", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="ExportedRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "export",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="annotation.export",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("recording_id", models.BigIntegerField()),
                ("segment_id", models.BigIntegerField()),
                ("revision_id", models.BigIntegerField(null=True)),
                ("hypothesis_id", models.BigIntegerField(null=True)),
                (
                    "split",
                    models.CharField(
                        blank=True,
                        choices=[("train", "Train"), ("validation", "Validation"), ("test", "Test")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("facts", models.JSONField(default=dict)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("export", "number"), name="exported_row_number_once"),
                    models.CheckConstraint(
                        condition=models.Q(("split__in", ["", "train", "validation", "test"])),
                        name="exported_row_split_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "export",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="snapshot",
                        to="annotation.export",
                    ),
                ),
                ("frozen_at", models.DateTimeField()),
                ("rows", models.PositiveIntegerField()),
                ("facts", models.JSONField(default=dict)),
            ],
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER audit_export AFTER INSERT OR UPDATE OR DELETE ON annotation_export
                FOR EACH ROW EXECUTE FUNCTION audit.record();
            CREATE TRIGGER audit_exported_file AFTER INSERT OR UPDATE OR DELETE ON annotation_exportedfile
                FOR EACH ROW EXECUTE FUNCTION audit.record('manifest', 'card');
            """,
            """
            DROP TRIGGER audit_export ON annotation_export;
            DROP TRIGGER audit_exported_file ON annotation_exportedfile;
            """,
        ),
    ]
