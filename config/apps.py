"""Register the composition root, so that every process that loads Django has its Celery application."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Hold the commands that look after an installation (`doctor`, `options`, `setup_database`)."""

    name = "config"

    def ready(self) -> None:
        from config import celery

        celery.app.set_default()
