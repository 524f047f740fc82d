"""`manage.py options`: every option, its value, where it came from, what it means."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.options import SPECS, Options, env_name

TITLES = {
    "place": "Where things lie",
    "address": "The site's address",
    "services": "Servers",
    "secrets": "Secrets (each may be given as ..._FILE)",
    "uploads": "Uploads",
    "media": "Recordings",
    "work": "Work",
    "models": "Models",
    "people": "People",
    "logs": "Logs",
}


class Command(BaseCommand):
    """List the options; secrets are masked."""

    help = "List every option with its value, where it came from and what it means."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="print a table for the documentation")

    def handle(self, *args: Any, **kwargs: Any) -> None:
        options: Options = settings.OPTIONS
        if kwargs["markdown"]:
            self.stdout.write("| variable | default | meaning |\n|---|---|---|")
        for group, title in TITLES.items():
            names = [name for name, spec in SPECS.items() if spec.group == group]
            if not kwargs["markdown"]:
                self.stdout.write(self.style.MIGRATE_HEADING(f"\n{title}"))
            for name in names:
                meaning = SPECS[name].meaning
                if kwargs["markdown"]:
                    default = Options.__dataclass_fields__[name].default
                    self.stdout.write(f"| `{env_name(name)}` | {_shown(default)} | {meaning} |")
                    continue
                source = options.sources.get(name, "default")
                value = _shown(getattr(options, name), secret=SPECS[name].secret)
                where = "" if source == "default" else f"  (from {source})"
                self.stdout.write(f"  {self.style.SUCCESS(env_name(name))} = {value}{where}")
                self.stdout.write(f"      {meaning}")


def _shown(value: object, *, secret: bool = False) -> str:
    if secret:
        return "***" if value else "-"
    if value is None or value == "" or value == ():
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join("=".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in value)
    return str(value)
