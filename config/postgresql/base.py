"""Tell PostgreSQL who is acting, for the audit triggers to read; hand out no connection that is dead.

The stamp is transaction-local (`set_config(..., true)`), so a pooled connection can never carry one
person's name into another's work. It is sent before the first write of a transaction, and again when the
actor changes within it; reading costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.postgresql import base
from psycopg import OperationalError

from annotation.audit import Actor, current

STAMP = (
    "SELECT set_config('earmark.actor_id', %s, true), set_config('earmark.actor_name', %s, true),"
    " set_config('earmark.source', %s, true), set_config('earmark.request_id', %s, true),"
    " set_config('earmark.ip', %s, true)"
)
WRITES = re.compile(
    r"(?:\s|/\*.*?\*/)*(?:INSERT|UPDATE|DELETE|MERGE|WITH|COPY|CALL)\b", re.IGNORECASE | re.DOTALL
)


def _values(actor: Actor | None) -> list[str]:
    if actor is None:
        return [""] * 5
    return ["" if actor.id is None else str(actor.id), actor.name, actor.source, actor.request_id, actor.ip]


class DatabaseWrapper(base.DatabaseWrapper):
    """Run one extra statement in a transaction that writes for somebody, and none otherwise."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that answers, from the pool where there is one.

        A dead one in the pool means that PostgreSQL was away, and that the others are as dead. The pool's own
        check would find out about them one by one, and wait longer after each: with four of them people are
        told that the database is away long after it is back. So all are looked at together.
        """
        connection = super().get_new_connection(conn_params)
        pool = self.pool
        if pool is None:
            return connection
        try:
            pool.check_connection(connection)
        except OperationalError:
            pool.putconn(connection)
            pool.check()
            connection = super().get_new_connection(conn_params)
        return connection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stamped: Actor | None = None
        self.execute_wrappers.append(self._stamp_write)

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        self._stamped = None

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        # The server has taken back whatever was stamped since; what that leaves is not known here.
        self._stamped = Actor(None, "", "shell", "unknown")

    def _stamp_write(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        actor = current()
        if actor == self._stamped or not WRITES.match(self._text(sql)):
            return execute(sql, params, many, context)
        if self.get_autocommit():
            # A write outside any transaction gets one of its own: there is nothing else to stamp.
            with transaction.atomic(using=self.alias):
                self._stamp(actor)
                return execute(sql, params, many, context)
        self._stamp(actor)
        return execute(sql, params, many, context)

    def _stamp(self, actor: Actor | None) -> None:
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(STAMP, _values(actor))
        self._stamped = actor

    def _text(self, sql: Any) -> str:
        return sql if isinstance(sql, str) else str(sql.as_string(self.connection))
