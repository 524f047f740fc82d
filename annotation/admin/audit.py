"""The audit: every change as the database wrote it. There is nothing here to press."""

from __future__ import annotations

import json
import re
from operator import itemgetter
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from annotation.admin.blind import values_of, with_unsettled
from annotation.admin.dates import Between, newest_first
from annotation.admin.names import NamedEvents, name_ids, with_name
from annotation.admin.readonly import ReadOnly
from annotation.audit import AUDITED
from annotation.models import AuditEvent, Membership, Project, Seal, User
from annotation.templatetags.earmark import show_changes
from annotation.ui.words import changes

ACTIONS = {"insert": "made", "update": "changed", "delete": "removed"}
SOURCES = ("web", "api", "admin", "worker", "shell", "sql")
SHOWN_IN_LIST = 3
#: Of a whole row these say nothing that the other columns of the list do not.
DULL = frozenset(
    {"id", "created_at", "project_id", "segment_id", "recording_id", "channel", "locked", "sha256"}
)


class _Choice(admin.SimpleListFilter):
    """Offer fixed choices: asking a large table for its distinct values would read all of it."""

    choices_offered: ClassVar[tuple[tuple[str, str], ...]] = ()
    field: ClassVar[str] = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        """Return the choices."""
        return self.choices_offered

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what was chosen."""
        value = self.value()
        return queryset.filter(**{self.field: value}) if value in dict(self.choices_offered) else queryset


class ByTable(_Choice):
    """What was changed."""

    title, parameter_name, field = "what", "table", "table_name"
    choices_offered = tuple(sorted(AUDITED.items(), key=itemgetter(1)))


class ByAction(_Choice):
    """How it was changed."""

    title, parameter_name, field = "action", "action", "action"
    choices_offered = tuple(ACTIONS.items())


class BySource(_Choice):
    """By which surface."""

    title, parameter_name, field = "from", "source", "source"
    choices_offered = tuple((source, source) for source in SOURCES)


class ByProject(admin.SimpleListFilter):
    """In which project."""

    title, parameter_name = "project", "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the projects there are."""
        rows = Project.objects.order_by("name").values_list("pk", "name")[:200]
        return [(str(pk), name) for pk, name in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the project's events."""
        value = self.value()
        return (
            queryset.filter(project_id=int(value))
            if value and value.isdecimal() and len(value) < 19
            else queryset
        )


@admin.register(AuditEvent)
class AuditAdmin(ReadOnly):
    """Show what changed, by whom, when and from where."""

    list_display = ("when", "who", "did", "what", "difference", "source")
    list_display_links = ("when",)
    list_max_show_all = 0
    show_facets = admin.ShowFacets.NEVER
    list_filter = (("at", Between), ByTable, ByAction, BySource, ByProject)
    search_fields = ("actor_name",)
    search_help_text = "Name of an account, id of a row, or id of a request; whole, not in part."
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        "at",
        "who",
        "did",
        "what",
        "project",
        "before_and_after",
        "source",
        "ip",
        "request_id",
        "db_role",
        "transaction_id",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """Return the events, with what must not be shown of them yet."""
        return with_unsettled(super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NamedEvents]:
        """Show names beside the ids of a page."""
        return NamedEvents

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return newest first, by the index that fits what is asked for."""
        return newest_first(request, "at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by what the term can be: each way is one index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdecimal():
            return queryset.filter(table_name__in=list(AUDITED), row_id=term), False
        person = User.objects.filter(username__iexact=term).values_list("pk", flat=True).first()
        if person is not None:
            return queryset.filter(actor_id=person), False
        named = queryset.filter(actor_id=None, actor_name=term)
        # A name with a space or slash is a program's; request ids have neither.
        return (named if re.search(r"[\s/]", term) else queryset.filter(request_id=term)), False

    @admin.display(description="when")
    def when(self, event: AuditEvent) -> str:
        """Say when, to the second, in the site's time."""
        return f"{localtime(event.at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="who")
    def who(self, event: AuditEvent) -> SafeString:
        """Name the person or program."""
        return format_html('<span dir="auto">{}</span>', event.actor_name)

    @admin.display(description="did")
    def did(self, event: AuditEvent) -> str:
        """Say what kind of change it was."""
        return ACTIONS.get(event.action, event.action)

    @admin.display(description="what")
    def what(self, event: AuditEvent) -> SafeString:
        """Name the row; a segment's leads to everything that happened to it."""
        words = named(event)
        if event.segment_id:
            return format_html('<a href="?segment_id={}">{}</a>', event.segment_id, words)
        return format_html("{}", words)

    @admin.display(description="project")
    def project(self, event: AuditEvent) -> str:
        """Name the project, or its id where it is gone."""
        if event.project_id is None:
            return "\u2013"
        name = Project.objects.filter(pk=event.project_id).values_list("name", flat=True).first()
        return name or f"{event.project_id} (removed)"

    @admin.display(description="change")
    def difference(self, event: AuditEvent) -> SafeString:
        """Show the first changed fields in one line."""
        return changed(event, SHOWN_IN_LIST)

    @admin.display(description="before and after")
    def before_and_after(self, event: AuditEvent) -> SafeString:
        """Show every changed field with what it was and what it is."""
        rows = format_html_join(
            "", '<tr><th scope="row">{}</th><td dir="auto">{}</td></tr>',
            ((name, _change(old, new, 20_000)) for name, old, new in _fields(*name_ids([event]))),
        )  # fmt: skip
        return format_html('<table class="audit-table"><tbody>{}</tbody></table>', rows)

    class Media:
        css = {"all": ("annotation/audit.css",)}


@admin.register(Seal)
class SealAdmin(ReadOnly):
    """Show the chain that the events are sealed in; `manage.py check_integrity` checks it."""

    list_display = ("number", "sealed_at", "events", "first_id", "last_id", "settled", "begins")
    ordering = ("-number",)
    sortable_by = ()

    @admin.display(description="digest begins")
    def begins(self, seal: Seal) -> str:
        """Show enough of the digest to tell two apart; its page has the whole."""
        return seal.digest[:16]


def named(event: AuditEvent) -> str:
    """Name the row an event is about, in the words people use."""
    return f"{AUDITED.get(event.table_name, event.table_name)} {event.row_id}"


def changed(event: AuditEvent, most: int) -> SafeString:
    """Show the first `most` changed fields in one line."""
    # Of a membership the project is what it is about.
    dull = DULL - {"project_id"} if event.table_name == Membership._meta.db_table else DULL
    found = [field for field in _fields(event) if event.action == "update" or field[0] not in dull]
    shown = format_html_join(
        " ", '<span class="audit-field"><span class="audit-name">{}</span> {}</span>',
        ((name, _change(old, new, 120)) for name, old, new in found[:most]),
    )  # fmt: skip
    more = len(found) - most
    return format_html("{} <span>and {} more</span>", shown, more) if more > 0 else shown


def _fields(event: AuditEvent) -> list[tuple[str, Any, Any]]:
    """Return name, old and new value of each field that changed, the text first."""
    before, after = values_of(event)
    names = sorted(
        {*before, *after}, key=lambda name: (name not in ("text", "name", "state", "locked", "role"), name)
    )
    if event.action != "update":  # of a whole row, what is empty says nothing
        whole = after or before
        names = [name for name in names if whole.get(name) not in (None, "", [], {})]
    return [
        (name, with_name(event, name, before.get(name)), with_name(event, name, after.get(name)))
        for name in names
    ]


def _change(old: Any, new: Any, longest: int) -> SafeString:
    return show_changes(changes(_words(old)[:longest], _words(new)[:longest]))


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
