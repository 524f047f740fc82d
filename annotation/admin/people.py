"""Accounts and memberships. What an account may do is changed by superusers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest

from annotation.admin.readonly import Audited, ReadOnly, is_supervisor
from annotation.admin.skin import UNFOLD, Groups, Users
from annotation.models import Membership, User


class SuperusersChange(Audited):
    """Let supervisors look, and superusers change.

    A supervisor with the right to change accounts could make themselves a superuser; so that right is
    not enough here, whoever gave it to them.
    """

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let supervisors look."""
        return is_supervisor(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """List it for supervisors."""
        return is_supervisor(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow superusers."""
        return bool(request.user.is_active and request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow superusers."""
        return bool(request.user.is_active and request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: accounts are switched off, so that what they wrote keeps its author."""
        return False


@admin.register(User)
class PeopleAdmin(SuperusersChange, Users):
    """Make accounts, switch them off, and say who is staff."""

    related: ClassVar[Mapping[str, str]] = {
        "annotation_membership": "user_id",
        "annotation_user_groups": "user_id",
        "annotation_user_user_permissions": "user_id",
    }
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    actions = None
    actions_on_bottom = True

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Refuse to filter by the password's hash, which would give it away piece by piece."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]


@admin.register(Membership)
class MembershipAdmin(ReadOnly):
    """Show who belongs where; memberships are changed in the settings of their project."""

    list_display = ("user", "project", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "project")
    search_fields = ("user__username", "project__name")


class SupervisedGroupAdmin(SuperusersChange, Groups):
    """Groups carry rights, so the same holds for them."""

    related: ClassVar[Mapping[str, str]] = {
        "auth_group_permissions": "group_id",
        "annotation_user_groups": "group_id",
    }


admin.site.unregister(Group)
admin.site.register(Group, SupervisedGroupAdmin)

admin.site.site_header = "Earmark"
admin.site.site_title = "Earmark"
admin.site.index_title = "People and audit"
admin.site.site_url = "/"
admin.site.enable_nav_sidebar = UNFOLD
