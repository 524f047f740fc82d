"""The slim rows of a recording: what a virtual list shows of thousands of segments, a statement a page."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q

from annotation.duty import AT_WORK, DUTY
from annotation.errors import Invalid
from annotation.models import AuditEvent, Recording, Segment, User
from annotation.states import SegmentState

HEAD: Final = 80
"""Characters of the text that a row shows."""
PAGE_MAX: Final = 1000
IDS_MAX: Final = 200

ORDERS: Final[dict[str, str]] = {
    "time": "start_ms, id",
    "risk": "coalesce(risk, -1) DESC, id",
}
AFTER: Final[dict[str, str]] = {
    "time": "(start_ms, id) > (%(key)s, %(id)s)",
    "risk": "(coalesce(risk, -1) < %(key)s OR (coalesce(risk, -1) = %(key)s AND id > %(id)s))",
}

#: Numbered before anything is filtered out: a row's index is its place in the recording.
ROWS: Final = """
WITH at_work AS ({at_work}),
numbered AS (
    SELECT id, recording_id, row_number() OVER (ORDER BY start_ms, id) - 1 AS index, start_ms, end_ms,
           channel, speaker, state, locked, risk, revision, annotator_id, return_reason, text
      FROM annotation_segment WHERE recording_id = %(recording)s AND retired_at IS NULL),
matching AS (SELECT *, count(*) OVER () AS matching FROM numbered segment WHERE {where}),
page AS (SELECT * FROM matching WHERE {after} ORDER BY {order} LIMIT %(limit)s)
SELECT page.id, index, start_ms, end_ms, channel, speaker,
       CASE WHEN own.id IS NULL THEN state WHEN own.kind = 'skip' THEN 'skipped' ELSE 'corrected' END,
       locked, risk, revision, return_reason,
       left(coalesce(own.text, page.text), %(head)s), writer.username, lease.holder_id, holder.username,
       nullif(btrim(holder.first_name || ' ' || holder.last_name), ''), lease.client, lease.expires_at,
       matching
  FROM page
  -- Of what two people read blind, each sees their own text, and nobody the other's.
  LEFT JOIN annotation_reading own ON own.segment_id = page.id AND own.author_id = %(user)s
        AND page.state IN ('draft', 'refined')
  LEFT JOIN annotation_user writer ON writer.id = coalesce(own.author_id, page.annotator_id)
  LEFT JOIN annotation_lease lease ON lease.segment_id = page.id AND lease.expires_at > clock_timestamp()
  LEFT JOIN annotation_user holder ON holder.id = lease.holder_id
 ORDER BY {order}
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Say which rows of a recording are wanted."""

    order: str = "time"
    limit: int = PAGE_MAX
    cursor: str = ""
    states: Sequence[str] = ()
    risk_above: float | None = None
    speaker: str = ""
    mine: bool = False
    returned: bool = False
    locked: bool | None = None
    search: str = ""
    ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, how many match in all, and where to go on."""

    rows: list[dict[str, Any]]
    matching: int
    next: str | None


def rows_of(recording: Recording, user: User, wanted: Wanted) -> Page:
    """Return one page of a recording's rows; raise Invalid for an order or cursor that is none."""
    if wanted.order not in ORDERS:
        raise Invalid("Unknown order.", order=" or ".join(ORDERS))
    values: dict[str, Any] = {
        "recording": recording.pk,
        "project": recording.project_id,
        "head": HEAD,
        "limit": wanted.limit + 1,
        "user": user.pk,
    }
    where = _where(wanted, values)
    after = "true"
    if wanted.cursor:
        values["key"], values["id"] = _decoded(wanted.cursor, wanted.order)
        after = AFTER[wanted.order]
    statement = ROWS.format(at_work=AT_WORK, where=where, after=after, order=ORDERS[wanted.order])
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found = cursor.fetchall()
    more = len(found) > wanted.limit
    found = found[: wanted.limit]
    last = found[-1] if more else None
    following = None
    if last is not None:
        key = last[2] if wanted.order == "time" else (-1.0 if last[8] is None else last[8])
        following = _encoded(wanted.order, key, last[0])
    matching = found[0][18] if found else 0
    return Page([_row(row, user.pk) for row in found], matching, following)


def facets_of(recording: Recording) -> dict[str, Any]:
    """Count a whole recording by state, and list its speakers."""
    counts: dict[str, int] = {}
    locked = total = 0
    speakers: set[str] = set()
    groups = Segment.objects.filter(recording=recording).order_by().values("state", "speaker")
    for group in groups.annotate(rows=Count("pk"), finished=Count("pk", filter=Q(locked=True))):
        counts[group["state"]] = counts.get(group["state"], 0) + group["rows"]
        total += group["rows"]
        locked += group["finished"]
        speakers.add(group["speaker"])
    return {"total": total, "states": counts, "locked": locked, "speakers": sorted(speakers - {""})}


def version_of(recording: Recording) -> str:
    """Return the number of the last audited change in the recording's project."""
    newest = AuditEvent.objects.filter(project_id=recording.project_id).order_by("-id")
    return str(newest.values_list("id", flat=True).first() or 0)


def _where(wanted: Wanted, values: dict[str, Any]) -> str:
    conditions = ["true"]
    if wanted.states:
        unknown = sorted(set(wanted.states) - set(SegmentState.values))
        if unknown:
            raise Invalid("Unknown state.", state=" or ".join(SegmentState.values))
        values["states"] = list(wanted.states)
        conditions.append("state = ANY(%(states)s)")
    if wanted.risk_above is not None:
        values["risk_above"] = wanted.risk_above
        conditions.append("risk >= %(risk_above)s")
    if wanted.speaker:
        values["speaker"] = wanted.speaker
        conditions.append("speaker = %(speaker)s")
    if wanted.mine:
        conditions.append("annotator_id = %(user)s")
    if wanted.returned:
        conditions.append(f"state = 'returned' AND {DUTY.format(person='%(user)s')}")
    if wanted.locked is not None:
        values["locked"] = wanted.locked
        conditions.append("locked = %(locked)s")
    if wanted.search:
        literal = wanted.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values["search"] = f"%{literal}%"
        conditions.append("text ILIKE %(search)s")
    if wanted.ids:
        values["ids"] = list(wanted.ids)
        conditions.append("id = ANY(%(ids)s)")
    return " AND ".join(conditions)


def _row(row: Sequence[Any], user_id: int) -> dict[str, Any]:
    mine = row[13] == user_id
    return {
        "id": str(row[0]),
        "index": row[1],
        "start_ms": row[2],
        "end_ms": row[3],
        "channel": row[4],
        "speaker": row[5],
        "state": row[6],
        "locked": row[7],
        "risk": row[8],
        "revision": row[9],
        "lease": None
        if row[13] is None
        else {
            "holder": row[14],
            "name": row[15] or row[14],
            "mine": mine,
            "client": row[16] if mine else None,
            "expires_at": row[17].isoformat(),
        },
        "annotator": row[12],
        "return_reason": row[10],
        "head": row[11],
    }


def _encoded(order: str, key: float, pk: int) -> str:
    raw = json.dumps([order, key, pk], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decoded(token: str, order: str) -> tuple[float, int]:
    try:
        name, key, pk = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, RecursionError):
        name, key, pk = "", 0, 0
    sane = all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 2**62 for n in (key, pk))
    if name != order or not sane or not isinstance(pk, int):
        raise Invalid("Not a cursor of this list; leave it out to begin anew.", cursor="from `next`")
    return (int(key) if order == "time" else float(key)), pk
