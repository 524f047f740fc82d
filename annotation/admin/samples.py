"""Samples: how each was drawn, the way back into it, and what was found on its rows."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.admin.corrections import DASH, LIST
from annotation.admin.readonly import ReadOnly
from annotation.models import AuditSample
from annotation.quality.intervals import Interval
from annotation.services.samples import outcome


@admin.register(AuditSample)
class SampleAdmin(ReadOnly):
    """Show the samples that were drawn; the page of each tells what was found on it until now."""

    list_display = ("created_at", "drawn_by", "size", "population", "margin_shown", "seed", "filters", "rows")
    list_select_related = ("drawn_by",)
    ordering = ("-id",)
    fields = (
        "created_at", "drawn_by", "filters", "population", "size", "margin_shown", "seed", "rows", "judged",
        "returned", "faulty",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="±")
    def margin_shown(self, sample: AuditSample) -> str:
        """Give the margin in per cent."""
        return f"{100 * sample.margin:g}\u00a0%"

    @admin.display(description="corrections")
    def rows(self, sample: AuditSample) -> SafeString:
        """Lead to the corrections of the sample."""
        return format_html('<a href="{}?sample={}">look at them</a>', reverse(LIST), sample.pk)

    @admin.display(description="judged")
    def judged(self, sample: AuditSample) -> str:
        """Say how many rows have a verdict since they were made, and what the shares below are worth."""
        found = outcome(sample)
        words = f"{found.judged:,} of {found.size:,}: {found.accepted:,} accepted, {found.fixed:,} fixed,"
        words += f" {found.returned:,} returned"
        return (
            words if found.judged == found.size else f"{words}. Judge all: those left may be the harder ones."
        )

    @admin.display(description="returned, of those judged")
    def returned(self, sample: AuditSample) -> str:
        """Give the share that went back, with its interval."""
        return _share(outcome(sample).returned_share)

    @admin.display(description="returned or fixed, of those judged")
    def faulty(self, sample: AuditSample) -> str:
        """Give the share that was not accepted as it stood, with its interval."""
        return _share(outcome(sample).faulty_share)


def _share(found: Interval | None) -> str:
    if found is None:
        return DASH
    return (
        f"{100 * found.value:.1f}\u00a0% (95\u00a0% interval by Wilson: {100 * found.low:.1f}"
        f" to {100 * found.high:.1f}\u00a0%)"
    )
