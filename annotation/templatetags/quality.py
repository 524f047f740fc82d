"""What the quality pages need to write figures: cells of any kind, plots, links to the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from annotation.quality.figures import Column, Figure
from annotation.templatetags.earmark import hours

register = template.Library()

NONE = "\u2013"


@register.simple_tag
def cell(column: Column, row: Mapping[str, Any]) -> SafeString | str:
    """Write one cell; a share with its interval as `14.2 % (13.0\u201315.5)`."""
    value = row.get(column.key)
    if value is None:
        return NONE
    low, high = row.get(f"{column.key}_low"), row.get(f"{column.key}_high")
    if column.kind in ("share", "points"):
        unit = "\u00a0%" if column.kind == "share" else ""
        written = f"{100 * value:.1f}{unit}"
        if column.interval and low is not None and high is not None:
            bounds = f"({100 * low:.1f}\u2013{100 * high:.1f})"
            return format_html('{} <span class="bounds">{}</span>', written, bounds)
        return written
    if column.kind == "count":
        return str(intcomma(value))
    if column.kind == "ms":
        return hours(value)
    if column.kind == "ratio":
        return f"{value:.2f}\u00d7"
    if column.kind == "number":
        return f"{value:,.0f}"
    if column.kind == "flag":
        return "yes" if value else "no"
    return str(value)


@register.filter
def shown(columns: tuple[Column, ...]) -> list[Column]:
    """Return the columns that a page has room for."""
    return [column for column in columns if not column.minor]


@register.filter
def percent_1(share: float | None) -> str:
    """Write a share 0..1 with one decimal."""
    return NONE if share is None else f"{100 * share:.1f}\u00a0%"


@register.simple_tag
def plot(figure: Figure) -> SafeString:
    """Put a figure's SVG into the page; `annotation.quality.plots` escapes every word in it."""
    return mark_safe(figure.plot)  # noqa: S308 - an element tree, written out


@register.simple_tag
def figure_url(project: int, figure: Figure, query: Mapping[str, str], form: str = "") -> str:
    """Return the address of a figure on the API, with the filters of the page."""
    wanted = {**query, **({"by": figure.by} if figure.by else {}), **({"format": form} if form else {})}
    return f"/api/projects/{project}/quality/{figure.name}/{'?' + urlencode(wanted) if wanted else ''}"
