"""Run a management command, with the embedded servers up for as long as it takes."""

from __future__ import annotations

import os
import sys

from config.load import load_or_exit

# These talk to no server, or look for themselves.
ALONE = frozenset(
    {"", "help", "--help", "-h", "version", "--version", "options", "doctor", "check", "collectstatic"}
    | {
        "findstatic",
        "makemessages",
        "compilemessages",
        "diffsettings",
        "startapp",
        "spectacular",
        "add_model",
    }
)


def main(argv: list[str]) -> int:
    """Run the command named in `argv`; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    name = argv[1] if len(argv) > 1 else ""
    options = load_or_exit()
    if name in ALONE or "--help" in argv or not (options.embedded_postgres or options.embedded_redis):
        _execute(argv)
        return 0

    from config.embedded.service import StartFailed, shared

    try:
        with shared(
            options.home,
            f"manage.py {name}",
            with_postgres=options.embedded_postgres,
            with_redis=options.embedded_redis,
        ):
            _execute(argv)
    except StartFailed as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _execute(argv: list[str]) -> None:
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(argv)
    except BrokenPipeError:  # `manage.py options | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
