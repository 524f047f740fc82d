"""Rebuild what is audited from the audit alone, and hold it against the tables.

The replay knows nothing of the code: it refuses moves that a state machine or a lock forbids, and an event
that is missing, doubled or untrue is found at the step that made it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection

from annotation.models import AuditEvent
from annotation.states import PAIR_TRANSITIONS, SEGMENT_TRANSITIONS, Transitions

Row = dict[str, Any]
Key = tuple[str, str]

#: What the triggers leave out of a row, by table.
LEFT_OUT: Final[dict[str, set[str]]] = {
    "annotation_segment": {"updated_at"},
    "annotation_revision": set(),
    "annotation_membership": set(),
    "annotation_review": {"transaction_id"},
    "annotation_secondcheck": set(),
    "annotation_assignment": set(),
    "annotation_project": set(),
    "annotation_pair": set(),
    "annotation_reading": {"changed_at"},
    "annotation_gold": set(),
    "annotation_batch": set(),
    "annotation_batchsegment": set(),
    "annotation_batchrecording": set(),
    "annotation_comment": set(),
    "annotation_guideline": set(),
    "annotation_user_groups": set(),
    "auth_group": set(),
    "auth_group_permissions": set(),
}
#: Tables whose rows move from state to state.
MACHINES: Final[dict[str, Transitions]] = {
    "annotation_segment": SEGMENT_TRANSITIONS,
    "annotation_pair": PAIR_TRANSITIONS,
}
#: What a lock keeps as it is.
HELD: Final = ("text", "revision", "start_ms", "end_ms", "speaker", "recording_id", "channel", "retired_at")


@dataclass
class Replay:
    """Rebuild rows from events, and refuse what may not have happened."""

    rows: dict[Key, Row] = field(default_factory=dict)
    last: int = 0
    reached: set[str] = field(default_factory=set)
    """States that a segment or a pair was moved to."""

    def begin(self) -> None:
        """Take what is there as given."""
        for table in LEFT_OUT:
            self.rows |= {(table, str(row["id"])): row for row in stored(table)}
        self.last = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0

    def follow(self) -> list[AuditEvent]:
        """Apply the events since the last call; fail on one that cannot be."""
        events = list(AuditEvent.objects.filter(pk__gt=self.last).order_by("id"))
        for event in events:
            self.last = event.pk
            if event.table_name in LEFT_OUT:
                self._apply(event)
        return events

    def _apply(self, event: AuditEvent) -> None:
        key = (event.table_name, event.row_id)
        row = self.rows.get(key)
        if event.action == "insert":
            assert row is None, f"made twice: {event}"
            assert event.after is not None
            self.rows[key] = dict(event.after)
            return
        assert row is not None, f"changed before it was made: {event}"
        assert event.before is not None
        for name, value in event.before.items():
            assert row.get(name) == value, f"{name} was {row.get(name)!r}, says {event}: {value!r}"
        if event.action == "delete":
            del self.rows[key]
            return
        assert event.after is not None
        assert event.before.keys() == event.after.keys()
        assert all(event.before[name] != event.after[name] for name in event.after), f"no change: {event}"
        if event.table_name in MACHINES:
            self._legal(row, event.after, event)
        row.update(event.after)

    def _legal(self, row: Row, after: Row, event: AuditEvent) -> None:
        state = after.get("state", row["state"])
        if state != row["state"]:
            self.reached.add(str(state))
            moves = MACHINES[event.table_name][row["state"]]
            assert state in moves, f"{row['state']} to {state}: {event}"
        if row.get("locked"):
            touched = set(HELD) & after.keys()
            assert not touched, f"{touched} of a locked row: {event}"

    def agrees(self) -> None:
        """Fail where the tables are not what the events made of them."""
        for table in LEFT_OUT:
            there = {(table, str(row["id"])): row for row in stored(table)}
            told = {key: row for key, row in self.rows.items() if key[0] == table}
            assert there.keys() == told.keys(), there.keys() ^ told.keys()
            for key, row in there.items():
                assert row == told[key], {
                    n: (row[n], told[key].get(n)) for n in row if row[n] != told[key].get(n)
                }

    def agrees_about_segments(self) -> None:
        """Fail where a segment is not what the events made of it; quick enough for every step."""
        for row in stored("annotation_segment"):
            told = self.rows[("annotation_segment", str(row["id"]))]
            assert row == told, {n: (row[n], told.get(n)) for n in row if row[n] != told.get(n)}


def stored(table: str) -> list[Row]:
    """Return the rows of a table as the triggers see them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(t) FROM {table} AS t")  # noqa: S608 - own names
        rows = [row[0] if isinstance(row[0], dict) else json.loads(row[0]) for row in cursor.fetchall()]
    for row in rows:
        for name in LEFT_OUT[table]:
            row.pop(name)
    return rows
