"""Add a model to this machine: a directory, or a name of the hub."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.conf import conf
from transcription import catalog, convert
from transcription.errors import ModelUnavailable

BAR: Final = 24
PLAIN_EVERY_S: Final = 5.0
"""How often a line is written where nobody watches a terminal."""


class Command(BaseCommand):
    """Copy, convert or download a model, and say what it is."""

    help = (
        "Add a model: a CTranslate2 directory is copied, a Hugging Face Whisper directory converted, "
        "a name of the hub downloaded. Projects then use it by its name."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("model", metavar="PATH_OR_NAME", help="a directory, or a name such as small")
        parser.add_argument("--name", default="", help="what to call it here [the directory's name]")
        parser.add_argument(
            "--quantization",
            default="",
            choices=("", *convert.QUANTIZATIONS),
            metavar="KIND",
            help=f"when converting: {', '.join(convert.QUANTIZATIONS)} [int8]",
        )
        parser.add_argument(
            "--language", action="append", default=[], metavar="CODE", help="a language it knows, if not all"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Add it, or say why not and what to do."""
        self.bar = Bar(self.stdout)
        try:
            files = self._add(options["model"], options["name"], options["quantization"], options["language"])
        except ModelUnavailable as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or options['model']}: {error.strerror or error}") from error
        finally:
            self.bar.end()
        size = (files.path / "model.bin").stat().st_size
        hears = ", ".join(files.card.languages) or "every language of Whisper"
        self.stdout.write(self.style.SUCCESS(f"{files.name} is here: {files.path}"))
        self.stdout.write(f"  {size / 2**20:.0f} MiB, hears {hears}, model.bin {files.sha256[:12]}…")
        self.stdout.write(f"  Use it: choose “{files.name}” as draft or refine model of a project, or")
        self.stdout.write(f"  .venv/bin/python -m transcription talk.wav --draft {files.name}")

    def _add(self, model: str, name: str, quantization: str, languages: list[str]) -> catalog.ModelFiles:
        path = Path(model).expanduser()
        if path.is_dir():
            chosen = name or path.resolve().name
            if (conf().bundled_models_dir / chosen).is_dir():
                raise ModelUnavailable(
                    "not_convertible", f"{chosen} is a model of the project itself.", "Choose another --name."
                )
            convert.add(
                path.resolve(),
                chosen,
                conf().models_dir,
                quantization=quantization,
                languages=languages,
                on_progress=self.bar.show,
            )
            return convert.describe(catalog.model_folder(chosen, conf().models_dir), chosen)
        if path.exists():
            raise ModelUnavailable("not_convertible", f"{path} is a file.", "Give the directory it lies in.")
        if name or quantization or languages:
            raise ModelUnavailable(
                "not_convertible",
                f"There is no directory {model}.",
                "--name, --quantization and --language go with a directory; the hub's come as they are.",
            )
        return catalog.resolve(
            model,
            models_dir=conf().models_dir,
            bundled_dir=conf().bundled_models_dir,
            on_progress=lambda done, total: self.bar.show("download", done, total),
        )


class Bar:
    """Draw how far it is, on one line of a terminal or on a line now and then elsewhere."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._live = bool(sys.stdout.isatty())
        self._open = False
        self._said = 0.0

    def show(self, what: str, done: int, total: int) -> None:
        """Show `done` of `total`."""
        share = done / max(1, total)
        now = time.monotonic()
        if self._live:
            full = round(share * BAR)
            self._out.write(f"\r{what:<10}{'█' * full}{'·' * (BAR - full)} {share:4.0%}", ending="")
            self._out.flush()
            self._open = True
        elif now - self._said >= PLAIN_EVERY_S:
            self._said = now
            self._out.write(f"{what}: {share:.0%}")

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            self._out.write("")
            self._open = False
