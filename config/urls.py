"""Every address of the site."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

from config.health import metrics

handler500 = "config.middleware.server_error"

urlpatterns = [
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
]
if find_spec("annotation.api.urls"):
    urlpatterns.append(path("", include("annotation.api.urls")))
if find_spec("annotation.ui") and find_spec("annotation.ui.urls"):
    urlpatterns.append(path("", include("annotation.ui.urls")))
