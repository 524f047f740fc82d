"""Fields of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from transcription.wordpack import pack, unpack

if TYPE_CHECKING:
    Json = models.JSONField[Any, Any]
else:
    Json = models.JSONField


class WordsField(Json):
    """Keep `[[start_ms, end_ms, text, probability], ...]` packed (`transcription.wordpack`).

    Python sees the lists; the column is jsonb, and rows that were stored before hold the lists themselves.
    """

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Unpack what the column holds."""
        found = super().from_db_value(value, expression, connection)
        return unpack(found) if isinstance(found, list) else found

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Pack what goes to the column."""
        return super().get_db_prep_value(
            pack(value) if isinstance(value, list) else value, connection, prepared
        )

    def deconstruct(self) -> Any:
        """Be a JSONField to migrations: the column is one."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs
