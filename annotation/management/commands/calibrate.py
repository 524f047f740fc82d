"""Learn from a project's corrections what its risk scores are worth."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.shell import find_project, operator
from annotation.services import calibration


class Command(BaseCommand):
    """Learn the maps of one project now; the schedule does so by itself where people go on correcting."""

    help = "Learn from the corrections of a project what its risk scores are worth, and print the maps."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--project", required=True, help="name or id")

    def handle(self, *args: Any, **options: Any) -> None:
        """Learn, and print score and share of each point."""
        project = find_project(options["project"])
        with operator("calibrate"):
            learnt = calibration.learn(project)
        if not learnt:
            self.stdout.write(
                f"No model of “{project.name}” has {calibration.MIN_SEGMENTS} corrected segments yet; "
                "the general score stays in force."
            )
        for row in learnt:
            self.stdout.write(f"{row.model}, by {row.segments} corrected segments:")
            for score, share in row.points:
                self.stdout.write(f"  score {score:.2f}: {100 * share:.0f} % changed")
            if not row.points:
                self.stdout.write("  the general score predicts as well; it stays in force.")
