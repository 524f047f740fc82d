"""Stamp the acting person on every transaction, for the audit triggers to read.

The stamp is transaction-local (`set_config(..., true)`), so a pooled connection can never carry one
person's name into another's work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.postgresql import base

from annotation.audit import Actor, current

STAMP = (
    "SELECT set_config('earmark.actor_id', %s, true), set_config('earmark.actor_name', %s, true),"
    " set_config('earmark.source', %s, true), set_config('earmark.request_id', %s, true),"
    " set_config('earmark.ip', %s, true)"
)
WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)


def _values(actor: Actor) -> list[str]:
    return ["" if actor.id is None else str(actor.id), actor.name, actor.source, actor.request_id, actor.ip]


class DatabaseWrapper(base.DatabaseWrapper):
    """Run one extra statement at the start of a transaction that has an actor, and none otherwise."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(self._stamp_lone_write)

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        if autocommit:
            return
        actor = current()
        if actor is not None:
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute(STAMP, _values(actor))

    def _stamp_lone_write(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        """Give a write outside any transaction one of its own, because there is nothing else to stamp."""
        if current() is None or not self.get_autocommit() or not isinstance(sql, str) or not WRITES.match(sql):
            return execute(sql, params, many, context)
        with transaction.atomic(using=self.alias):
            return execute(sql, params, many, context)
