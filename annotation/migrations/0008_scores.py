"""Keep how far machines' texts were from people's, counted off every request."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0007_file_jobs"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProjectQuality",
            fields=[
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="scored",
                        serialize=False,
                        to="annotation.project",
                    ),
                ),
                ("scored_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("checked_at", models.DateTimeField(null=True)),
                ("reviewed", models.PositiveIntegerField(default=0)),
                ("remaining", models.PositiveIntegerField(default=0)),
                ("reviewed_rate", models.FloatField(null=True)),
                ("reviewed_low", models.FloatField(null=True)),
                ("reviewed_high", models.FloatField(null=True)),
                ("remaining_rate", models.FloatField(null=True)),
                ("remaining_low", models.FloatField(null=True)),
                ("remaining_high", models.FloatField(null=True)),
                ("overall_rate", models.FloatField(null=True)),
                ("overall_low", models.FloatField(null=True)),
                ("overall_high", models.FloatField(null=True)),
                ("points", models.JSONField(default=list)),
                ("estimated_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "project qualities",
            },
        ),
        migrations.CreateModel(
            name="MachineScore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("profile", models.CharField(max_length=40)),
                ("substitutions", models.PositiveIntegerField(default=0)),
                ("deletions", models.PositiveIntegerField(default=0)),
                ("insertions", models.PositiveIntegerField(default=0)),
                ("words", models.PositiveIntegerField(default=0)),
                ("character_substitutions", models.PositiveIntegerField(default=0)),
                ("character_deletions", models.PositiveIntegerField(default=0)),
                ("character_insertions", models.PositiveIntegerField(default=0)),
                ("characters", models.PositiveIntegerField(default=0)),
                ("scored_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("revision", models.PositiveIntegerField()),
                ("decided_at", models.DateTimeField()),
                (
                    "pass_name",
                    models.CharField(choices=[("draft", "Draft"), ("refine", "Refine")], max_length=12),
                ),
                ("model", models.CharField(max_length=200)),
                ("heard", models.BigIntegerField()),
                ("best", models.BooleanField(default=False)),
                ("risk", models.FloatField(null=True)),
                ("processing_ms", models.PositiveIntegerField(null=True)),
                ("audio_ms", models.BigIntegerField(default=0)),
                ("replaced", models.JSONField(default=list)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="annotation.project",
                    ),
                ),
                (
                    "segment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="annotation.segment",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["project", "decided_at"], name="machine_score_by_time")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("segment", "pass_name", "model"), name="machine_score_once_per_model"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "words__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("substitutions"), "+", models.F("deletions")
                                ),
                            )
                        ),
                        name="machine_score_adds_up",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewScore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("profile", models.CharField(max_length=40)),
                ("substitutions", models.PositiveIntegerField(default=0)),
                ("deletions", models.PositiveIntegerField(default=0)),
                ("insertions", models.PositiveIntegerField(default=0)),
                ("words", models.PositiveIntegerField(default=0)),
                ("character_substitutions", models.PositiveIntegerField(default=0)),
                ("character_deletions", models.PositiveIntegerField(default=0)),
                ("character_insertions", models.PositiveIntegerField(default=0)),
                ("characters", models.PositiveIntegerField(default=0)),
                ("scored_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("revision", models.PositiveIntegerField()),
                ("authored", models.PositiveIntegerField()),
                ("decided_at", models.DateTimeField()),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="annotation.project",
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "segment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotation.segment"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["project", "decided_at"], name="review_score_by_time")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "words__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("substitutions"), "+", models.F("deletions")
                                ),
                            )
                        ),
                        name="review_score_adds_up",
                    )
                ],
            },
        ),
    ]
