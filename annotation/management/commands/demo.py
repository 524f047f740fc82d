"""Make the demo project and its people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.conf import conf
from annotation.management.shell import operator
from annotation.services import demo

FOLDER = Path(__file__).resolve().parents[3] / "demo"


class Command(BaseCommand):
    """Make the demo where it does not exist yet."""

    help = "Make the demo project, its recordings and four accounts whose passwords everybody knows."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--folder", type=Path, default=FOLDER, help="where the demo's recordings lie")
        parser.add_argument(
            "--force", action="store_true", help="make it although this is not a demo installation"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, or say why not."""
        if not conf().demo and not options["force"]:
            raise CommandError(
                "The demo's passwords are known to everybody, so it is made only where EARMARK_DEMO is true "
                "(or the database is the embedded one). Use --force if you mean it."
            )
        with operator("demo"):
            made = demo.ensure_demo(options["folder"])
        if not made.new_recordings:
            self.stdout.write(f"The demo is here: project “{made.project.name}” ({made.project.pk}).")
            return
        self.stdout.write(self.style.SUCCESS(f"Made project “{made.project.name}” ({made.project.pk}):"))
        for name in made.new_recordings:
            self.stdout.write(f"  {name}")
        if made.new_people:
            self.stdout.write("Accounts (password):")
            for name in made.new_people:
                self.stdout.write(f"  {name} ({demo.password_of(name)})")
