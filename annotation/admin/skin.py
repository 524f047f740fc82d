"""The one place that knows whether the admin wears `unfold` or is Django's own.

Everything else derives from the names here. The skin goes when `unfold` is taken out of INSTALLED_APPS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList as StockChangeList
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

UNFOLD: Final = apps.is_installed("unfold")

if TYPE_CHECKING:
    from annotation.models import User

    ModelAdmin = admin.ModelAdmin[Any]
    ChangeList = StockChangeList
    Users = UserAdmin[User]
    Groups = GroupAdmin
elif UNFOLD:
    from unfold.admin import ModelAdmin
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.views import ChangeList

    class Users(UserAdmin, ModelAdmin):
        """Accounts, with the skin's fields."""

        form = UserChangeForm
        add_form = UserCreationForm
        change_password_form = AdminPasswordChangeForm

    class Groups(GroupAdmin, ModelAdmin):
        """Groups, with the skin's fields."""

else:
    ModelAdmin, ChangeList, Users, Groups = admin.ModelAdmin, StockChangeList, UserAdmin, GroupAdmin


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what every page of the skin is told: to bring no style element with colours."""
    return {"colors": None}


def _mend_search() -> None:
    """Answer pages of the skin's search that do not exist with 404; it would fail."""
    from unfold.sites import UnfoldAdminSite

    search = UnfoldAdminSite.search

    def careful(
        self: UnfoldAdminSite, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        if request.GET.get("page", "1") != "1":
            raise Http404("A search has one page.")
        response: HttpResponseBase = search(self, request, extra_context)
        return response

    UnfoldAdminSite.search = careful


if UNFOLD:
    _mend_search()
