"""The base of every admin that only shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin


def is_supervisor(request: HttpRequest) -> bool:
    """Tell whether the person is active staff."""
    return bool(request.user.is_active and request.user.is_staff)


class ReadOnly(Base):
    """Show rows and change none, for whoever looks: changes go through the services, not round them."""

    actions = None
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
