"""The base of every admin that only shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpRequest

from annotation.admin.history import history_of_row
from annotation.admin.paging import Uncounted
from annotation.admin.skin import ModelAdmin


def is_supervisor(request: HttpRequest) -> bool:
    """Tell whether the person is active staff."""
    return bool(request.user.is_active and request.user.is_staff)


class Audited:
    """Show the history of a row as the audit has it, not as the admin once kept one."""

    related: ClassVar[Mapping[str, str]] = {}
    """Tables whose rows belong to this one's, with the column in which they name it."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show every audited change of the row."""
        return history_of_row(self, request, object_id, self.related)  # type: ignore[arg-type]


class ReadOnly(Audited, ModelAdmin):
    """Show rows and change none, for whoever looks: changes go through the services, not round them."""

    actions: Any = None
    paginator = Uncounted
    # The skin's list would bring a style element where there is no bar for actions.
    actions_on_bottom = True
    show_full_result_count = False
    list_per_page = 50

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let supervisors look: that is what staff are for."""
        return is_supervisor(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """List it for supervisors."""
        return is_supervisor(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False
