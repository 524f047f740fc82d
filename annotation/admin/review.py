"""Verdicts, double readings, gold and comments, to look things up. They are made on the pages."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.admin.blind import BLIND
from annotation.admin.readonly import ReadOnly
from annotation.models import Comment, Gold, Pair, Reading, Review
from annotation.services.pairs import rate
from annotation.states import OPEN_PAIRS
from annotation.templatetags.earmark import percent

LONGEST = 120
"""Characters of a text that are shown in a line."""


class OfSegments(ReadOnly):
    """Show rows that are about segments, newest first."""

    search_fields: ClassVar[tuple[str, ...]] = ("segment__id__exact",)
    search_help_text = "Id of a segment."
    ordering = ("-id",)


@admin.register(Review)
class ReviewAdmin(OfSegments):
    """Show verdicts; they are given on the pages, or from the list of corrections."""

    list_display = (
        "id", "project", "segment", "revision", "verdict", "reason_code", "reviewer", "annotator",
        "created_at",
    )  # fmt: skip
    list_filter = ("verdict", "reason_code")
    list_select_related = ("project", "segment", "reviewer", "annotator")
    search_fields = ("segment__id__exact", "reviewer__username__exact", "annotator__username__exact")
    search_help_text = "Id of a segment, or name of a reviewer or annotator."


@admin.register(Pair)
class PairAdmin(OfSegments):
    """Show segments that are read twice, how far their readers agreed, and who settled what they did not."""

    list_display = (
        "id", "project", "segment", "state", "difference", "choice", "settled_by", "opened_at", "settled_at",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("project", "segment", "settled_by")

    @admin.display(description="symmetric WER")
    def difference(self, pair: Pair) -> str:
        """Give the words in which both texts differ, of the mean of both."""
        return percent(rate(pair))


@admin.register(Reading)
class ReadingAdmin(OfSegments):
    """Show who read what twice; the texts only once nobody reads the segment any more."""

    list_display = ("id", "segment", "place", "author", "kind", "shortened", "changed_at")
    list_filter = ("kind",)
    list_select_related = ("segment", "author", "pair")
    fields = (
        "segment",
        "pair",
        "place",
        "author",
        "kind",
        "whole",
        "base_revision",
        "created_at",
        "changed_at",
    )
    readonly_fields = fields

    @admin.display(description="text")
    def shortened(self, reading: Reading) -> SafeString:
        """Show the beginning of the text."""
        return _shown(reading, LONGEST)

    @admin.display(description="text")
    def whole(self, reading: Reading) -> SafeString:
        """Show the text, and why a segment was skipped."""
        return _shown(reading, None)


def _shown(reading: Reading, longest: int | None) -> SafeString:
    if reading.pair.state in OPEN_PAIRS:
        return format_html('<span class="quiet">{}</span>', BLIND)
    return format_html('<span dir="auto">{}</span>', (reading.text or reading.reason)[:longest])


@admin.register(Gold)
class GoldAdmin(OfSegments):
    """Show the segments whose true text is known, and since when they are in use."""

    list_display = ("id", "project", "segment", "text", "author", "created_at", "withdrawn_at")
    list_select_related = ("project", "segment", "author")


@admin.register(Comment)
class CommentAdmin(OfSegments):
    """Show what people said about segments, and what of it is settled."""

    list_display = ("id", "project", "segment", "author", "text", "created_at", "resolved_at", "resolved_by")
    list_select_related = ("project", "segment", "author", "resolved_by")
