"""Freeze an export: one statement reads all rows, so they are of one moment, and keeps which revision.

From then on nobody's edit, no trash and no second attempt of a worker changes what the export holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

from annotation.models import Export, Project, Snapshot
from annotation.services import filejobs
from annotation.services.exports.choosing import Choice, Options
from annotation.services.exports.selecting import CHOSEN, DETAILS, FACTS, STATE, TABLES, says_paths
from annotation.services.exports.splitting import deal
from annotation.services.file_names import file_names
from annotation.services.filejobs import ClaimedJob
from annotation.states import RecordingState

SCOPE: Final = """
   WHERE s.project_id = %(project)s AND s.retired_at IS NULL
     AND r.trashed_at IS NULL AND r.state = %(ready)s
     AND (%(recordings)s::bigint[] IS NULL OR s.recording_id = ANY(%(recordings)s))
     AND (%(annotators)s::bigint[] IS NULL OR s.annotator_id = ANY(%(annotators)s))
     AND (%(verdicts)s::text[] IS NULL OR judged.verdict = ANY(%(verdicts)s))
     AND (%(since)s::date IS NULL OR v.created_at >= %(since)s::date)
     AND (%(until)s::date IS NULL OR v.created_at < %(until)s::date + 1)
"""
WANTED: Final = f"AND {STATE} = ANY(%(states)s)"
#: What is never in two parts of a dataset. Where nobody is named, the recording counts as one speaker.
GROUP: Final = """
    CASE WHEN %(by)s = 'speaker' AND s.speaker <> '' THEN 's:' || s.speaker ELSE 'r:' || s.recording_id END
"""

# By state, so that it can be said how many were left out, and why.
COUNTS: Final = f"SELECT {STATE}, count(*), sum(s.end_ms - s.start_ms) {TABLES} {SCOPE} GROUP BY 1"
GROUPS: Final = f"SELECT {GROUP}, sum(s.end_ms - s.start_ms) {TABLES} {SCOPE} {WANTED} GROUP BY 1"

# Speakers that came into being since they were dealt to parts stay out, and so do recordings that came since
# their files got names: they are younger than the export.
FREEZE: Final = f"""
WITH chosen AS MATERIALIZED (
    SELECT {CHOSEN}, coalesce(parts.name, '') AS part
    {TABLES}
    LEFT JOIN unnest(%(groups)s::text[], %(parts)s::text[]) AS parts (key, name) ON parts.key = {GROUP}
    {SCOPE} {WANTED} AND (%(by)s = '' OR parts.name IS NOT NULL)
), frozen AS (
    INSERT INTO annotation_exportedrow
           (export_id, number, recording_id, segment_id, revision_id, hypothesis_id, split, facts)
    SELECT %(export)s, row_number() OVER (ORDER BY c.recording_id, c.start_ms, c.id),
           c.recording_id, c.id, c.revision_id, heard.id, c.part,
           {FACTS} || jsonb_build_object('file', named.file, 'stem', named.stem)
      FROM chosen c
      JOIN unnest(%(named)s::bigint[], %(files)s::text[], %(stems)s::text[])
           AS named (recording_id, file, stem) ON named.recording_id = c.recording_id
    {DETAILS}
    RETURNING 1
)
SELECT count(*), statement_timestamp() FROM frozen
"""


def freeze(claimed: ClaimedJob, export: Export) -> Snapshot:
    """Return the frozen rows of an export, freezing them where no attempt before has.

    Raises Lost where the claim is gone.
    """
    found = Snapshot.objects.filter(export=export).first()
    if found is not None:
        return found
    choice, options = stored_choice(export), stored_options(export)
    project = export.project
    values = {
        **_values(project.pk, choice),
        "export": export.pk,
        "by": options.split_by,
        "groups": [],
        "parts": [],
    }
    names = file_names(project)
    values |= {
        "named": list(names),
        "files": [name.file for name in names.values()],
        "stems": [name.stem for name in names.values()],
    }
    with transaction.atomic():
        filejobs.hold(claimed)
        with connection.cursor() as cursor:
            cursor.execute(COUNTS, values)
            there = {state: rows for state, rows, _ in cursor.fetchall()}
            if options.split_by:
                cursor.execute(GROUPS, values)
                dealt = deal(((key, int(length)) for key, length in cursor.fetchall()), options)
                values |= {"groups": list(dealt), "parts": list(dealt.values())}
            cursor.execute(FREEZE, values)
            rows, frozen_at = cursor.fetchone()
        return Snapshot.objects.create(
            export=export,
            frozen_at=frozen_at,
            rows=rows,
            facts={
                "there": there,
                "project": project.name,
                "description": project.description,
                "language": project.language,
                "models": {"draft": project.draft_model, "refine": project.refine_model},
                "sheet_columns": project.sheet_columns,
                "paths": says_paths(project),
                "asked_by": export.created_by.get_username() if export.created_by else None,
            },
        )


def _values(project_id: int, choice: Choice) -> dict[str, Any]:
    return {
        "project": project_id,
        "ready": RecordingState.READY.value,
        "recordings": list(choice.recordings) or None,
        "annotators": list(choice.annotators) or None,
        "verdicts": list(choice.verdicts) or None,
        "since": choice.since or None,
        "until": choice.until or None,
        "states": list(choice.wanted_states),
    }


@dataclass(frozen=True, slots=True)
class Preview:
    """What an export would hold at this moment, and what its states would leave out."""

    rows: int
    audio_ms: int
    left_out: dict[str, int]


def preview(project: Project, choice: Choice) -> Preview:
    """Count what an export would hold."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, _values(project.pk, choice))
        found = {state: (rows, int(length)) for state, rows, length in cursor.fetchall()}
    wanted = choice.wanted_states
    return Preview(
        rows=sum(rows for state, (rows, _) in found.items() if state in wanted),
        audio_ms=sum(length for state, (_, length) in found.items() if state in wanted),
        left_out={state: rows for state, (rows, _) in sorted(found.items()) if state not in wanted},
    )


def stored_choice(export: Export) -> Choice:
    """Return which rows were asked for."""
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in export.filter.items()}
    return Choice(**values)


def stored_options(export: Export) -> Options:
    """Return how the rows are to be written."""
    return Options(**export.options)
