"""Our own icons: 16-pixel drawings with strokes of one and a half, in the colour of the text."""

# ruff: noqa: E501 - data, one entry a line

from __future__ import annotations

from typing import Final

_LINE: Final = (
    'fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"'
)


def _line(path: str) -> str:
    return f'<path d="{path}" {_LINE}/>'


def _fill(path: str) -> str:
    return f'<path d="{path}" fill="currentColor"/>'


PATHS: Final[dict[str, str]] = {
    "play": _fill("M5 3.2v9.6c0 .5.5.8 1 .5l7-4.8c.4-.3.4-.8 0-1L6 2.7c-.5-.3-1 0-1 .5z"),
    "pause": _fill("M4.5 3h2.2v10H4.5zM9.3 3h2.2v10H9.3z"),
    "lock": _line("M4.5 7V5.2a3.5 3.5 0 0 1 7 0V7M3.5 7h9v6.5h-9z"),
    "unlock": _line("M4.5 7V5.2a3.5 3.5 0 0 1 6.8-1.2M3.5 7h9v6.5h-9z"),
    "history": _line("M2.5 8a5.5 5.5 0 1 0 1.7-4M2.5 2.8v2.4h2.4M8 5v3.2l2.2 1.3"),
    "heard": _line("M2.5 9.5v-3M5.5 11.5v-7M8.5 13V3M11.5 10.5v-5M14 9V7"),
    "upload": _line("M8 10.5v-8M4.8 5.5 8 2.3l3.2 3.2M2.5 10.5v3h11v-3"),
    "export": _line("M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M2.5 10.5v3h11v-3"),
    "settings": _line("M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M10 3v3M6 10v3"),
    "plus": _line("M8 3v10M3 8h10"),
    "search": _line("M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4l3.1 3.1"),
    "replace": _line("M2.5 6V4.5h9.2M9.5 2.3l2.2 2.2-2.2 2.2M13.5 10v1.5H4.3M6.5 13.7l-2.2-2.2 2.2-2.2"),
    "warning": _line("M8 2.5 14 13H2zM8 6.5v3M8 11.3v.1"),
    "cross": _line("M4 4l8 8M12 4l-8 8"),
    "check": _line("M3 8.5 6.5 12 13 4.5"),
    "back": _line("M9.5 3.5 5 8l4.5 4.5"),
    "next": _line("M6.5 3.5 11 8l-4.5 4.5"),
    "theme": _line("M8 2.5a5.5 5.5 0 1 0 5.5 5.5") + _fill("M8 2.5v11a5.5 5.5 0 0 1 0-11z"),
    "people": _line("M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.8 13.5a4.2 4.2 0 0 1 8.4 0M10.5 3a2.3 2.3 0 0 1 0 4.3M12 10a4 4 0 0 1 2.2 3.5"),
    # States: one shape each, so that no colour is needed to tell them apart.
    "pending": '<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2.2 2"/>',
    "draft": '<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="1.5"/>',
    "refined": '<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    + _fill("M8 3a5 5 0 0 1 0 10z"),
    "corrected": '<circle cx="8" cy="8" r="5.7" fill="currentColor"/><path class="on-state" d="M5.4 8.2 7.3 10l3.4-3.8" fill="none" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/>',
    "accepted": '<path d="M8 1.6 13.6 4v4.2c0 3-2.3 5.2-5.6 6.2-3.3-1-5.6-3.2-5.6-6.2V4z" fill="currentColor"/><path class="on-state" d="M5.4 8.2 7.3 10l3.4-3.8" fill="none" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/>',
    "returned": _line("M4.5 14V2.5M4.5 3h8l-2 2.8 2 2.7h-8"),
    "skipped": _line("M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM4.6 11.4l6.8-6.8"),
}  # fmt: skip
