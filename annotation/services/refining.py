"""Let refine windows go once their drafts were heard, or skip them where the project's rule says so.

A refine window waits until every draft window that touches it has ended. The last draft to end releases it,
in the transaction that ends the draft. Two drafts that end at the same moment take turns by an advisory lock
on the recording, so that the second sees the first; whatever a crash leaves waiting, the reconciler finds.
"""

from __future__ import annotations

import hashlib
import logging
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from annotation.doorbell import ring_on_commit
from annotation.models import Decoding, Project
from annotation.states import DecodingState, RefineWhen

log = logging.getLogger(__name__)

TURN_PATIENCE: Final = "3s"
SAMPLE_PERCENT: Final = 5
"""So many of the windows that the rule would skip are refined all the same, so that what skipping loses can
be estimated."""


class Window(Protocol):
    """Anything that lies on a channel of a recording."""

    @property
    def recording_id(self) -> int:
        """Give the recording."""
        ...

    @property
    def channel(self) -> int:
        """Give the channel."""
        ...

    @property
    def start_ms(self) -> int:
        """Give where it begins."""
        ...

    @property
    def end_ms(self) -> int:
        """Give where it ends."""
        ...


@dataclass(frozen=True, slots=True)
class Released:
    """Count refine windows that wait no longer."""

    queued: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Name a refine window that waits, or was skipped."""

    id: int
    project_id: int
    recording_id: int
    channel: int
    start_ms: int
    end_ms: int


class Unheard:
    """Hold the drafts of one channel that are still to be heard, in the order of their beginnings."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._latest_ends: list[int] = []

    def add(self, start_ms: int, end_ms: int) -> None:
        """Take in one more; it begins no earlier than those before it."""
        latest = self._latest_ends[-1] if self._latest_ends else end_ms
        self._starts.append(start_ms)
        self._latest_ends.append(max(latest, end_ms))

    def touches(self, window: Window) -> bool:
        """Tell whether one of them lies under a window, if only in part."""
        before = bisect_left(self._starts, window.end_ms)
        return before > 0 and self._latest_ends[before - 1] > window.start_ms


def is_sampled(window: Window) -> bool:
    """Tell whether a window belongs to the sample that is refined whatever its risk: always the same ones."""
    place = f"{window.recording_id}/{window.channel}/{window.start_ms}-{window.end_ms}"
    digest = hashlib.blake2b(place.encode(), digest_size=4).digest()
    return int.from_bytes(digest) % 100 < SAMPLE_PERCENT


def release_under(drafts: Sequence[Window]) -> Released:
    """Release the refines whose last draft is among `drafts`, which have ended in this transaction.

    Call it last: it holds the recordings' turn until the transaction ends.
    """
    if not drafts:
        return Released()
    spans: dict[tuple[int, int], list[int]] = {}
    for draft in drafts:
        span = spans.setdefault((draft.recording_id, draft.channel), [draft.start_ms, draft.end_ms])
        span[0], span[1] = min(span[0], draft.start_ms), max(span[1], draft.end_ms)
    return _release([(*place, span[0], span[1]) for place, span in spans.items()])


def release_in(recording_ids: Iterable[int]) -> Released:
    """Release every refine of some recordings that has no draft left to wait for."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.recording_id, d.channel, min(d.start_ms), max(d.end_ms) FROM annotation_decoding d
             WHERE d.state = 'waiting' AND d.recording_id = ANY (%s) GROUP BY 1, 2
            """,
            [sorted(set(recording_ids))],
        )
        extents = cursor.fetchall()
    return _release(extents)


def release_stranded(limit: int = 100) -> int:
    """Release what waits in recordings where no draft is left; return how many windows went on.

    For the reconciler: a transaction that was lost between its draft and its refines leaves them so.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT recording.id FROM annotation_recording recording
             WHERE EXISTS (SELECT 1 FROM annotation_decoding w
                            WHERE w.recording_id = recording.id AND w.state = 'waiting')
               AND NOT EXISTS (SELECT 1 FROM annotation_decoding d
                                WHERE d.recording_id = recording.id AND d.pass_name = 'draft'
                                  AND d.state IN ('queued', 'running'))
             ORDER BY recording.id LIMIT %s
            """,
            [limit],
        )
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return 0
    with transaction.atomic():
        released = release_in(ids)
    return released.queued + released.skipped


# Taken before looking, kept to the end of the transaction: of two that end drafts of one recording, the
# second looks at what the first has committed. Sorted, so that nobody waits in a circle.
TAKE_TURN: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('earmark.refine', id)) FROM unnest(%s::bigint[]) AS id
"""
TRY_TURN: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('earmark.refine', %s))"


def take_turn(recording_ids: Iterable[int]) -> bool:
    """Wait until nobody else plans or releases windows of these recordings, to the end of the transaction.

    Returns False where somebody holds the turn for longer than is sound (a worker that was put to sleep in
    the middle of a transaction). Then it is gone without: what is missed, the reconciler finds.
    """
    ids = sorted(set(recording_ids))
    if len(ids) == 1:  # nearly always free, and then this is all; of several, some would be held meanwhile
        with connection.cursor() as cursor:
            cursor.execute(TRY_TURN, ids)
            if cursor.fetchone()[0]:
                return True
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [TURN_PATIENCE])
            cursor.execute(TAKE_TURN, [ids])
            cursor.execute("SELECT set_config('lock_timeout', '0', true)")
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        log.warning("somebody holds the turn of recordings %s for too long", ids)
        return False
    return True


READY: Final = """
SELECT w.id, w.project_id, w.recording_id, w.channel, w.start_ms, w.end_ms
  FROM unnest(%(recordings)s::bigint[], %(channels)s::int[], %(starts)s::bigint[], %(ends)s::bigint[])
       AS extent (recording_id, channel, start_ms, end_ms)
  JOIN annotation_decoding w
    ON w.recording_id = extent.recording_id AND w.channel = extent.channel
   AND w.start_ms < extent.end_ms AND w.end_ms > extent.start_ms
 WHERE w.state = 'waiting'
 ORDER BY w.id
"""

UNHEARD: Final = """
SELECT d.recording_id, d.channel, d.start_ms, d.end_ms
  FROM unnest(%(recordings)s::bigint[], %(channels)s::int[], %(starts)s::bigint[], %(ends)s::bigint[])
       AS extent (recording_id, channel, start_ms, end_ms)
  JOIN annotation_decoding d
    ON d.recording_id = extent.recording_id AND d.channel = extent.channel
   AND d.start_ms < extent.end_ms AND d.end_ms > extent.start_ms
 WHERE d.state IN ('queued', 'running') AND d.pass_name = 'draft'
 ORDER BY d.start_ms
"""


def _release(extents: Sequence[tuple[int, int, int, int]]) -> Released:
    if not extents:
        return Released()
    with connection.cursor() as cursor:
        take_turn(extent[0] for extent in extents)
        cursor.execute(READY, _columns(extents))
        waiting = [Waiting(*row) for row in cursor.fetchall()]
        if not waiting:
            return Released()
        cursor.execute(UNHEARD, _columns(_extents_of(waiting)))
        unheard: dict[tuple[int, int], Unheard] = {}
        for recording_id, channel, start_ms, end_ms in cursor.fetchall():
            unheard.setdefault((recording_id, channel), Unheard()).add(start_ms, end_ms)
    nothing = Unheard()
    free = [w for w in waiting if not unheard.get((w.recording_id, w.channel), nothing).touches(w)]
    wanted = _wanted(free)
    queued = _move(DecodingState.WAITING, DecodingState.QUEUED, [w.id for w in free if w.id in wanted])
    skipped = _move(DecodingState.WAITING, DecodingState.SKIPPED, [w.id for w in free if w.id not in wanted])
    if queued:
        ring_on_commit("refine")
    return Released(queued, skipped)


def _extents_of(windows: Sequence[Waiting]) -> list[tuple[int, int, int, int]]:
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for window in windows:
        start, end = found.get((window.recording_id, window.channel), (window.start_ms, window.end_ms))
        found[window.recording_id, window.channel] = (min(start, window.start_ms), max(end, window.end_ms))
    return [(*place, *span) for place, span in found.items()]


def _columns(extents: Sequence[tuple[int, int, int, int]]) -> dict[str, list[int]]:
    recordings, channels, starts, ends = zip(*extents, strict=True)
    return {
        "recordings": list(recordings),
        "channels": list(channels),
        "starts": list(starts),
        "ends": list(ends),
    }


def _move(old: DecodingState, new: DecodingState, ids: Sequence[int]) -> int:
    return Decoding.objects.filter(pk__in=ids, state=old).update(state=new) if ids else 0


def _wanted(windows: Sequence[Waiting]) -> set[int]:
    """Return the ids of those that the rules of their projects want refined, or that are in the sample."""
    if not windows:
        return set()
    risky = dict(
        Project.objects.filter(
            pk__in={w.project_id for w in windows}, refine_when=RefineWhen.RISKY
        ).values_list("pk", "refine_above")
    )
    asked = [w for w in windows if w.project_id in risky]
    wanted = {w.id for w in windows if w.project_id not in risky or is_sampled(w)}
    calm = _highest_risks(asked)
    # Without a draft to judge by (it failed, or left nothing), the better model is wanted all the more.
    wanted |= {w.id for w in asked if (risk := calm.get(w.id)) is None or risk >= risky[w.project_id]}
    return wanted


# The newest draft of each segment decides; one segment without any makes the whole window unknown.
RISKS: Final = """
SELECT w.id, CASE WHEN count(*) = count(heard.risk) THEN max(heard.risk) END
  FROM annotation_decoding w
  JOIN annotation_segment s ON s.recording_id = w.recording_id AND s.channel = w.channel
       AND s.start_ms >= w.start_ms AND s.end_ms <= w.end_ms AND s.retired_at IS NULL
  LEFT JOIN LATERAL (
    SELECT h.risk FROM annotation_hypothesis h
     WHERE h.segment_id = s.id AND h.pass_name = 'draft' ORDER BY h.id DESC LIMIT 1) AS heard ON true
 WHERE w.id = ANY (%s) GROUP BY w.id
"""


def _highest_risks(windows: Sequence[Waiting]) -> dict[int, float | None]:
    if not windows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(RISKS, [[w.id for w in windows]])
        found: dict[int, float | None] = dict(cursor.fetchall())
    return found


def reconsider_skipped(job_id: int) -> int:
    """Queue the skipped windows of a job that the project's rule wants by now; return how many."""
    rows: Any = Decoding.objects.filter(job_id=job_id, state=DecodingState.SKIPPED).order_by("pk")
    skipped = [
        Waiting(*row)
        for row in rows.values_list("pk", "project_id", "recording_id", "channel", "start_ms", "end_ms")
    ]
    wanted = _wanted(skipped)
    queued = _move(DecodingState.SKIPPED, DecodingState.QUEUED, [w.id for w in skipped if w.id in wanted])
    if queued:
        ring_on_commit("refine")
    return queued
