"""Pages of a table too large to count: forward and back, without `COUNT(*)` and without deep offsets."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Paginator
from django.db import connection

from annotation.models import AuditEvent, Seal

#: The tables behind views; a view itself has no estimate.
BEHIND: Final = {AuditEvent._meta.db_table: "audit.event", Seal._meta.db_table: "audit.seal"}
DEEPEST: Final = 200
"""Pages one can turn to; whoever looks for older rows filters by date, which the index answers."""


class More(int):
    """Stand for a number that was not counted to its end: it says "more than", and is the number it says."""

    def __str__(self) -> str:
        return f"more than {int(self):,}"

    def __format__(self, spec: str) -> str:
        return str(self)


def counted(rows: Any, most: int = 10_000) -> int:
    """Count rows as far as `most`."""
    number: int = rows.order_by()[: most + 1].count()
    return More(most) if number > most else number


class Uncounted(Paginator):  # type: ignore[type-arg]
    """Look one page ahead instead of counting."""

    @property
    def count(self) -> int:
        """Return how many rows there are as far as one can turn, from the rows themselves."""
        if not hasattr(self, "_count"):
            most = self.per_page * DEEPEST
            rows: Any = self.object_list
            if _is_filtered(rows):
                self._count = counted(rows, most)
            else:
                about = _estimate(rows)
                self._count = More(most) if about > most else about
        return self._count


def _is_filtered(rows: Any) -> bool:
    return bool(rows.query.where)


def _estimate(rows: Any) -> int:
    """Return about how many rows the whole table has, as PostgreSQL's planner knows it."""
    table = BEHIND.get(rows.model._meta.db_table, rows.model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass",
            [table],
        )
        row = cursor.fetchone()
    known = int(row[0]) if row else 0
    # Never analysed, or young: count as far as it is cheap.
    return known if known > 10_000 else rows.order_by()[:10_001].count()
