"""What every page tells a person: how often they were named and have not read it."""

from __future__ import annotations

from typing import Any

from django import template

from annotation.services import comments

register = template.Library()


@register.simple_tag
def unread_mentions(user: Any) -> int:
    """Return how many mentions a person has not read, up to 100; 0 for strangers."""
    return comments.unread_count(user) if user is not None and user.is_authenticated else 0
