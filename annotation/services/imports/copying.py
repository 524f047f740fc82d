"""Write many rows of a model by COPY: a third of the time of INSERT, most of which builds statements."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from django.db import connection
from django.db.models import Field, JSONField, Model
from django.db.models.expressions import DatabaseDefault

from annotation.models.fields import WordsField
from transcription.wordpack import pack


def copy_in(rows: Sequence[Model]) -> None:
    """Insert new rows of one model and give them their ids, in order. Triggers and constraints hold as ever.

    What the database sets by itself is left to it; a field whose value is computed in Python is not for this.
    """
    if not rows:
        return
    meta = rows[0]._meta
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [meta.db_table, len(rows)],
        )
        for row, (pk,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = pk
    columns = [
        (field, _converter(field))
        for field in meta.concrete_fields
        if not field.generated and not isinstance(getattr(rows[0], field.attname), DatabaseDefault)
    ]
    names = ", ".join(f'"{field.column}"' for field, _ in columns)
    getters = [(field.attname, convert) for field, convert in columns]
    with connection.cursor() as cursor, cursor.copy(f"COPY {meta.db_table} ({names}) FROM STDIN") as copy:
        for row in rows:
            values = row.__dict__
            copy.write_row([convert(values[name]) for name, convert in getters])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def _converter(field: Field[Any, Any]) -> Callable[[Any], Any]:
    if isinstance(field, WordsField):
        return _as_words
    if isinstance(field, JSONField):
        return _as_json
    return _plain


def _as_words(value: list[Any]) -> str | None:
    return _as_json(pack(value))


def _as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Enum) else value
