"""`manage.py worker_alive`: whether the worker on this host lives, for a container's health check."""

from __future__ import annotations

import socket
import sys
from typing import Any

from django.core.management.base import BaseCommand

from annotation import presence


class Command(BaseCommand):
    """Exit with 1 when no worker of this host has said anything for 20 s."""

    help = "Exit 1 when no worker of this host has given a sign of life for 20 s."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **kwargs: Any) -> None:
        workers = presence.alive()
        if workers is None:
            self.stdout.write("unknown: Redis is away, which is no fault of the worker")
            return
        here = [worker for worker in workers if worker.host == socket.gethostname()]
        if not here:
            self.stdout.write("no worker of this host has given a sign of life")
            sys.exit(1)
        self.stdout.write(", ".join(f"{worker.name}: {worker.doing or 'waiting'}" for worker in here))
