"""Take a folder on this machine into a project: raw audio at any scale, or a table with its audio."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.errors import AnnotationError
from annotation.management.shell import find_project, operator
from annotation.models import Import, ImportFile, ImportRow, Membership, Project, User
from annotation.services import filejobs, imports, projects
from annotation.services.imports import folders, receiving
from annotation.services.imports.rejects import reason, sheet_of
from annotation.states import ImportRowState, ImportState, Role

BAR: Final = 24
PLAIN_EVERY_S: Final = 5.0
"""How often a line is written where nobody watches a terminal."""
SHOWN: Final = 20


class Command(BaseCommand):
    """Import a folder, or say row by row why not."""

    help = (
        "Import a folder on this machine: each audio file becomes a recording and is transcribed; with a"
        " table or transcripts in it, rows become segments. Can be stopped and run again: nothing is done"
        " twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", metavar="DIR", type=Path, help="the folder, with its subfolders")
        parser.add_argument("--project", required=True, help="name or id")
        parser.add_argument("--model", default="", help="draft model of the project from now on")
        parser.add_argument("--user", default="", help="a manager of the project to act as [its first one]")
        parser.add_argument("--audio-only", action="store_true", help="take no notice of tables")
        parser.add_argument("--check", action="store_true", help="check the table, import nothing")
        parser.add_argument(
            "--answer", action="append", default=[], metavar="WHAT=VALUE",
            help="answer what is asked: time_unit=s, table=NAME, encoding=cp1252, absolute_paths=last_part,"
            " columns=HEADER:audio (say once for each column; a field as in `docs/imports.md`, or ignore)",
        )  # fmt: skip
        parser.add_argument(
            "--option", action="append", default=[], metavar="WHAT=VALUE",
            help="how to proceed: on_known=skip, empty_text=transcribe, orphans=transcribe, header_row=3"
            " (0 = none), sheet=NAME, delimiter=;, template=NAME, accept=overlap,too_long",
        )  # fmt: skip
        parser.add_argument("--rejects", type=Path, help="where to write the sheet of faulty rows")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it."""
        self.bar = Bar(self.stdout)
        with operator("import_folder"):
            project = find_project(options["project"])
            user = _manager(project, options["user"])
            if options["model"] and options["model"] != project.draft_model:
                projects.update_project(user=user, project=project, draft_model=options["model"])
                self.stdout.write(f"{project.name} is drafted with {options['model']} from now on.")
            folder = options["folder"].resolve()
            paths = folders.listed(folder)
            try:
                if options["audio_only"] or not folders.has_table(paths):
                    self._audio(user, project, folder, paths)
                else:
                    self._table(user, project, folder, paths, options)
            except KeyboardInterrupt:
                self.bar.end()
                raise CommandError("Stopped. Run the same command again, and it goes on from here.") from None
            finally:
                self.bar.end()

    def _audio(self, user: User, project: Project, folder: Path, paths: list[Path]) -> None:
        outcome = folders.take_audio(
            user=user, project=project, folder=folder, paths=paths, on_file=self.bar.show
        )
        self.bar.end()
        self.stdout.write(
            self.style.SUCCESS(f"{outcome.added:,} added, {outcome.here:,} here already")
            + (f", {outcome.refused:,} not taken:" if outcome.refused else ".")
        )
        for name, why in (outcome.reasons or {}).items():
            self.stdout.write(f"  {name}: {why}")
        if outcome.added:
            self.stdout.write(f"Watch them: manage.py progress --project {project.pk}")

    def _table(
        self, user: User, project: Project, folder: Path, paths: list[Path], options: dict[str, Any]
    ) -> None:
        answers, chosen = _answers(options["answer"]), _options(options["option"])
        parent = folders.begin(user=user, project=project, folder=folder, paths=paths, options=chosen)
        self._work(parent)
        if answers and parent.state != ImportState.REFUSED:
            receiving.change(user=user, parent=parent, answers=answers)
            self._work(parent)
        if parent.state == ImportState.ASKING:
            self._say_questions(parent)
            receiving.cancel(user=user, parent=parent)
            raise CommandError("Answer with --answer, and run the command again.")
        if parent.state == ImportState.REFUSED:
            receiving.cancel(user=user, parent=parent)
            raise CommandError(str(parent.refusal.get("message", "Nothing of this can be imported.")))
        counts = parent.counts
        self.stdout.write(
            f"{counts['rows']:,} rows: {counts['ready']:,} ready, {counts['faulty']:,} faulty,"
            f" {counts['known']:,} here already; {counts['orphans']:,} audio files without a row."
        )
        for file in ImportFile.objects.filter(parent=parent, cause_code="bad_name")[:SHOWN]:
            self.stdout.write(f"  {file.name}: {file.cause}")
        self._say_faults(parent, options["rejects"])
        if options["check"]:
            receiving.cancel(user=user, parent=parent)
            return
        receiving.start(user=user, parent=parent)
        self._work(parent)
        counts = parent.counts
        self.stdout.write(
            self.style.SUCCESS(
                f"{counts.get('added', 0):,} added, {counts.get('updated', 0):,} brought up to date,"
                f" {counts.get('unchanged', 0) + counts.get('skipped', 0):,} left as they are."
            )
        )
        if parent.state == ImportState.LANDING:
            self.stdout.write(
                f"{counts.get('waiting', 0):,} rows wait for their audio to be prepared:"
                f" manage.py progress --project {project.pk}"
            )

    def _work(self, parent: Import) -> None:
        """Do the job of an import in this process, unless a worker was quicker: then wait for it."""
        parent.refresh_from_db()
        while parent.state in (ImportState.CHECKING, ImportState.IMPORTING):
            claimed = filejobs.claim(parent.job_id or 0, worker="manage.py import_folder")
            if claimed is None:
                time.sleep(0.5)
                parent.refresh_from_db()
                job = parent.job
                if job is not None and job.state in ("failed", "cancelled"):
                    break
                continue
            try:
                imports.run(claimed, self._tick(claimed))
            except AnnotationError as error:
                filejobs.fail(claimed, code=error.code, message=error.message, final=True)
                parent.refresh_from_db()
                if parent.state != ImportState.REFUSED:
                    raise
            except BaseException:
                filejobs.hand_back(claimed)
                raise
            else:
                filejobs.finish(claimed)
            parent.refresh_from_db()
        self.bar.end()

    def _tick(self, claimed: filejobs.ClaimedJob) -> filejobs.Tick:
        last = 0.0

        def tick(done: int, total: int, phase: str = "", failed: int = 0) -> None:
            nonlocal last
            if time.monotonic() - last < 0.5 and done < total:
                return
            last = time.monotonic()
            if not filejobs.tick(claimed, done, total, failed=failed, phase=phase):
                raise CommandError("The import was given up from elsewhere.")
            self.bar.show(done, total, phase)

        return tick

    def _say_questions(self, parent: Import) -> None:
        for question in parent.questions:
            self.stdout.write(self.style.WARNING(question["message"]))
            if question["samples"]:
                self.stdout.write(f"  such as {', '.join(question['samples'])}")
            for choice in question["choices"]:
                value = choice["value"] + (":audio" if question["code"] == "columns" else "")
                answer = shlex.quote(f"{question['code']}={value}")
                self.stdout.write(f"  --answer {answer}    {choice['label']}")

    def _say_faults(self, parent: Import, target: Path | None) -> None:
        rows = ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY).order_by("source", "line")
        number = rows.count()
        for row in rows[:SHOWN]:
            self.stdout.write(f"  line {row.line}: {reason(row).replace(chr(10), '; ')}")
        if number > SHOWN:
            self.stdout.write(f"  and {number - SHOWN:,} more; --rejects FILE writes all of them")
        if target is not None and number:
            with sheet_of(parent) as sheet, target.open("wb") as out:
                shutil.copyfileobj(sheet, out)
            self.stdout.write(f"{target} has the {number:,} faulty rows, to be mended and imported again.")


def _manager(project: Project, name: str) -> User:
    rows = Membership.objects.filter(project=project, role=Role.MANAGER).select_related("user").order_by("pk")
    if name:
        found = User.objects.filter(username=name).first()
        if found is None:
            raise CommandError(f"There is no account {name!r}.")
        return found
    first = rows.first()
    if first is None:
        raise CommandError("The project has no manager; name an account with --user.")
    return first.user


def _answers(values: list[str]) -> dict[str, Any]:
    columns: dict[str, str] = {}
    for said in [value.partition("=")[2] for value in values if value.startswith("columns=")]:
        header, sign, field = said.rpartition(":")
        if not sign:
            raise CommandError(f"--answer columns wants HEADER:FIELD, such as Clip:audio, not {said!r}.")
        columns[header] = field
    found = _pairs([value for value in values if not value.startswith("columns=")], "--answer")
    return {**found, "columns": columns} if columns else found


def _options(values: list[str]) -> dict[str, Any]:
    found = _pairs(values, "--option")
    if "accept" in found:
        found["accept"] = found["accept"].split(",")
    if found.get("header_row", "").isdecimal():
        found["header_row"] = int(found["header_row"])
    return found


def _pairs(values: list[str], option: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        name, sign, said = value.partition("=")
        if not sign or not name or not said:
            raise CommandError(f"{option} wants WHAT=VALUE, not {value!r}.")
        found[name] = said
    return found


class Bar:
    """Draw a bar on a terminal, and a line now and then elsewhere."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._live = bool(getattr(out, "isatty", sys.stdout.isatty)())
        self._next = 0.0
        self._drawn = False

    def show(self, done: int, total: int, what: str) -> None:
        """Show how far it is; drawn at most ten times a second."""
        now = time.monotonic()
        if now < self._next and done < total:
            return
        share = done / total if total else 0.0
        words = f"{done:,} of {total:,}  {what[:40]}"
        if self._live:
            self._next = now + 0.1
            filled = round(BAR * share)
            self._out.write(f"\r{'█' * filled}{'░' * (BAR - filled)} {share:4.0%}  {words:<60}", ending="")
            self._out.flush()
            self._drawn = True
        else:
            self._next = now + PLAIN_EVERY_S
            self._out.write(f"{share:4.0%}  {words}")

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._drawn:
            self._out.write("")
            self._drawn = False
