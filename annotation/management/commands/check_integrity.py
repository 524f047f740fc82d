"""Check the audit against its seals; name the first event that was altered, removed or put in later."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.errors import Invalid
from annotation.services import seals

SHOWN = 10


class Command(BaseCommand):
    """Compare every sealed event with its seal; exit 1 when one is not as it was."""

    help = (
        "Check the audit against its hash chain. Exit status 1, and the first altered, removed or inserted"
        " event named, when it is not as it was sealed. Keep an exported head on another machine: without it"
        " nobody can tell that the end of the chain was cut off, or all of it made anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a head to compare with, or the wish for one."""
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--export-head",
            action="store_true",
            help="check, then print the head as JSON, and nothing else; to be kept elsewhere",
        )
        group.add_argument(
            "--head",
            metavar="FILE",
            help="a head that was exported before: what it seals must still be there",
        )
        parser.add_argument("--seal", action="store_true", help="seal first what waits for the schedule")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was checked and found."""
        kept = _read(options["head"]) if options["head"] else None
        if options["seal"]:
            seals.seal()
        report = seals.verify(kept)
        if report.first is None:
            if options["export_head"]:
                if report.head is None:
                    raise CommandError("Nothing is sealed yet: run `manage.py check_integrity --seal` first.")
                self.stdout.write(json.dumps(seals.as_json(report.head)))
                return
            self.stdout.write(
                f"The audit is whole: {report.events:,} events in {report.seals:,} seals"
                + (f", head {report.head.number} {report.head.digest}" if report.head else "")
                + f"; {report.waiting:,}{' or more' if report.waiting >= 1000 else ''} not sealed yet."
            )
            return
        self.stderr.write(f"THE AUDIT IS NOT AS IT WAS SEALED. First: {report.first.words}")
        for finding in report.findings[1:SHOWN]:
            self.stderr.write(f"  also: {finding.words}")
        if len(report.findings) > SHOWN:
            self.stderr.write(f"  and {len(report.findings) - SHOWN} more at least")
        sys.exit(1)


def _read(name: str) -> seals.Head:
    try:
        return seals.Head.read(json.loads(Path(name).read_text("utf-8")))
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    except (ValueError, Invalid) as error:
        raise CommandError(f"{name} is no head of the audit ({error}).") from error
