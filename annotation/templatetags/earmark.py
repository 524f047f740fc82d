"""What templates need to say things the way people read them: times, sizes, bars, word differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django_vite.core.asset_loader import DjangoViteAssetLoader
from django_vite.core.exceptions import DjangoViteAssetNotFoundError, DjangoViteManifestError

from annotation.ui.words import Change

register = template.Library()

#: Reasons of a risk score (`transcription.confidence`) in words an annotator can act on.
REASONS: Final = {
    "unsure": "model unsure",
    "maybe_no_speech": "maybe no speech",
    "no_speech": "no speech",
    "repetition": "repeats itself",
    "retried": "heard on a second try",
    "too_many_characters": "too much text for its length",
    "too_few_characters": "little text for its length",
    "language_uncertain": "language uncertain",
    "cut_by_length_limit": "cut off",
    "silence": "silence",
    "too_short": "very short",
    "weak_words": "some words doubtful",
    "models_disagree": "the two models disagree",
    "nothing_heard": "nothing heard where there is sound",
    "no_voice": "no voice found",
    "stock_phrase": "phrase that models make up",
}


@register.filter
def clock(milliseconds: int | None) -> str:
    """Write a position as `0:07.3`, `12:07.3` or `1:02:07.3`."""
    if milliseconds is None:
        return "\u2013"
    seconds, rest = divmod(int(milliseconds), 1000)
    return f"{_hms(seconds)}.{rest // 100}"


@register.filter
def duration(milliseconds: int | None) -> str:
    """Write a duration as `0:07`, `12:07` or `1:02:07`."""
    if milliseconds is None:
        return "\u2013"
    return _hms(round(int(milliseconds) / 1000))


def _hms(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def hours(milliseconds: int | None) -> str:
    """Write an amount of audio as people say it: `41 h 12 min`, `12 min`, `40 s`."""
    seconds = round((milliseconds or 0) / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    whole, rest = divmod(minutes, 60)
    return f"{whole} h {rest} min" if rest and whole < 100 else f"{whole} h"


@register.filter
def about(seconds: int | None) -> str:
    """Write an estimate without false precision: `a few seconds`, `about 3 min`."""
    if seconds is None:
        return ""
    if seconds < 20:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds / 10) * 10} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


@register.filter
def share(part: int, whole: int) -> int:
    """Return the whole percent of `part` in `whole`; 100 only when nothing is missing."""
    if not whole:
        return 0
    return min(99, round(100 * part / whole)) if part < whole else 100


@register.filter
def percent(share: float | None) -> str:
    """Write a share 0..1 as `30 %`; under ten per cent with a decimal where there is one."""
    if share is None:
        return "\u2013"
    value = 100 * float(share)
    text = f"{value:.0f}" if value >= 9.95 or value == 0 else f"{value:.1f}".removesuffix(".0")
    return f"{text}\u00a0%"


@register.filter
def reason(code: str) -> str:
    """Say a risk reason in words."""
    return REASONS.get(code, code.replace("_", " "))


@register.simple_tag
def bar(label: str, *parts: Any) -> SafeString:
    """Draw a progress bar: pairs of a class and a percent, side by side. Widths are SVG attributes (CSP)."""
    spans: list[tuple[str, int, int]] = []
    at = 0
    for name, percent in zip(parts[::2], parts[1::2], strict=True):
        wide = max(0, min(100 - at, int(percent)))
        spans.append((name, at, wide))
        at += wide
    return format_html(
        '<svg class="bar" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<rect class="bar-ground" width="100%" height="100%"/>{}</svg>',
        label,
        format_html_join("", '<rect class="{}" x="{}%" width="{}%" height="100%"/>', spans),
    )


@register.simple_tag
def show_changes(found: Sequence[Change]) -> SafeString:
    """Strike out what went and mark what came; every text is escaped."""
    tags = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    return mark_safe("".join(format_html(tags[c.kind], c.text) for c in found))  # noqa: S308 - escaped piecewise


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one icon of our own set; decoration only, so it is hidden from screen readers."""
    from annotation.ui.icons import PATHS

    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">{}</svg>',
        mark_safe(PATHS[name]),  # noqa: S308 - a constant
    )


@register.simple_tag
def bundle_built() -> bool:
    """Tell whether the front end was built: without it the pages' plain forms must stay in view."""
    return bool(bundle("recording"))


@register.simple_tag
def bundle(entry: str) -> SafeString:
    """Include one entry of the built front end, or nothing where it was not built: pages work without."""
    try:
        tags = DjangoViteAssetLoader.instance().generate_vite_asset(f"src/{entry}.ts")
    except (DjangoViteManifestError, DjangoViteAssetNotFoundError, OSError):
        return SafeString("")
    return SafeString(tags)
