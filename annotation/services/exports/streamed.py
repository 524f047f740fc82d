"""Write a project or recording out as CSV or JSONL: the table of a version, row by row, in constant memory.

Rows are read in pages by key, not through one long cursor: a reader with a slow line holds no
connection and no transaction. Each row is as it was when its page was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from annotation.models import Project, Recording
from annotation.services.exports.columns import Layout, values_of
from annotation.services.exports.frozen import FrozenRow, whole
from annotation.services.exports.selecting import pages_of, says_paths
from annotation.services.file_names import file_names
from transcription.formats.json_rows import table_line
from transcription.formats.sheets import csv_lines

BATCH: Final = 500
FORMATS: Final = ("csv", "jsonl")


def export(scope: Project | Recording, form: str) -> Iterator[bytes]:
    """Yield the file in pieces of some hundred rows; `form` is one of FORMATS."""
    project = scope if isinstance(scope, Project) else scope.project
    lines = (_csv if form == "csv" else _jsonl)(project, scope)
    while piece := b"".join(islice(lines, BATCH)):
        yield piece


def _csv(project: Project, scope: Project | Recording) -> Iterator[bytes]:
    layout = Layout(project.sheet_columns, paths=says_paths(project))
    return csv_lines(
        layout.header, (layout.fill(row, values_of(row, name)) for row, name in _rows(project, scope))
    )


def _jsonl(project: Project, scope: Project | Recording) -> Iterator[bytes]:
    for row, name in _rows(project, scope):
        yield table_line(values_of(row, name), row.facts["metadata"]).encode("utf-8", "replace")


def _rows(project: Project, scope: Project | Recording) -> Iterator[tuple[FrozenRow, str]]:
    names = file_names(project)
    for page in pages_of(scope, BATCH):
        for row in whole(page, project.language):
            called = names.get(row.recording_id)  # none yet where it came a moment ago
            yield row, called.file if called else row.facts["file_name"]
