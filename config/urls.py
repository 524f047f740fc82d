"""Every address of the site."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
]
if find_spec("annotation.api.urls"):
    urlpatterns.append(path("", include("annotation.api.urls")))
if find_spec("annotation.ui.urls"):
    urlpatterns.append(path("", include("annotation.ui.urls")))
