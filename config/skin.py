"""The admin's skin. Without `unfold` in INSTALLED_APPS nobody reads this, and the admin is Django's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse_lazy


def _item(title: str, icon: str, name: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}_changelist")}


def _group(title: str, *items: dict[str, Any], separator: bool = False) -> dict[str, Any]:
    return {"title": title, "separator": separator, "items": list(items)}


def _static(name: str) -> Callable[[object], str]:
    def address(request: object) -> str:
        from django.templatetags.static import static  # settings are being read when this file is

        return static(name)

    return address


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Earmark",
    "SITE_HEADER": "Earmark",
    "SITE_URL": "/",
    "SITE_SYMBOL": "graphic_eq",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _static("annotation/favicon.svg"), "sizes": "any"}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    # Colours are in skin.css: the content policy lets no page bring its own style element.
    "GLOBAL_CALLBACK": "annotation.admin.skin.context",
    "STYLES": [_static("annotation/admin/skin.css")],
    # Before Alpine starts: it evaluates what the templates say without `eval`.
    "SCRIPTS": [_static("annotation/admin/expressions.js")],
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": [
            _group(
                "Audit",
                _item("Corrections", "edit_note", "annotation_correction"),
                _item("Samples", "casino", "annotation_auditsample"),
                _item("Every change", "history", "annotation_auditevent"),
                _item("Seals", "verified", "annotation_seal"),
            ),
            _group(
                "People",
                _item("Accounts", "person", "annotation_user"),
                _item("Memberships", "badge", "annotation_membership"),
                _item("Groups", "groups", "auth_group"),
                _item("Failed logins", "lock_clock", "axes_accessattempt"),
            ),
            _group(
                "Work",
                _item("Projects", "folder", "annotation_project"),
                _item("Recordings", "audio_file", "annotation_recording"),
                _item("Segments", "view_list", "annotation_segment"),
                _item("Versions", "layers", "annotation_revision"),
                _item("Assignments", "assignment_ind", "annotation_assignment"),
                separator=True,
            ),
            _group(
                "Review",
                _item("Reviews", "rate_review", "annotation_review"),
                _item("Pairs", "compare_arrows", "annotation_pair"),
                _item("Readings", "menu_book", "annotation_reading"),
                _item("Gold", "star", "annotation_gold"),
                _item("Comments", "comment", "annotation_comment"),
                separator=True,
            ),
            _group(
                "Machines",
                _item("Workers", "memory", "annotation_liveworker"),
                _item("Jobs", "task_alt", "annotation_job"),
                _item("Imports", "upload_file", "annotation_import"),
                _item("Exports", "download", "annotation_export"),
                _item("Decodings", "neurology", "annotation_decoding"),
                _item("Gates", "rule", "annotation_contextgate"),
                _item("Calibrations", "tune", "annotation_riskcalibration"),
                separator=True,
            ),
        ],
    },
}
