"""Run a management command, with the embedded servers up for as long as it takes."""

from __future__ import annotations

import os


def main(argv: list[str]) -> int:
    """Run the command named in `argv`; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)
    return 0
