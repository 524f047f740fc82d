"""Corrections: what people decided about texts, to be listened to, sampled, judged and sent back."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from annotation.admin import actions, filters
from annotation.admin.blind import BLIND
from annotation.admin.dates import Between, newest_first
from annotation.admin.readonly import ReadOnly
from annotation.admin.skin import ChangeList
from annotation.models import Correction
from annotation.models.work import FAST_BELOW, UNHEARD_BELOW
from annotation.services import corrections
from annotation.services.corrections import Detail
from annotation.states import VERDICT_MOVES, Verdict
from annotation.templatetags.earmark import clock, percent, show_changes
from annotation.ui.words import changes

LIST: Final = "admin:annotation_correction_changelist"
LONGEST: Final = 600
"""Characters of a text that are shown in a line."""
DASH: Final = "\u2013"
#: Which press of a row's own button is which action.
OF_ONE: Final = {"accept": actions.accept, "send_back": actions.send_back}


class Enriched(ChangeList):
    """A page of the list with what belongs to its rows, asked for all of them at once."""

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page, and what is in other tables about them."""
        super().get_results(request)
        rows = list(self.result_list)
        more = corrections.details(rows)
        for row in rows:
            row.detail = more[row.pk]
        self.result_list = rows


@admin.register(Correction)
class CorrectionAdmin(ReadOnly):
    """Show who changed what against the machine, how well they had listened, and what became of it."""

    list_display = (
        "when", "annotator", "segment_named", "change", "wer_shown", "heard", "effort", "checks_shown",
        "decision",
    )  # fmt: skip
    list_display_links = ("when",)
    list_filter = (
        filters.ByFlag,
        filters.ByProject,
        filters.ByAnnotator,
        filters.ByReviewer,
        filters.ByErrors,
        ("created_at", Between),
        filters.ByKind,
        filters.ByState,
        filters.BySample,
    )
    list_per_page = 50
    list_max_show_all = 0
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("segment__id__exact",)
    search_help_text = "Id of a segment."
    ordering = ("-id",)
    sortable_by = ()
    actions = list(actions.ACTIONS)
    actions_on_bottom = False
    list_fullwidth = True
    fields = (
        "created_at", "annotator", "project", "segment_named", "decision", "before_and_after", "machine",
        "wer_shown", "heard", "effort", "checks_shown", "reason",
    )  # fmt: skip
    readonly_fields = fields

    class Media:
        css = {"all": ("annotation/audit.css",)}
        js = ("annotation/admin/play.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Correction]:
        """Return the rows with what a line shows of them."""
        return corrections.listed()

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return newest first, by the index that fits what is asked for."""
        return newest_first(request, "created_at")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Use the list that asks for a whole page at once."""
        return Enriched

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Find one, with what belongs to it."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.detail = corrections.details([found])[found.pk]
            # A page of its own is no form of the list: its buttons must say where they lead.
            found.press_at = reverse(LIST)
        return found

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the history of its segment: a decision itself never changes."""
        found = self.get_object(request, object_id) if self.has_view_permission(request) else None
        if found is None:
            raise Http404
        return HttpResponseRedirect(reverse("admin:annotation_segment_history", args=[found.segment_id]))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; a press of a row's own button is an action on that row."""
        name, _, pk = request.POST.get("one", "").partition(":")
        if request.POST.get("action") == actions.draw_sample.__name__:
            # A sample tells something of a whole only if it is drawn from that whole: no row need be ticked,
            # though Django asks for one.
            post = request.POST.copy()
            post["select_across"] = "1"
            post.setlist(ACTION_CHECKBOX_NAME, post.getlist(ACTION_CHECKBOX_NAME) or ["0"])
            request.POST = post  # type: ignore[assignment]
        if request.method == "POST" and name in OF_ONE and pk.isdecimal():
            post = request.POST.copy()
            post.setlist(ACTION_CHECKBOX_NAME, [pk])
            post["action"], post["select_across"], post["index"] = name, "0", "0"
            request.POST = post  # type: ignore[assignment]
        return super().changelist_view(request, extra_context)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a decision is never changed. Its actions are not changes of it, and need no such right."""
        return False

    @admin.display(description="time")
    def when(self, one: Correction) -> SafeString:
        """Say when, to the minute, in the site's time."""
        at = localtime(one.created_at)
        return format_html(
            '<span class="stamp"><span>{}</span> <span>{}</span></span>', f"{at:%Y-%m-%d}", f"{at:%H:%M}"
        )

    @admin.display(description="annotator")
    def annotator(self, one: Correction) -> SafeString:
        """Name who decided."""
        return format_html('<span dir="auto">{}</span>', one.author.get_username() if one.author else DASH)

    @admin.display(description="segment")
    def segment_named(self, one: Correction) -> SafeString:
        """Name the recording and the time in it, lead to the segment's history, and play it."""
        segment = one.segment
        address = reverse("admin:annotation_segment_history", args=[segment.pk])
        sound = reverse("admin:annotation_segment_audio", args=[segment.pk])
        return format_html(
            '<span class="seg"><button type="button" class="play" data-src="{}" aria-label="Play segment {}">'
            '<span aria-hidden="true">\u25b6</span></button>'
            '<span><a href="{}" dir="auto">{}</a> <span class="quiet">{}</span></span></span>',
            sound, segment.pk, address, segment.recording.name, clock(segment.start_ms),
        )  # fmt: skip

    @admin.display(description="before \u2192 after")
    def change(self, one: Correction) -> SafeString:
        """Show the words that went and came."""
        detail: Detail = one.detail  # type: ignore[attr-defined]
        if detail.blind:
            return format_html('<span class="quiet">{}</span>', BLIND)
        before, after = detail.before[:LONGEST], detail.after[:LONGEST]
        if not before and not after:
            return format_html('<span class="quiet">{}</span>', "no text")
        return format_html('<span class="change" dir="auto">{}</span>', show_changes(changes(before, after)))

    @admin.display(description="before and after")
    def before_and_after(self, one: Correction) -> SafeString:
        """Show the whole texts."""
        detail: Detail = one.detail  # type: ignore[attr-defined]
        if detail.blind:
            return format_html("{}", BLIND)
        return format_html(
            '<div class="change" dir="auto">{}</div>', show_changes(changes(detail.before, detail.after))
        )

    @admin.display(description="machine \u2192 final")
    def machine(self, one: Correction) -> SafeString:
        """Show how the best machine's text differs from the person's."""
        detail: Detail = one.detail  # type: ignore[attr-defined]
        if detail.hypothesis is None:
            return format_html("{}", "no machine had heard it")
        if detail.blind:
            return format_html("{}", BLIND)
        return format_html(
            '<div class="change" dir="auto">{}</div><span class="quiet">{}</span>',
            show_changes(changes(detail.hypothesis.text, detail.after)),
            detail.hypothesis.model,
        )

    @admin.display(description="WER")
    def wer_shown(self, one: Correction) -> SafeString:
        """Give the machine's word error rate, with the counts it comes from."""
        if one.wer is None:
            return format_html("{}", DASH)
        counts = f"{one.substitutions} substituted, {one.deletions} missing, {one.insertions} too many"
        return format_html(
            '<span title="{} of {} words">{}</span>', counts, one.reference_length, percent(one.wer)
        )

    @admin.display(description="heard")
    def heard(self, one: Correction) -> SafeString:
        """Say how much of the audio was played before the decision."""
        return _judged(percent(one.heard_share), one.heard_share, UNHEARD_BELOW)

    @admin.display(description="effort")
    def effort(self, one: Correction) -> SafeString:
        """Give the time at work as a multiple of the audio."""
        value = corrections.effort(one)
        return _judged(DASH if value is None else f"{value:.1f}\u00a0\u00d7", value, FAST_BELOW)

    @admin.display(description="checks")
    def checks_shown(self, one: Correction) -> SafeString:
        """Name the checks that warned; those the person overrode stand out."""
        if not one.checks and not one.overrode:
            return format_html("{}", DASH)
        codes = [(code, code in one.overrode) for code in dict.fromkeys([*one.overrode, *one.checks])]
        return format_html_join(
            " ", '<span class="check{}" title="{}">{}</span>',
            ((" over" if over else "", "overridden" if over else "warned", code.replace("_", " "))
             for code, over in codes),
        )  # fmt: skip

    @admin.display(description="decision")
    def decision(self, one: Correction) -> SafeString:
        """Say what was decided, what became of it, and offer a verdict where one is waited for."""
        detail: Detail = one.detail  # type: ignore[attr-defined]
        segment = one.segment
        words = [str(one.get_kind_display())]
        if getattr(one, "undone_by", None) is not None:
            words.append("taken back")
        state = str(segment.get_state_display())
        if detail.review is not None and segment.state in ("accepted", "returned"):
            state += f" by {detail.review.reviewer.get_username() if detail.review.reviewer else DASH}"
            if detail.review.reason_code:
                state += f" ({detail.review.get_reason_code_display()})"
        if segment.locked:
            state += ", locked"
        place = getattr(one, "press_at", "")
        where = format_html(' formaction="{}"', place) if place else ""
        buttons = format_html_join(
            " ", '<button type="submit" name="one" value="{}:{}" class="mini"{}>{}</button>',
            ((name, one.pk, where, label) for name, label, verdict in
             (("accept", "Accept", Verdict.ACCEPT), ("send_back", "Return\u2026", Verdict.RETURN))
             if segment.state in VERDICT_MOVES[verdict][0] and segment.retired_at is None),
        )  # fmt: skip
        return format_html(
            '<span class="verdict"><span>{}</span> <span class="quiet">now {}</span> {}</span>',
            ", ".join(words),
            state.lower() if segment.retired_at is None else "split or merged",
            buttons,
        )


def _judged(text: str, value: float | None, below: float) -> SafeString:
    odd = value is not None and value < below
    return format_html('<span class="{}">{}</span>', "odd" if odd else "", text)
