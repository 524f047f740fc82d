"""`manage.py evaluate`: does a model lose words in fitted context, by texts that people wrote?"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.shell import find_project, operator
from annotation.models import Project
from annotation.services import gates, references
from annotation.services.gates import MIN_REFERENCES, NORMALISATION, Evaluation
from transcription.errors import EngineError, ModelUnavailable

SHOW_EVERY_S: Final = 5.0


class Command(BaseCommand):
    """Hear references in full and in fitted context, print both, and set the gate of the project."""

    help = (
        "Compare a model's full and fitted context on texts by people: the newest corrected segments of a "
        "project (and open or close its gate), or the clips of a table."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--project", help="name or id; its gates are set by what is found")
        where.add_argument(
            "--references", type=Path, metavar="CSV",
            help="a table with the columns file, transcript and, if wanted, language; nothing is stored",
        )  # fmt: skip
        parser.add_argument(
            "--model", help="name or directory; with --project, both of its models unless told"
        )
        parser.add_argument("--language", default="", help="of all clips of the table (ISO 639)")
        parser.add_argument(
            "--most", type=int, default=references.MOST, help="references of a project at most (%(default)s)"
        )
        parser.add_argument("--dry-run", action="store_true", help="print, and leave the gates as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        """Evaluate and print; errors of models end it in one line."""
        if not 1 <= options["most"] <= 100_000:
            raise CommandError("--most is a whole number from 1 to 100000.")
        try:
            if options["references"] is not None:
                self._table(options)
            else:
                self._project(find_project(options["project"]), options)
        except (ModelUnavailable, EngineError) as error:
            raise CommandError(str(error)) from error

    def _project(self, project: Project, options: dict[str, Any]) -> None:
        # The engine needs numpy; a process that only lists its commands does not.
        from workers.evaluate import evaluate_project

        models = [options["model"]] if options["model"] else [project.draft_model, project.refine_model]
        for model in dict.fromkeys(filter(None, models)):
            self.stdout.write(f"{model} in “{project.name}”")
            evaluation = evaluate_project(project, model, self._progress(), options["most"])
            self._print(evaluation)
            if options["dry_run"]:
                self.stdout.write(f"{gates.decide(evaluation).reason}\nNothing was stored.\n")
                continue
            with operator("evaluate"):
                gate = gates.record_evaluation(project, evaluation)
            style = self.style.SUCCESS if gate.open else self.style.WARNING
            self.stdout.write(style(gate.reason))
            self.stdout.write(f"In force from now on: {gates.context_for(project, model)} context.\n")

    def _table(self, options: dict[str, Any]) -> None:
        from workers.evaluate import evaluate_table, read_table

        if not options["model"]:
            raise CommandError("Name the model with --model: a table of clips belongs to no project.")
        try:
            listed = read_table(options["references"])
        except (OSError, ValueError) as error:
            raise CommandError(f"The table cannot be read: {error}") from error
        self.stdout.write(f"{options['model']} on {len(listed)} clips of {options['references'].name}")
        evaluation, unreadable = evaluate_table(
            listed, options["model"], options["language"], self._progress()
        )
        for line in unreadable:
            self.stderr.write(f"left out: {line}")
        self._print(evaluation)
        loss = evaluation.loss
        if loss is not None:
            few = f" (fewer than the {MIN_REFERENCES} that a gate needs)"
            self.stdout.write(
                f"Fitted context changes the word error rate by {100 * loss:+.2f} points over "
                f"{evaluation.references} clips{few if evaluation.references < MIN_REFERENCES else ''}."
            )

    def _print(self, evaluation: Evaluation) -> None:
        from workers.evaluate import lines

        for line in lines(evaluation):
            self.stdout.write(line)
        self.stdout.write(f"Counts pooled over {evaluation.references} references, texts by {NORMALISATION}.")

    def _progress(self) -> Any:
        live, said = sys.stdout.isatty(), time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal said
            if live:
                self.stdout.write(f"\r  {done} of {total} heard", ending="\n" if done >= total else "")
                self.stdout.flush()
            elif time.monotonic() - said > SHOW_EVERY_S:
                said = time.monotonic()
                self.stdout.write(f"  {done} of {total} heard")

        return show
