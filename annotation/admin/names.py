"""Names for the ids in audit events: a page of events is looked up in one query for each kind of row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import Group, Permission
from django.db.models import ForeignKey, Model
from django.http import HttpRequest

from annotation.admin.blind import values_of
from annotation.audit import AUDITED
from annotation.models import AuditEvent, Project, Recording, User

NAMED_BY: Final[Mapping[type[Model], str]] = {
    User: "username",
    Group: "name",
    Permission: "name",
    Project: "name",
    Recording: "name",
}


@cache
def _columns() -> dict[tuple[str, str], type[Model]]:
    """Return which columns of the audited tables hold the id of a row that has a name."""
    return {
        (model._meta.db_table, field.column): field.related_model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.db_table in AUDITED
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.related_model in NAMED_BY
    }


def name_ids(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Let each event of `with_unsettled` know the names behind the ids in it, as far as they still exist."""
    found = list(events)
    columns = _columns()
    wanted: dict[type[Model], set[int]] = defaultdict(set)
    for event in found:
        for values in values_of(event):
            for column, value in values.items():
                model = columns.get((event.table_name, column))
                if model is not None and isinstance(value, int):
                    wanted[model].add(value)
    known: dict[type[Model], dict[Any, str]] = {
        model: dict(model._base_manager.filter(pk__in=ids).values_list("pk", NAMED_BY[model]))
        for model, ids in wanted.items()
    }
    for event in found:
        event.known = {  # type: ignore[attr-defined]
            column: known[model]
            for (table, column), model in columns.items()
            if table == event.table_name and model in known
        }
    return found


def with_name(event: AuditEvent, column: str, value: Any) -> Any:
    """Return a value of an event with the name behind it: `7 (Dana)`; without one as it is."""
    names: Mapping[str, Mapping[Any, str]] = getattr(event, "known", {})
    name = names.get(column, {}).get(value) if isinstance(value, int) else None
    return value if name is None else f"{value} ({name})"


class NamedEvents(ChangeList):
    """A page of the list of events, with names."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, and the names behind its ids."""
        super().get_results(request)
        self.result_list = name_ids(self.result_list)
