"""The database's clock: the only one that decides about leases and claims."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import DateTimeField, ExpressionWrapper, Func
from django.db.models.expressions import Combinable, Value


class ClockTimestamp(Func):
    """Give the present moment, not the start of the transaction as `now()` would."""

    function = "clock_timestamp"
    template = "%(function)s()"
    output_field = DateTimeField()


def in_seconds(seconds: float) -> Combinable:
    """Return the moment `seconds` from now by the database's clock."""
    return ExpressionWrapper(
        ClockTimestamp() + Value(timedelta(seconds=seconds)), output_field=DateTimeField()
    )
