"""A person waits: what they look at goes before everything else."""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction

from annotation import presence
from annotation.doorbell import ring_on_commit
from annotation.models import Recording, User
from annotation.permissions import require
from annotation.services.clock import ClockTimestamp
from annotation.states import DecodingState, Pass, Priority, RecordingState

# Locked as whoever locks several decodings does: drafts before refines, each in the order of their ids. A row
# that a worker is claiming at this moment needs no haste any more.
RAISE: Final = """
WITH mine AS (
    SELECT d.id FROM annotation_decoding d
     WHERE d.recording_id = %(recording)s AND d.state IN ('waiting', 'queued')
       AND d.priority < %(priority)s
     ORDER BY d.pass_name, d.id FOR UPDATE SKIP LOCKED
)
UPDATE annotation_decoding AS d SET priority = %(priority)s
  FROM mine WHERE d.id = mine.id AND d.priority < %(priority)s
RETURNING d.state, d.pass_name
"""


def opened(*, user: User, recording: Recording) -> int:
    """Put what is still to be done for a recording before everything else, and ring for it.

    For whoever may see the recording: looking at it says that somebody waits. Returns how many windows
    and preparations go sooner for it; 0 where nothing waits or everything was raised before.
    """
    require(user, "view", recording.project)
    presence.note_person()
    with transaction.atomic():
        preparing = Recording.objects.filter(
            pk=recording.pk,
            state__in=(RecordingState.STORED, RecordingState.PREPARING),
            priority__lt=Priority.PERSON,
        ).update(priority=Priority.PERSON, updated_at=ClockTimestamp())
        with connection.cursor() as cursor:
            cursor.execute(RAISE, {"recording": recording.pk, "priority": Priority.PERSON.value})
            raised = cursor.fetchall()
        if preparing:
            ring_on_commit("audio")
        queued = {pass_name for state, pass_name in raised if state == DecodingState.QUEUED}
        if Pass.DRAFT in queued:
            ring_on_commit("draft")
        if Pass.REFINE in queued:
            ring_on_commit("refine")
    return preparing + len(raised)
