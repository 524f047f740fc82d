"""Register the annotation app and its database grants."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AnnotationConfig(AppConfig):
    """Hold projects, recordings, segments and the people who correct them."""

    name = "annotation"
    verbose_name = "Annotation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from annotation import database

        post_migrate.connect(database.grant_after_migrate, sender=self)
