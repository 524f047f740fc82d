"""Say what an export holds: a manifest for programs, a dataset card for people and the Hugging Face hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Count, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import NullIf

from annotation.models import Export, ExportedRow
from annotation.services.exports.about import ABOUT
from annotation.services.exports.building import Build
from annotation.services.exports.choosing import CUT, TABLES
from annotation.services.exports.columns import NORMALISER
from annotation.services.exports.freezing import stored_choice
from annotation.states import ExportFormat, SegmentState
from transcription.formats.archive import Member
from transcription.formats.exported import COLUMNS
from transcription.text.normalize import PROFILES

MANIFEST: Final = "manifest.json"
CARD: Final = "README.md"
SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")
SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def manifest_of(build: Build, sums: Member | None, members: int) -> dict[str, Any]:
    """Return the manifest, from what was written. `sums` is the member with all check sums, in an archive."""
    export, counts, facts = build.export, build.counts, build.snapshot.facts
    normaliser = build.options.normalise or NORMALISER
    return {
        "export": {
            "id": str(export.pk),
            "project": facts["project"],
            "project_id": str(export.project_id),
            "version": export.number,
            "format": export.format,
            "asked_by": facts["asked_by"],
            "asked_at": export.created_at.isoformat(),
            "frozen_at": build.snapshot.frozen_at.isoformat(),
        },
        "filter": export.filter,
        "options": export.options,
        "counts": {
            "rows": counts.rows,
            "audio_ms": counts.audio_ms,
            **_distinct(export),
            "left_out": left_out(build),
            "not_held_by_format": counts.unheld,
            "texts_changed_by_format": counts.altered,
            **{f"by_{name}": _plain(found) for name, found in counts.by.items()},
            "audio_ms_by_split": _plain(counts.audio_by_split),
        },
        "normaliser": {
            "name": normaliser.rpartition("-")[0],
            "version": normaliser.rpartition("-")[2],
            "what": PROFILES[normaliser].description,
            "applied_to_texts": bool(build.options.normalise),
        },
        "models": _plain(counts.by["model"]),
        "checksums": None if sums is None else {"file": sums.name, "sha256": sums.sha256, "members": members},
    }


def _distinct(export: Export) -> dict[str, int]:
    speaker = KeyTextTransform("speaker", "facts")
    found: dict[str, int] = ExportedRow.objects.filter(export=export).aggregate(
        recordings=Count("recording_id", distinct=True),
        speakers=Count(NullIf(speaker, Value("")), distinct=True),
    )
    return found


def left_out(build: Build) -> dict[str, int]:
    """Return how many rows of each state the other conditions would have let in, and their state did not."""
    wanted = set(stored_choice(build.export).wanted_states)
    there: Mapping[str, int] = build.snapshot.facts["there"]
    return {state: number for state, number in sorted(there.items()) if state not in wanted}


def _plain(counter: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in sorted(counter.items()) if number and name}


def card_of(build: Build, manifest: Mapping[str, Any]) -> str:
    """Return the dataset card, Markdown with the front matter that the hub reads."""
    export, counts = build.export, manifest["counts"]
    form = ExportFormat(export.format)
    name, about = _text(build.snapshot.facts["project"]), build.snapshot.facts["description"].strip()
    lines = [*_front_matter(build, manifest), f"# {name}, version {export.number}", ""]
    if about:
        lines += [*(f"> {_text(line)}" for line in about.splitlines()), ""]
    lines += [ABOUT[form], "", "## Figures", "", "| | |", "|---|---|"]
    hours = counts["audio_ms"] / 3_600_000
    figures = {
        "rows": f"{counts['rows']:,}",
        "audio": f"{hours:,.2f} h",
        "recordings": f"{counts['recordings']:,}",
        "speakers named": f"{counts['speakers']:,}",
        "languages": ", ".join(counts["by_language"]) or "not stated",
        "frozen at": f"{build.snapshot.frozen_at:%Y-%m-%d %H:%M:%S} UTC",
        "normaliser": f"{manifest['normaliser']['name']}-{manifest['normaliser']['version']}"
        + (
            " (texts are normalised)"
            if manifest["normaliser"]["applied_to_texts"]
            else " (texts are as written)"
        ),
    }
    lines += [f"| {key} | {value} |" for key, value in figures.items() if value]
    lines += ["", *_parts(build, manifest), *_making(build, manifest)]
    if form in TABLES:
        lines += ["## Columns", "", "| column | what it holds |", "|---|---|"]
        lines += [f"| `{column}` | {what} |" for column, what in COLUMNS.items()]
        lines.append("")
    return "\n".join(lines)


def _front_matter(build: Build, manifest: Mapping[str, Any]) -> list[str]:
    counts = manifest["counts"]
    size = next((name for limit, name in SIZES if counts["rows"] < limit), "n>1M")
    lines = ["---", f"pretty_name: {_quoted(build.snapshot.facts['project'])}"]
    if counts["by_language"]:
        lines += ["language:", *(f"- {_quoted(code)}" for code in counts["by_language"])]
    lines += ["task_categories:", "- automatic-speech-recognition", "size_categories:", f"- {size}"]
    form = ExportFormat(build.export.format)
    if form == ExportFormat.PARQUET:
        lines += ["configs:", "- config_name: default", "  data_files:"]
        for part in build.parts:
            lines += [f"  - split: {part or 'train'}", f"    path: data/{part or 'train'}-*.parquet"]
    return [*lines, "---", ""]


def _parts(build: Build, manifest: Mapping[str, Any]) -> list[str]:
    if not build.options.split_by:
        return []
    counts, options = manifest["counts"], build.options
    lines = ["## Parts", "", "| part | rows | audio | wanted |", "|---|---|---|---|"]
    for part in build.parts:
        hours = counts["audio_ms_by_split"].get(part, 0) / 3_600_000
        rows = counts["by_split"].get(part, 0)
        lines.append(f"| {part} | {rows:,} | {hours:,.2f} h | {getattr(options, part)} % |")
    what = (
        "No speaker is in two parts. Where a row names no speaker, its recording counts as one."
        if options.split_by == "speaker"
        else "No recording is in two parts."
    )
    return [*lines, "", f"{what} Dealt with the seed `{_text(options.seed)}`.", ""]


def _making(build: Build, manifest: Mapping[str, Any]) -> list[str]:
    counts, labels = manifest["counts"], dict(SegmentState.choices)
    lines = ["## How it was made", ""]
    states = ", ".join(f"{labels[state].lower()} {number:,}" for state, number in counts["by_state"].items())
    lines.append(f"- States of the rows: {states or 'none'}.")
    if counts["left_out"]:
        left = ", ".join(f"{labels[state].lower()} {n:,}" for state, n in counts["left_out"].items())
        lines.append(f"- Left out by their state: {left}.")
    if counts["not_held_by_format"]:
        lines.append(f"- Left out because the format can't hold them: {counts['not_held_by_format']:,}.")
    if counts["texts_changed_by_format"]:
        lines.append(
            f"- Texts that the format could not hold to the letter (line breaks, spaces): "
            f"{counts['texts_changed_by_format']:,}."
        )
    if manifest["models"]:
        models = ", ".join(f"{_text(model)} ({rows:,})" for model, rows in manifest["models"].items())
        lines.append(f"- First heard by: {models}.")
    if ExportFormat(build.export.format) in CUT:
        lines.append("- Sound: WAV, 16 kHz, mono, 16 bit; one file for each row.")
    return [*lines, "- Made with Earmark; every row is one revision that never changes.", ""]


def _text(text: str) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _quoted(text: str) -> str:
    plain = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
