"""Under which name, and as which kind of file, an export is downloaded."""

from __future__ import annotations

from typing import Final

from annotation.models import Export
from annotation.services.exports.choosing import ONE_FILE
from annotation.services.names import download_name
from annotation.states import ExportFormat

ENDINGS: Final = {ExportFormat.LABEL_STUDIO: "json"}
"""Of formats in one file, where it is not their name."""
TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonl; charset=utf-8",
    "json": "application/json",
    "zip": "application/zip",
}


def is_one_file(export: Export) -> bool:
    """Tell whether the export is downloaded as the one file that its format is, or as an archive."""
    return export.format in ONE_FILE and export.options["audio"] == "none"


def ending(export: Export) -> str:
    """Return the ending of its file's name."""
    form = ExportFormat(export.format)
    return ENDINGS.get(form, form.value) if is_one_file(export) else "zip"


def file_name(export: Export) -> str:
    """Return the name under which it is downloaded: the project's at that time, and the number."""
    name = export.snapshot.facts["project"]
    return download_name(f"{name} v{export.number} {export.format}", f".{ending(export)}")


def content_type(export: Export) -> str:
    """Return the kind of file that it is."""
    return TYPES.get(ending(export), "text/plain; charset=utf-8")
