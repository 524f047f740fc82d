"""What two people read without seeing each other's text is shown to nobody before it is settled."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import AuditEvent, Pair, Reading
from annotation.states import OPEN_PAIRS

BLIND: Final = "shown once both readers are done and their text is settled"
WRITTEN: Final = frozenset({"text", "reason"})
"""The fields of a reading that say what its author wrote."""


def with_unsettled(events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Let each event know whether it is about a reading whose text is not settled yet."""
    open_pair = Exists(Pair.objects.filter(segment=OuterRef("segment_id"), state__in=OPEN_PAIRS))
    return events.annotate(is_unsettled=Q(table_name=Reading._meta.db_table) & open_pair)


def values_of(event: AuditEvent) -> list[dict[str, Any]]:
    """Return the fields of an event of `with_unsettled` before and after it, as far as they may be shown."""
    hidden = WRITTEN if event.is_unsettled else frozenset()  # type: ignore[attr-defined]
    return [
        {name: BLIND if value and name in hidden else value for name, value in (values or {}).items()}
        for values in (event.before, event.after)
    ]
