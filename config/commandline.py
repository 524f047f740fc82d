"""Run a management command, with the embedded servers up for as long as it takes."""

from __future__ import annotations

import os
import sys

from config.load import load_or_exit

# These talk to no server, or look for themselves.
ALONE = frozenset(
    {"", "help", "--help", "-h", "version", "--version", "options", "doctor", "check", "collectstatic"}
    | {"findstatic", "makemessages", "compilemessages", "diffsettings", "startapp", "spectacular"}
)


def main(argv: list[str]) -> int:
    """Run the command named in `argv`; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    name = argv[1] if len(argv) > 1 else ""
    options = load_or_exit()
    if name in ALONE or "--help" in argv or not (options.embedded_postgres or options.embedded_redis):
        execute_from_command_line(argv)
        return 0

    from config.embedded.service import StartFailed, shared

    try:
        with shared(
            options.home,
            f"manage.py {name}",
            with_postgres=options.embedded_postgres,
            with_redis=options.embedded_redis,
        ):
            execute_from_command_line(argv)
    except StartFailed as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0
