"""The import wizard: Files, Columns, Check, Import. Works without scripts; with them its numbers are live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from annotation.api.imports import rejects_response
from annotation.conf import conf
from annotation.errors import AnnotationError, Conflict, Invalid
from annotation.models import Import, ImportFile, ImportRow, ImportTemplate, Project
from annotation.permissions import get_visible, require, role_in
from annotation.services import multipart
from annotation.services.imports import receiving
from annotation.services.imports.columns import FIELDS, IGNORED, KEPT, LABELS, letter
from annotation.services.imports.faults import ACCEPTED_UNLESS_TOLD, CODES, SOFT
from annotation.states import FileKind, ImportRowState, ImportState, JobState
from annotation.ui.pages import is_fragment, page, person_of, refused, whole_number
from annotation.ui.projects import rights
from transcription.tables.plain import DELIMITERS

ROWS: Final = 50
STEPS: Final = ("Files", "Columns", "Check", "Import")
STEP_OF: Final = {
    ImportState.CHECKING: 3,
    ImportState.ASKING: 2,
    ImportState.CHECKED: 3,
    ImportState.REFUSED: 1,
    ImportState.IMPORTING: 4,
    ImportState.LANDING: 4,
    ImportState.DONE: 4,
    ImportState.CANCELLED: 1,
}
MARKS: Final = {
    ImportState.ASKING: "waiting",
    ImportState.CHECKED: "waiting",
    ImportState.REFUSED: "failed",
    ImportState.DONE: "done",
    ImportState.CANCELLED: "cancelled",
}
WORKING: Final = (ImportState.CHECKING, ImportState.IMPORTING, ImportState.LANDING)
CHANGEABLE: Final = (ImportState.ASKING, ImportState.CHECKED)
DELIMITER_OF: Final = {name: mark for mark, name in DELIMITERS.items()}
PHASES: Final = {
    "": "Waiting for a worker",
    "unpacking": "Unpacking (MB)",
    "reading": "Reading rows",
    "listening": "Looking at the audio",
    "comparing": "Comparing rows with each other",
    "storing": "Storing audio",
    "importing": "Importing",
}


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """Show one column: what it is taken for, how that was found, and what stands in it."""

    place: str
    header: str
    field: str
    found: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FaultCount:
    """Show how many rows have one fault."""

    code: str
    name: str
    rows: int
    soft: bool
    accepted: bool


@csrf_exempt
def index(request: HttpRequest, project_id: int) -> HttpResponse:
    """List the imports of a project, and take a new drop."""
    return _with_files(request, project_id=project_id, view=_index)


@csrf_exempt
def add_files(request: HttpRequest, import_id: int) -> HttpResponse:
    """Add files to an import that was not started, or begin its successor with a mended sheet."""
    return _with_files(request, import_id=import_id, view=_add_files)


def _with_files(request: HttpRequest, *, view: Any, **where: int) -> HttpResponse:
    """Receive files straight into the uploads folder, as `ui.uploads` does: the CSRF check reads the form."""
    if request.method == "POST" and request.user.is_authenticated:
        person = person_of(request)
        try:
            if "project_id" in where:
                project = get_visible(Project.objects.all(), person, pk=where["project_id"])
            else:
                project = _found(request, where["import_id"]).project
            require(person, "import", project)
        except AnnotationError as error:
            return refused(request, error)
        handler = multipart.ToUploads()
        request.upload_handlers = [handler]
        try:
            response: HttpResponse = view(request, **where)
        finally:
            handler.drop()
            multipart.discard(handler.received.files)
        return response
    plain: HttpResponse = view(request, **where)
    return plain


@csrf_protect
@page("GET", "POST")
def _index(request: HttpRequest, project_id: int) -> HttpResponse:
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "import", project)
    if request.method == "POST":
        return _begun(request, project, after=None)
    rows = Import.objects.filter(project=project).select_related("created_by", "job")
    found = Paginator(rows, 20).get_page(whole_number(request.GET.get("page"), 1, 1, 10**6))
    context = {
        "project": project,
        "can": rights(role_in(person, project)),
        "found": found,
        "lines": [(parent, *_standing(parent)) for parent in found],
        "templates": ImportTemplate.objects.filter(project=project),
        "chunk_bytes": conf().upload_chunk_bytes,
    }
    return render(request, "ui/imports.html", context)


def _begun(request: HttpRequest, project: Project, after: Import | None) -> HttpResponse:
    received = _received(request)
    try:
        parent = receiving.begin(user=person_of(request), project=project, received=received, after=after)
    except (Conflict, Invalid) as error:
        messages.error(request, error.message)
        return redirect("import", after.pk) if after else redirect("imports", project.pk)
    for file in received.refused:
        messages.warning(request, f"{file.name} was not taken: {file.message}")
    return redirect("import", parent.pk)


def _received(request: HttpRequest) -> multipart.Received:
    list(request.FILES)  # reads the form, if the check of its token has not
    handler = request.upload_handlers[0]
    assert isinstance(handler, multipart.ToUploads)  # noqa: S101 - set in `_with_files`
    return handler.received


@csrf_protect
@page("POST")
def _add_files(request: HttpRequest, import_id: int) -> HttpResponse:
    parent = _found(request, import_id)
    if parent.state in receiving.OVER:
        return _begun(request, parent.project, after=parent)
    try:
        receiving.add_files(user=person_of(request), parent=parent, received=_received(request))
    except (Conflict, Invalid) as error:
        messages.error(request, error.message)
    return redirect("import", parent.pk)


def _found(request: HttpRequest, import_id: int) -> Import:
    person = person_of(request)
    rows = Import.objects.select_related("project", "job", "created_by")
    parent = get_visible(rows, person, pk=import_id)
    require(person, "import", parent.project)
    return parent


@page("GET", "POST")
def detail(request: HttpRequest, import_id: int) -> HttpResponse:
    """Show one import at its step; take answers, columns and choices."""
    parent = _found(request, import_id)
    if request.method == "POST":
        try:
            _change(request, parent)
        except (Conflict, Invalid) as error:
            messages.error(request, error.message)
        return redirect("import", parent.pk)
    context = _context(request, parent)
    if is_fragment(request):
        return render(request, "ui/parts/import_body.html", context)
    return render(request, "ui/import.html", context)


def _change(request: HttpRequest, parent: Import) -> None:
    sent = request.POST
    answers: dict[str, Any] = {
        code: sent[f"answer-{code}"]
        for code in ("table", "encoding", *receiving.ANSWERS)
        if sent.get(f"answer-{code}")
    }
    chosen = {}
    for place, column in enumerate(parent.columns):
        value = sent.get(f"column-{place}")
        if value is not None and value != column["field"] and value in (*FIELDS, KEPT, IGNORED):
            chosen[column["header"]] = value
    if chosen:
        answers["columns"] = chosen
    options: dict[str, Any] = {name: sent[name] for name in receiving.CHOICES if sent.get(name)}
    if "accept-shown" in sent:
        shown = set(sent["accept-shown"].split()) & SOFT
        before = set(parent.options.get("accept", ACCEPTED_UNLESS_TOLD))
        options["accept"] = sorted((before - shown) | (set(sent.getlist("accept")) & SOFT))
    row = (sent.get("header_row") or "").strip()
    if row.isdecimal() and len(row) < 5:
        options["header_row"] = int(row)
    options |= {name: said for name, said in _reading(request).items() if said != _read(parent)[name]}
    receiving.change(
        user=person_of(request), parent=parent, answers=answers, options=options,
        save_template=sent.get("save_template", "").strip(),
    )  # fmt: skip


def _reading(request: HttpRequest) -> dict[str, str]:
    """Return how the table shall be read, as far as the page asked."""
    sent = request.POST
    said = {name: sent[name] for name in ("sheet", "template") if name in sent}
    if sent.get("delimiter") in DELIMITER_OF:
        said["delimiter"] = DELIMITER_OF[sent["delimiter"]]
    return said


def _read(parent: Import) -> dict[str, str]:
    """Return how the table was read."""
    found = {name: parent.reading.get(name, "") for name in ("sheet", "delimiter")}
    return {**found, "template": parent.options.get("template", "")}


@page("POST")
def start(request: HttpRequest, import_id: int) -> HttpResponse:
    """Import the ready rows."""
    parent = _found(request, import_id)
    try:
        receiving.start(user=person_of(request), parent=parent)
    except Conflict as error:
        messages.error(request, error.message)
    return redirect("import", parent.pk)


@page("POST")
def cancel(request: HttpRequest, import_id: int) -> HttpResponse:
    """Give an import up."""
    parent = _found(request, import_id)
    try:
        receiving.cancel(user=person_of(request), parent=parent)
        messages.success(request, "Given up. What had become a segment stays.")
    except Conflict as error:
        messages.error(request, error.message)
    return redirect("imports", parent.project_id)


@page("GET")
def rejects_sheet(request: HttpRequest, import_id: int) -> HttpResponse:
    """Download the faulty rows."""
    return rejects_response(_found(request, import_id))


@page("POST")
def forget_template(request: HttpRequest, project_id: int, template_id: int) -> HttpResponse:
    """Forget how tables of one shape are read."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    template = ImportTemplate.objects.filter(project=project, pk=template_id).first()
    if template is not None:
        receiving.remove_template(user=person, template=template)
    return redirect("imports", project.pk)


# -- What a page shows ---------------------------------------------------------------------------------------


def _standing(parent: Import) -> tuple[str, str]:
    """Return the mark of an import and its words."""
    if parent.state in WORKING:
        job = parent.job
        if job is not None and job.state in (JobState.FAILED, JobState.CANCELLED):
            return "failed", "Stopped"
        return "working", str(parent.get_state_display())
    return MARKS[ImportState(parent.state)], str(parent.get_state_display())


def _context(request: HttpRequest, parent: Import) -> dict[str, Any]:
    person = person_of(request)
    state = ImportState(parent.state)
    mark, words = _standing(parent)
    rows = ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY).order_by(
        "source", "line", "pk"
    )
    code = request.GET.get("code", "")
    if code in CODES:
        rows = rows.filter(faults__contains=[[code]])
    faulty = Paginator(rows, ROWS).get_page(whole_number(request.GET.get("page"), 1, 1, 10**6))
    accepted = frozenset(parent.options.get("accept", ACCEPTED_UNLESS_TOLD))
    counts = parent.counts
    orphans = ImportFile.objects.filter(parent=parent, kind=FileKind.AUDIO, recording=None, cause="")
    named = ImportRow.objects.filter(parent=parent, file__isnull=False).values("file")
    faults = [
        FaultCount(code, CODES.get(code, code), number, code in SOFT, code in accepted)
        for code, number in counts.get("by_code", {}).items()
    ]
    job = parent.job
    return {
        "import": parent,
        "project": parent.project,
        "chunk_bytes": conf().upload_chunk_bytes,
        "can": rights(role_in(person, parent.project)),
        "step": STEP_OF[state],
        "steps": [(number, name) for number, name in enumerate(STEPS, 1)],
        "mark": mark,
        "state_words": words,
        "working": mark == "working",
        "stopped": mark == "failed" and state in WORKING,
        "job": job,
        "phase": PHASES.get(job.phase if job else "", ""),
        "waiting": counts.get("waiting", 0),
        "columns": _columns(parent),
        "fields": [(name, LABELS[name]) for name in (KEPT, *FIELDS, IGNORED)],
        "changeable": state in CHANGEABLE,
        "readable": bool(parent.reading) and state in (*CHANGEABLE, ImportState.REFUSED),
        "tables": _tables(parent),
        "sheets": parent.reading.get("sheets", ()),
        "delimiters": [
            (name, mark == parent.reading["delimiter"])
            for mark, name in DELIMITERS.items()
            if parent.reading.get("delimiter")
        ],
        "templates": ImportTemplate.objects.filter(project=parent.project_id).order_by("name"),
        "faults": faults,
        "soft": [fault for fault in faults if fault.soft],
        "faulty": faulty,
        "code": code if code in CODES else "",
        "page_query": f"code={code}&" if code in CODES else "",
        "fault_rows": [
            (row, [(CODES.get(code, code), message) for code, message in row.faults]) for row in faulty
        ],
        "orphans": list(orphans.exclude(pk__in=named)[:10]) if counts.get("orphans") else [],
        "left_out": list(
            ImportFile.objects.filter(parent=parent)
            .exclude(cause="").exclude(cause_code__in=("unpacked", "junk"))[:20]
        ),
        "importable": _importable(parent),
        "on_known": parent.options.get("on_known", "update"),
        "empty_text": parent.options.get("empty_text", "refuse"),
        "corrections": parent.options.get("corrections", "text")
        if any(column["field"] == "correction" for column in parent.columns)
        else "",
        "orphan_choice": parent.options.get("orphans", "leave"),
        "parsed": bool(parent.preview) and "cells" not in parent.preview[0],
        "files": receiving.files_by_kind(parent),
    }  # fmt: skip


def _tables(parent: Import) -> list[str]:
    """Return the names of the tables to choose from, where there is a choice."""
    rows = ImportFile.objects.filter(parent=parent, kind=FileKind.TABLE)
    names = list(rows.order_by("name").values_list("name", flat=True)[:100])
    return names if len(names) > 1 else []


def _importable(parent: Import) -> int:
    ready = int(parent.counts.get("ready", 0))
    audio_alone = not parent.table and not parent.counts.get("rows")
    if audio_alone or parent.options.get("orphans") == "transcribe":
        ready += int(parent.counts.get("orphans", 0))
    return ready


def _columns(parent: Import) -> list[ColumnRow]:
    rows = [row["cells"] for row in parent.preview if "cells" in row]
    if not rows and parent.table:
        rows = [row.cells for row in ImportRow.objects.filter(parent=parent).order_by("line")[:3]]
    return [
        ColumnRow(
            letter(place),
            column["header"],
            column["field"],
            column.get("found", ""),
            tuple(row[place][:60] for row in rows[:3] if place < len(row) and row[place].strip()),
        )
        for place, column in enumerate(parent.columns)
    ]
