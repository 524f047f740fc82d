"""Filter by time: from one day to another, besides the days and months that Django offers."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import make_aware


def others(request: HttpRequest, own: str) -> list[tuple[str, str]]:
    """Return what a filter's form must keep of the address: all but what begins with `own`, and the page."""
    return [
        (name, value)
        for name in request.GET
        if name not in ("p", "e") and not name.startswith(own)
        for value in request.GET.getlist(name)
    ]


def newest_first(request: HttpRequest, field: str) -> tuple[str, ...]:
    """Order by time where time is asked for: that is one index then, and the order is the same."""
    return (f"-{field}", "-id") if any(name.startswith(f"{field}__") for name in request.GET) else ("-id",)


class Between(admin.DateFieldListFilter):
    """Keep what lies between two days, both included, in the site's time."""

    template = "annotation/admin/date_filter.html"

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: Any,
        model_admin: Any,
        field_path: str,
    ) -> None:
        self.path = field_path
        self.first, self.last = f"{field_path}__from", f"{field_path}__to"
        super().__init__(field, request, params, model, model_admin, field_path)
        # Django filters by what is left in here.
        used = cast(dict[str, list[str]], self.used_parameters)
        self.chosen = {name: used.pop(name)[-1] for name in (self.first, self.last) if name in used}
        self.from_shown, self.to_shown = self.chosen.get(self.first, ""), self.chosen.get(self.last, "")
        self.others = others(request, f"{field_path}__")

    def expected_parameters(self) -> list[str | None]:
        """Return the names in the address."""
        return [*super().expected_parameters(), self.first, self.last]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what lies within; what is no day leaves nothing."""
        rows = cast(QuerySet[Any], super().queryset(request, queryset))
        for name, lookup, days in ((self.first, "gte", 0), (self.last, "lt", 1)):
            if not self.chosen.get(name):
                continue
            try:
                day = date.fromisoformat(self.chosen[name]) + timedelta(days=days)
                rows = rows.filter(**{f"{self.path}__{lookup}": make_aware(datetime.combine(day, time()))})
            except (ValueError, OverflowError):
                return queryset.none()
        return rows
