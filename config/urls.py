"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from annotation.conf import conf
from config.health import metrics

handler500 = "config.middleware.server_error"

without_admin = [
    path("metrics", metrics, name="metrics"),
    path("", include("annotation.api.urls")),
    path("", include("annotation.ui.urls")),
]
urlpatterns = [
    *([path(f"{ADMIN}/", admin.site.urls)] if (ADMIN := conf().admin_path) else []),
    *without_admin,
]
