"""What people do with an import: begin it with files, add more, answer, choose how, start it, give it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from django.db import transaction
from django.db.models import Count

from annotation.errors import Conflict, Denied, Invalid
from annotation.models import Import, ImportFile, ImportTemplate, Project, User
from annotation.permissions import require
from annotation.services import filejobs, jobs
from annotation.services.clock import ClockTimestamp
from annotation.services.imports import between, checking, columns, faults, files, staging
from annotation.services.multipart import Arrived, Received, discard
from annotation.services.segments import clean_text
from annotation.states import FileKind, ImportState, JobKind, JobState
from transcription.tables.plain import DELIMITERS

MAX_FILES: Final = 100_000
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "on_known": ("update", "skip"),
    "empty_text": ("refuse", "transcribe"),
    "orphans": ("leave", "transcribe"),
    "corrections": ("text", "gold"),
}
TEXTS: Final = ("sheet", "delimiter", "template")
ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "time_unit": ("s", "ms"),
    "clock_cells": ("minutes", "hours"),
    "absolute_paths": ("last_part", "refuse"),
}
OF_ONE_FILE: Final = ("table", "encoding", "clock_cells")
"""Answers that say nothing about another file, such as the sheet of rejects."""
OPEN: Final = (ImportState.ASKING, ImportState.CHECKED, ImportState.REFUSED)
OVER: Final = (ImportState.LANDING, ImportState.DONE)
"""States in which all audio is stored that rows have named."""
AT_ONCE: Final = ("on_known", "orphans", "corrections", "accept")
"""Options that change no row's reading, so the table need not be read again for them."""


def begin(
    *,
    user: User,
    project: Project,
    received: Received,
    options: Mapping[str, Any] | None = None,
    after: Import | None = None,
) -> Import:
    """Take the files of one drop in and check them, in a job; the unused audio of `after` goes along.

    Raises Invalid where no file came whole, Conflict while `after` may still need its audio itself; then
    nothing is kept.
    """
    require(user, "import", project)
    try:
        if after is not None and after.state not in OVER:
            raise Conflict(
                f"Import {after.pk} is not over, so its audio stays with it. Add the files to it, or wait.",
                code="import_not_over", state=after.state,
            )  # fmt: skip
        if not received.files:
            _refuse_empty(received)
        chosen = read_options(options or {})
        answers: dict[str, Any] = {}
        if after is not None and after.project_id == project.pk:
            answers = {code: said for code, said in after.answers.items() if code not in OF_ONE_FILE}
            chosen = {**{name: after.options[name] for name in CHOICES if name in after.options}, **chosen}
        with transaction.atomic():
            parent = Import.objects.create(project=project, created_by=user, options=chosen, answers=answers)
        # Moving bytes is slow and needs no transaction; a crash here leaves an import that can be given up.
        _take(parent, received.files)
        if after is not None:
            _adopt(parent, after)
        return _check_again(parent, user)
    finally:
        discard(received.files)


def _refuse_empty(received: Received) -> None:
    if received.refused:
        first = received.refused[0]
        raise Invalid(f"{first.name}: {first.message}", code=first.code)
    raise Invalid("No file was sent; put each file in a field named `file`.", code="no_file")


def add_files(*, user: User, parent: Import, received: Received) -> Import:
    """Add files to an import that was not started, and check it again."""
    require(user, "import", parent.project)
    try:
        if not received.files:
            _refuse_empty(received)
        if parent.state not in OPEN:
            raise _too_late(parent)
        _take(parent, received.files)
        return _check_again(parent, user)
    finally:
        discard(received.files)


def _take(parent: Import, arrived: Sequence[Arrived]) -> None:
    if ImportFile.objects.filter(parent=parent).count() + len(arrived) > MAX_FILES:
        raise Invalid(f"A drop may have {MAX_FILES:,} files; make several of it.", code="too_many_files")
    # The same name again is the mended file: the older one goes.
    older = list(ImportFile.objects.filter(parent=parent, name__in={one.name[:1000] for one in arrived}))
    names: set[str] = set()
    for one in arrived:
        file = files.register(
            parent, one.name, one.file.path, sha256=one.file.sha256, size_bytes=one.file.size_bytes
        )
        # Of two in one drop none is the mended one. Rows that name such audio are told that several fit.
        if file.name in names and file.kind != FileKind.AUDIO:
            files.leave_out(file, "same_name")
        names.add(file.name)
    for old in older:
        if old.recording_id is None:
            files.path_of(old).unlink(missing_ok=True)
        old.delete()


def _adopt(parent: Import, after: Import) -> None:
    """Take along the audio of an earlier import that became nothing there: it need not be sent again."""
    if after.project_id != parent.project_id or after.folder:
        return
    unused = ImportFile.objects.filter(parent=after, kind=FileKind.AUDIO, recording=None, cause="")
    names = set(ImportFile.objects.filter(parent=parent).values_list("name", flat=True))
    archives = frozenset(
        ImportFile.objects.filter(parent=after, kind=FileKind.ARCHIVE).values_list("name", flat=True)
    )
    for file in unused:
        name = files.short_name(file, archives)
        source = files.path_of(file)
        if name in names or not source.exists():
            continue
        source.replace(files.folder_of(parent.pk) / file.pk.hex)
        ImportFile.objects.filter(pk=file.pk).update(parent=parent, name=name)


def change(
    *,
    user: User,
    parent: Import,
    answers: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    save_template: str = "",
) -> Import:
    """Answer, choose columns and how to proceed; check again where that changes how rows are read."""
    require(user, "import", parent.project)
    if parent.state not in OPEN:
        raise _too_late(parent)
    said = {**parent.answers, **_answers(parent, answers or {})}
    chosen = {**parent.options, **read_options(options or {})}
    read_again = said != parent.answers or any(
        chosen.get(name) != parent.options.get(name) for name in {*chosen, *parent.options} - set(AT_ONCE)
    )
    with transaction.atomic():
        rows = Import.objects.filter(pk=parent.pk, state__in=OPEN).update(answers=said, options=chosen)
        if not rows:
            raise _too_late(parent)
        parent.refresh_from_db()
        if save_template:
            _save_template(user, parent, save_template)
        if read_again or parent.state != ImportState.CHECKED:
            return _check_again(parent, user)
        between.settle(parent, checking.accepted_of(parent))
        Import.objects.filter(pk=parent.pk).update(
            counts={**checking.summary(parent), "rejects": 0}, preview=checking.preview_of(parent)
        )
    parent.refresh_from_db()
    return parent


def _answers(parent: Import, answers: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for code, value in answers.items():
        if code == "columns":
            said["columns"] = {**(parent.answers.get("columns") or {}), **_columns(parent, value)}
        elif code == "table":
            names = list(
                ImportFile.objects.filter(parent=parent, kind=FileKind.TABLE).values_list("name", flat=True)
            )
            if value not in names:
                raise Invalid("There is no such table in this drop.", table=names)
            said["table"] = value
        elif code == "encoding":
            if not isinstance(value, str) or not value or len(value) > 40 or not _is_plain(value):
                raise Invalid("Name an encoding such as cp1252.", encoding="the name of an encoding")
            said["encoding"] = value
        elif code in ANSWERS:
            if value not in ANSWERS[code]:
                expected: dict[str, Any] = {code: " or ".join(ANSWERS[code])}
                raise Invalid(f"{code}: expected {' or '.join(ANSWERS[code])}.", **expected)
            said[code] = value
        else:
            raise Invalid(f"Nothing is asked that is called {code[:40]!r}.", code="unknown_question")
    return said


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _columns(parent: Import, value: Any) -> dict[str, str]:
    allowed = (*columns.FIELDS, columns.KEPT, columns.IGNORED)
    headers = {column["header"] for column in parent.columns}
    if not isinstance(value, dict) or not all(field in allowed for field in value.values()):
        raise Invalid(
            "Columns are {header: field}.", columns=f"fields: {', '.join(filter(None, allowed))}, or empty"
        )
    unknown = [header for header in value if header not in headers]
    if unknown:
        raise Invalid(f"The table has no column {unknown[0][:80]!r}.", columns=sorted(headers))
    return {str(header): str(field) for header, field in value.items()}


def read_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to proceed, as it is kept; raises Invalid for what is no option."""
    chosen: dict[str, Any] = {}
    for name, value in options.items():
        if name in CHOICES:
            if value not in CHOICES[name]:
                expected: dict[str, Any] = {name: " or ".join(CHOICES[name])}
                raise Invalid(f"{name}: expected {' or '.join(CHOICES[name])}.", **expected)
            chosen[name] = value
        elif name == "accept":
            if not isinstance(value, list) or not set(map(str, value)) <= faults.SOFT:
                raise Invalid("These faults cannot be waved through.", accept=sorted(faults.SOFT))
            chosen[name] = sorted(set(map(str, value)))
        elif name == "header_row":
            if value is not None and (
                not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10_000
            ):
                raise Invalid(
                    "header_row is the number of a row; 0 = there are no headers.", header_row="a number"
                )
            chosen[name] = value
        elif name in TEXTS:
            if not isinstance(value, str) or len(value) > 200:
                raise Invalid(f"{name} must be a short text.", code="invalid")
            clean_text(value, field=name)  # a check alone: a sheet is found by its very name
            if name == "delimiter" and value not in ("", *DELIMITERS):
                raise Invalid("Cells are parted by a comma, semicolon, tab or bar.", delimiter=", ; tab |")
            chosen[name] = value
        else:
            raise Invalid(f"There is no option called {name[:40]!r}.", code="unknown_option")
    return chosen


def _save_template(user: User, parent: Import, name: str) -> None:
    cleaned = " ".join(clean_text(name, field="save_template").split())[:100]
    if not cleaned:
        raise Invalid("Give the template a name.", save_template="a name")
    if not parent.columns:
        raise Invalid("There are no columns to remember yet.", code="no_columns")
    found = {**{c["header"]: c["field"] for c in parent.columns}, **(parent.answers.get("columns") or {})}
    kept = ("time_unit", "clock_cells", "absolute_paths")
    ImportTemplate.objects.update_or_create(
        project_id=parent.project_id,
        name=cleaned,
        defaults={
            "headers": [
                key
                for key in (columns.plain(column["header"]) for column in parent.columns)
                if key not in (columns.LINE, columns.REASON)
            ],
            "fields": {columns.plain(header): field for header, field in found.items()},
            "answers": {code: parent.answers[code] for code in kept if code in parent.answers},
            "created_by": user,
        },
    )


def remove_template(*, user: User, template: ImportTemplate) -> None:
    """Forget a template."""
    require(user, "import", template.project)
    template.delete()


def start(*, user: User, parent: Import) -> Import:
    """Import the ready rows of a checked import, in a job."""
    require(user, "import", parent.project)
    if parent.state != ImportState.CHECKED:
        raise _too_late(parent)
    counts = parent.counts
    anything = counts.get("ready") or (counts.get("orphans") and _takes_orphans(parent))
    if not anything:
        raise Conflict(
            "No row is ready. Mend the table, or add the audio, and check it again.", code="nothing_ready"
        )
    with transaction.atomic():
        job = filejobs.create(user=user, project=parent.project, kind=JobKind.IMPORT)
        rows = Import.objects.filter(pk=parent.pk, state=ImportState.CHECKED).update(
            state=ImportState.IMPORTING, job=job
        )
        if not rows:
            raise Conflict("The import changed this moment; look at it again.", code="not_checked")
        checking.announce(parent, ImportState.IMPORTING)
    parent.refresh_from_db()
    return parent


def _takes_orphans(parent: Import) -> bool:
    return parent.options.get("orphans") == "transcribe" or not (parent.table or parent.counts.get("rows"))


def cancel(*, user: User, parent: Import) -> Import:
    """Give an import up: rows that were not imported yet are dropped, segments that are there stay."""
    require(user, "import", parent.project)
    with transaction.atomic():
        rows = (
            Import.objects.filter(pk=parent.pk)
            .exclude(state__in=(ImportState.DONE, ImportState.CANCELLED))
            .update(state=ImportState.CANCELLED, finished_at=ClockTimestamp())
        )
        if rows:
            staging.clear(parent)
            checking.announce(parent, ImportState.CANCELLED)
    job = parent.job
    if rows and job is not None and job.state in (JobState.PENDING, JobState.RUNNING):
        with suppress(Conflict, Denied):  # it ended this moment; its claim finds the import cancelled
            jobs.cancel(user=user, job=job)
    parent.refresh_from_db()
    if parent.state == ImportState.DONE:
        raise Conflict("This import is done; what it brought can be found among the recordings.")
    files.forget(parent.pk)
    return parent


def _check_again(parent: Import, user: User) -> Import:
    with transaction.atomic():
        job = filejobs.create(user=user, project=parent.project, kind=JobKind.IMPORT)
        rows = Import.objects.filter(pk=parent.pk, state__in=(*OPEN, ImportState.CHECKING)).update(
            state=ImportState.CHECKING, job=job, questions=[], refusal={}
        )
        if not rows:
            raise _too_late(parent)
        checking.announce(parent, ImportState.CHECKING)
    parent.refresh_from_db()
    return parent


def _too_late(parent: Import) -> Conflict:
    return Conflict(
        f"This import is {parent.get_state_display().lower()}; it can be changed while it waits for you.",
        code="import_not_open", state=parent.state,
    )  # fmt: skip


def files_by_kind(parent: Import) -> dict[str, int]:
    """Count the files of an import by what they are."""
    rows = ImportFile.objects.filter(parent=parent).order_by().values("kind").annotate(n=Count("pk"))
    return {row["kind"]: row["n"] for row in rows}
