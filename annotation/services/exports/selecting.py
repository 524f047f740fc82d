"""Read rows for an export out of the database: the SQL that freezing them and streaming them have in common.

It is made of parts: CHOSEN are the columns of the rows of TABLES; of those, as `c`, FACTS is all that an
export says of a row, with what DETAILS adds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from django.db import connection

from annotation.models import ExportedRow, Project, Recording, Segment

TABLES: Final = """
    FROM annotation_segment s
    JOIN annotation_recording r ON r.id = s.recording_id
    LEFT JOIN annotation_revision v ON v.segment_id = s.id AND v.number = s.revision
    LEFT JOIN LATERAL (
        SELECT verdict, reviewer_id, reason_code, created_at FROM annotation_review
         WHERE segment_id = s.id ORDER BY id DESC LIMIT 1
    ) AS judged ON true
"""
#: A skip that a reviewer agreed with is still a skip: no text that a person stands behind came of it.
STATE: Final = """
    CASE WHEN s.state = 'accepted' AND (s.source <> 'human' OR EXISTS (
              SELECT FROM annotation_decision d
               WHERE d.segment_id = s.id AND d.kind = 'skip' AND d.after ->> s.id::text = s.revision::text))
         THEN 'skipped' ELSE s.state END
"""
CHOSEN: Final = f"""
    s.*, {STATE} AS export_state, r.name AS file_name, r.duration_ms, v.id AS revision_id,
    v.created_at AS written_at, judged.verdict, judged.reviewer_id, judged.reason_code AS verdict_reason,
    judged.created_at AS reviewed_at
"""
FACTS: Final = """
    jsonb_build_object(
        'file_name', c.file_name, 'duration_ms', c.duration_ms, 'start_ms', c.start_ms, 'end_ms', c.end_ms,
        'channel', c.channel, 'speaker', c.speaker, 'language', c.language, 'state', c.export_state,
        'revision', c.revision, 'source', c.source, 'external_id', c.external_id, 'metadata', c.metadata,
        'risk', c.risk, 'risk_reasons', c.risk_reasons, 'locked', c.locked, 'locked_at', c.locked_at,
        'locked_by', locker.username, 'annotator', annotator.username, 'written_at', c.written_at,
        'verdict', c.verdict, 'verdict_reason', c.verdict_reason, 'reviewer', reviewer.username,
        'reviewed_at', c.reviewed_at, 'imported', imported.id)
"""
DETAILS: Final = """
    LEFT JOIN LATERAL (
        SELECT id FROM annotation_hypothesis
         WHERE segment_id = c.id ORDER BY pass_name DESC, id DESC LIMIT 1
    ) AS heard ON true
    LEFT JOIN LATERAL (
        SELECT id FROM annotation_revision
         WHERE segment_id = c.id AND source = 'import' AND heard.id IS NULL ORDER BY number LIMIT 1
    ) AS imported ON true
    LEFT JOIN annotation_user locker ON locker.id = c.locked_by_id
    LEFT JOIN annotation_user annotator ON annotator.id = c.annotator_id
    LEFT JOIN annotation_user reviewer ON reviewer.id = c.reviewer_id
"""
PAGE: Final = f"""
WITH chosen AS MATERIALIZED (
    SELECT {CHOSEN} {TABLES}
     WHERE s.{{scope}} = %(scope)s AND s.retired_at IS NULL AND r.trashed_at IS NULL
       AND (s.recording_id, s.start_ms, s.id) > (%(recording)s, %(start)s, %(segment)s)
     ORDER BY s.recording_id, s.start_ms, s.id LIMIT %(limit)s
)
SELECT c.recording_id, c.id, c.revision_id, heard.id, {FACTS}
  FROM chosen c {DETAILS} ORDER BY c.recording_id, c.start_ms, c.id
"""  # noqa: S608 - of the parts above alone


def pages_of(scope: Project | Recording, size: int) -> Iterator[list[ExportedRow]]:
    """Yield the rows of a project or recording as they are now, by recording and time, without keeping them.

    Each page is a statement of its own, so nothing is held while whoever reads them is slow.
    """
    statement = PAGE.format(scope="project_id" if isinstance(scope, Project) else "recording_id")
    last = {"recording": 0, "start": -1, "segment": 0}
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"scope": scope.pk, "limit": size, **last})
            page = [_row(*found) for found in cursor.fetchall()]
        yield page
        if len(page) < size:
            return
        end = page[-1]
        last = {
            "recording": end.recording_id,
            "start": end.facts["start_ms"],
            "segment": end.segment_id,
        }


def _row(recording: int, segment: int, revision: int | None, heard: int | None, facts: str) -> ExportedRow:
    return ExportedRow(
        recording_id=recording,
        segment_id=segment,
        revision_id=revision,
        hypothesis_id=heard,
        facts=json.loads(facts),
    )


def says_paths(project: Project) -> bool:
    """Tell whether sheets of a project said more of their audio than its name, such as its folder."""
    headers = [column["header"] for column in project.sheet_columns if column["field"] == "audio"]
    rows = Segment.objects.filter(project=project, metadata__has_any_keys=headers)
    return bool(headers) and rows.exists()
