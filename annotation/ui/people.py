"""Signing in and out. Accounts are made by an administrator; the page says whom to ask."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control


class SignIn(LoginView):
    """Ask for name and password; where to go next is taken only when it is on this site."""

    template_name = "ui/login.html"
    redirect_authenticated_user = True
    authentication_form = AuthenticationForm

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again as 422, so that scripts and proxies can tell it from success."""
        response = super().form_invalid(form)
        response.status_code = 422
        return response


def held_back(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    """Answer for too many failed logins from one address for one name (the hook of django-axes)."""
    from axes.helpers import get_cool_off

    wait = get_cool_off(request)
    minutes = max(1, round(wait.total_seconds() / 60)) if wait else None
    page = render(request, "ui/held_back.html", {"minutes": minutes}, status=429)
    if wait:
        page["Retry-After"] = str(int(wait.total_seconds()))
    patch_cache_control(page, no_store=True)
    return page


sign_in = SignIn.as_view()
sign_out = LogoutView.as_view()
