"""What is wrong between rows, found by the database over all rows of an import at once."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from annotation.models import Import
from annotation.services.imports import faults

# Every row, faulty or not, so that each is named once with all that is wrong. `target` = the audio it means.
ROWS: Final = """
    SELECT r.id, r.line, r.source, r.start_ms, r.end_ms, r.external_id, r.speaker,
           CASE WHEN r.faults @? '$[*][0] ? (@ like_regex "_time$|_missing$|^end_before|^past_end")'
                THEN NULL  -- its times say nothing about other rows
                ELSE coalesce(recording.sha256, nullif(file.sha256, ''), 'f' || r.file_id) END AS target,
           coalesce(recording.duration_ms, file.duration_ms) AS audio_ms,
           coalesce(nullif(r.correction, ''), r.text) AS said
      FROM annotation_importrow r
      LEFT JOIN annotation_importfile file ON file.id = r.file_id
      LEFT JOIN annotation_recording recording ON recording.id = coalesce(r.recording_id, file.recording_id)
     WHERE r.parent_id = %(parent)s
"""

ADD: Final = """
UPDATE annotation_importrow AS row SET faults = row.faults || found.fault
  FROM ({found}) AS found (id, fault) WHERE row.id = found.id
"""

PAST_END: Final = """
SELECT id, jsonb_build_array(jsonb_build_array('past_end', 'It ends at ' || end_ms || ' ms, and the audio is '
       || audio_ms || ' ms long. Is the unit right, and the file?'))
  FROM rows WHERE audio_ms IS NOT NULL AND coalesce(end_ms, 0) > audio_ms + %(tolerance)s
"""

DUPLICATE_ID: Final = """
SELECT id, jsonb_build_array(jsonb_build_array('duplicate_id', 'The id “' || external_id
       || '” is also on line ' || CASE WHEN line = first THEN last ELSE first END
       || '. Give each row an id of its own.'))
  FROM (SELECT id, line, external_id, min(line) OVER same AS first, max(line) OVER same AS last,
               count(*) OVER same AS times
          FROM rows WHERE external_id <> '' WINDOW same AS (PARTITION BY external_id)) AS counted
 WHERE times > 1
"""

DUPLICATE_AUDIO: Final = """
SELECT id, jsonb_build_array(jsonb_build_array('duplicate_audio', 'The same audio is also on line '
       || CASE WHEN line = first THEN last ELSE first END
       || ', and neither row has times. Leave one out, or give both their times.'))
  FROM (SELECT id, line, min(line) OVER same AS first, max(line) OVER same AS last,
               count(*) OVER same AS times
          FROM rows WHERE target IS NOT NULL AND start_ms IS NULL
        WINDOW same AS (PARTITION BY target)) AS counted
 WHERE times > 1
"""

IN_TRASH: Final = """
SELECT rows.id, jsonb_build_array(jsonb_build_array('in_trash', 'The same audio lies in the trash of this'
       || ' project as “' || thrown.name || '”. Restore it there, and drop the row again.'))
  FROM rows JOIN annotation_recording thrown
    ON thrown.project_id = %(project)s AND thrown.sha256 = rows.target AND thrown.trashed_at IS NOT NULL
"""

SAME_SPAN: Final = """
SELECT id, jsonb_build_array(jsonb_build_array('same_span', 'Line '
       || CASE WHEN line = first THEN last ELSE first END
       || ' has the same times in the same audio. Leave one out, or mend its times.'))
  FROM (SELECT id, line, min(line) OVER same AS first, max(line) OVER same AS last,
               count(*) OVER same AS times
          FROM rows WHERE target IS NOT NULL AND start_ms IS NOT NULL
        WINDOW same AS (PARTITION BY target, start_ms, end_ms)) AS counted
 WHERE times > 1
"""

# Two voices may speak at once; one voice cannot, and rows that name no speaker count as one.
OVERLAP: Final = """
SELECT id, jsonb_build_array(jsonb_build_array('overlap', 'It begins at ' || start_ms
       || ' ms, while the row on line ' || before_line || ' still lasts until ' || before_end
       || ' ms. Mend the times, or name two speakers.'))
  FROM (SELECT id, line, start_ms, end_ms,
               (max(ARRAY[end_ms, line]) OVER earlier)[1] AS before_end,
               (max(ARRAY[end_ms, line]) OVER earlier)[2] AS before_line,
               (max(ARRAY[end_ms, start_ms]) OVER earlier)[2] AS before_start
          FROM rows WHERE target IS NOT NULL AND start_ms IS NOT NULL
        WINDOW earlier AS (PARTITION BY target, speaker ORDER BY start_ms, end_ms, line
                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS ordered
 WHERE before_end > start_ms + %(rounding)s AND (start_ms, end_ms) <> (before_start, before_end)
"""

# A row for the whole file beside rows with times.
WHOLE: Final = """
SELECT id, jsonb_build_array(jsonb_build_array('overlap',
       'The row has no times, so it means the whole file; other rows of the same file have times.'))
  FROM (SELECT id, start_ms, bool_or(start_ms IS NOT NULL) OVER (PARTITION BY target) AS timed
          FROM rows WHERE target IS NOT NULL) AS mixed
 WHERE start_ms IS NULL AND timed
"""

PACE: Final = """
SELECT id, jsonb_build_array(jsonb_build_array('chars_per_second', round(letters * 1000.0 / length)
       || ' characters a second: nobody speaks as fast. Are text, times and audio of the same row?'))
  FROM (SELECT id, char_length(said) AS letters, said,
               coalesce(end_ms - start_ms, CASE WHEN start_ms IS NULL THEN audio_ms END) AS length
          FROM rows) AS measured
 WHERE length > 0 AND letters > %(few)s
   AND letters * 1000.0 / length > CASE WHEN said ~ '[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]' THEN %(wide)s
                                        ELSE %(fast)s END
"""

CHECKS: Final = (PAST_END, DUPLICATE_ID, DUPLICATE_AUDIO, IN_TRASH, SAME_SPAN, OVERLAP, WHOLE, PACE)

# Rows whose audio turned out to be unreadable after they were written.
UNREADABLE: Final = """
UPDATE annotation_importrow AS row
   SET faults = row.faults || jsonb_build_array(jsonb_build_array('undecodable_audio',
                '“' || file.name || '”: ' || file.cause))
  FROM annotation_importfile file
 WHERE row.parent_id = %(parent)s AND file.id = row.file_id AND file.cause <> ''
"""

SETTLE: Final = """
UPDATE annotation_importrow AS row
   SET state = CASE WHEN found.hard THEN 'faulty' ELSE 'ready' END
  FROM (SELECT r.id, EXISTS (SELECT 1 FROM jsonb_array_elements(r.faults) AS fault
                              WHERE NOT (fault ->> 0 = ANY(%(accepted)s))) AS hard
          FROM annotation_importrow r
         WHERE r.parent_id = %(parent)s AND r.state IN ('ready', 'faulty')) AS found
 WHERE row.id = found.id AND row.state <> CASE WHEN found.hard THEN 'faulty' ELSE 'ready' END
"""


def check(parent: Import) -> None:
    """Note on each row what is wrong with it beside the others."""
    values: dict[str, Any] = {
        "parent": parent.pk,
        "project": parent.project_id,
        "tolerance": faults.TOLERANCE_MS,
        "rounding": faults.ROUNDING_MS,
        "few": faults.FEW,
        "fast": faults.FAST,
        "wide": faults.FAST_WIDE,
    }
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE, values)
        for found in CHECKS:
            cursor.execute(f"WITH rows AS MATERIALIZED ({ROWS}) {ADD.format(found=found)}", values)


def settle(parent: Import, accepted: frozenset[str]) -> None:
    """Make rows ready or faulty by which faults a person accepts; nothing is read again."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, {"parent": parent.pk, "accepted": sorted(accepted)})


COUNT: Final = """
SELECT count(*), count(*) FILTER (WHERE state = 'ready'), count(*) FILTER (WHERE state = 'faulty'),
       count(*) FILTER (WHERE state = 'ready' AND text = '' AND coalesce(correction, '') = ''),
       count(*) FILTER (WHERE state = 'ready' AND faults <> '[]'),
       count(DISTINCT coalesce(recording_id::text, file_id::text)) FILTER (WHERE state = 'ready')
  FROM annotation_importrow WHERE parent_id = %(parent)s
"""
BY_CODE: Final = """
SELECT fault ->> 0, count(*), count(*) FILTER (WHERE row.state = 'faulty')
  FROM annotation_importrow row, jsonb_array_elements(row.faults) AS fault
 WHERE row.parent_id = %(parent)s GROUP BY 1 ORDER BY 2 DESC, 1
"""
KNOWN: Final = """
SELECT count(*) FROM annotation_importrow row
 WHERE row.parent_id = %(parent)s AND row.state = 'ready'
   AND (EXISTS (SELECT 1 FROM annotation_segment s WHERE s.project_id = %(project)s AND s.retired_at IS NULL
                    AND row.external_id <> '' AND s.external_id = row.external_id)
        OR EXISTS (SELECT 1 FROM annotation_segment s
                    WHERE s.recording_id = row.recording_id AND s.channel = 0
                      AND s.retired_at IS NULL AND s.start_ms = row.start_ms AND s.end_ms = row.end_ms))
"""


def count(parent: Import) -> dict[str, Any]:
    """Count the rows of an import: ready and faulty ones, by fault, and those that are in the project."""
    values = {"parent": parent.pk, "project": parent.project_id}
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)
        rows, ready, faulty, without_text, warned, audio = cursor.fetchone()
        cursor.execute(BY_CODE, values)
        by_code = {code: number for code, number, _ in cursor.fetchall()}
        cursor.execute(KNOWN, values)
        (known,) = cursor.fetchone()
    return {
        "rows": rows,
        "ready": ready,
        "faulty": faulty,
        "known": known,
        "to_transcribe": without_text,
        "waved_through": warned,
        "audio": audio,
        "by_code": by_code,
    }
