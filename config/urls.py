"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config.health import metrics

handler500 = "config.middleware.server_error"

urlpatterns = [
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("", include("annotation.api.urls")),
    path("", include("annotation.ui.urls")),
]
