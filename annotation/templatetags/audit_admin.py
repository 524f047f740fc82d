"""Say an audit event in words, for the templates of the admin."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from annotation.models import AuditEvent

register = template.Library()


@register.filter
def event_words(event: AuditEvent) -> str:
    """Say what was done to which row."""
    from annotation.admin.audit import named

    return named(event)


@register.filter
def event_changes(event: AuditEvent) -> SafeString:
    """Show the fields that changed."""
    from annotation.admin.audit import changed

    return changed(event, 8)
