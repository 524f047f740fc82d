"""Whose it is to correct a row that was returned.

Its annotator's, as long as they are at work and its recording was not given to others since; then it is those
others', and where nobody was asked who is at work, anybody's. Authorship stays with who wrote it.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

from annotation.models import Project, User

#: Members who may be given work.
AT_WORK: Final = """
SELECT member.user_id FROM annotation_membership member
  JOIN annotation_user person ON person.id = member.user_id
 WHERE member.project_id = %(project)s AND person.is_active AND member.paused_at IS NULL
"""
_ASKED: Final = """
            SELECT 1 FROM annotation_assignment asked
             WHERE asked.recording_id = segment.recording_id
               AND asked.assignee_id IN (SELECT user_id FROM at_work)"""
#: Whether a returned `segment` is for the person `{person}` to correct; `at_work` is a subquery at hand.
DUTY: Final = f"""CASE WHEN EXISTS ({_ASKED})
       THEN EXISTS ({_ASKED} AND asked.assignee_id = {{person}})
            AND (segment.annotator_id = {{person}}
                 OR NOT EXISTS ({_ASKED} AND asked.assignee_id = segment.annotator_id))
       ELSE segment.annotator_id = {{person}} OR segment.annotator_id IS NULL
            OR segment.annotator_id NOT IN (SELECT user_id FROM at_work) END"""  # noqa: S608 - constants

COUNT: Final = f"""
WITH at_work AS ({AT_WORK})
SELECT count(*) FROM annotation_segment segment
  JOIN annotation_recording recording ON recording.id = segment.recording_id
 WHERE segment.project_id = %(project)s AND segment.state = 'returned' AND segment.retired_at IS NULL
   AND recording.trashed_at IS NULL AND {DUTY.format(person="%(user)s")}
"""  # noqa: S608 - constants


def returned_to(user: User, project: Project) -> int:
    """Count the returned rows that a person is to correct."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"project": project.pk, "user": user.pk})
        (count,) = cursor.fetchone()
    return int(count)
