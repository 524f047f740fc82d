"""What can be wrong with a row, in stable codes; and which of it a person may wave through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CODES: Final[Mapping[str, str]] = {
    "audio_blank": "No audio named",
    "missing_audio": "Audio not found",
    "ambiguous_audio": "Several files fit",
    "unsafe_audio_path": "Not a file of this drop",
    "undecodable_audio": "Audio cannot be read",
    "in_trash": "Audio in the trash",
    "bad_time": "Not a time",
    "negative_time": "Before the beginning",
    "end_missing": "No end",
    "start_missing": "No start",
    "end_before_start": "End not after start",
    "past_end": "Past the end of the audio",
    "overlap": "Overlaps another row",
    "same_span": "Same times as another row",
    "duplicate_id": "Id used twice",
    "duplicate_audio": "Audio used twice",
    "id_elsewhere": "Id belongs to another segment",
    "empty_text": "No text",
    "formula_cell": "Formula without a result",
    "error_cell": "Error in a cell",
    "bad_characters": "Characters that cannot be kept",
    "text_too_long": "Too much text",
    "bad_value": "Not understood",
    "unknown_assignee": "Not a member here",
    "extra_cells": "More cells than columns",
    "locked_without_text": "Locked without text",
    "wrong_script": "Wrong script for the language",
    "chars_per_second": "Text does not fit the time",
    "too_long": "Longer than 30 s",
    "overlaps_existing": "Overlaps work done here",
    "locked_here": "Locked here",
    "leased_here": "Being edited",
    "read_twice_here": "Being read twice",
    "accepted_here": "Accepted here",
    "changed_here": "Changed here since",
    "decided_here": "Decided here",
    "malformed": "Cannot be read",
}
"""Every code, with its short name for people. Each fault says in a sentence of its own what to do."""

SOFT: Final = frozenset(("wrong_script", "chars_per_second", "too_long", "overlap", "unknown_assignee"))
"""What may be right all the same: a person can have such rows imported as they are."""
ACCEPTED_UNLESS_TOLD: Final = ("too_long",)

LONGEST_MS: Final = 30_000
"""What a model hears at once."""
ROUNDING_MS: Final = 20
"""So much two rows may overlap: times that other tools rounded."""
TOLERANCE_MS: Final = 250
"""So far past the end of its audio a row may end; it is cut to the end. Headers of compressed files lie."""
FAST: Final = 40.0
"""Characters a second from which on text cannot belong to the audio; quick speech has 25."""
FAST_WIDE: Final = 20.0
"""The same where a character is a syllable or a word."""
FEW: Final = 12
"""Shorter texts say nothing about pace."""


def hard(faults: list[list[str]], accepted: frozenset[str]) -> bool:
    """Tell whether faults keep a row out, of which the `accepted` codes do not."""
    return any(code not in accepted for code, _ in faults)
