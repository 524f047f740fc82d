"""Tiers: one line of intervals a speaker, none of which overlap, as Praat and ELAN keep them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from transcription.formats.rows import Row
from transcription.formats.texts import UNFIT_FOR_XML, one_line

UNNAMED: Final = "utterances"
"""The tier of rows whose speaker is not known."""
UNNAMED_ALSO: Final = frozenset(
    (UNNAMED, "utterance", "transcription", "transcript", "text", "sentences", "sentence", "default")
)
WORDS: Final = " - words"
"""What a tier of words has behind the name of the tier of its utterances; the Montreal aligner's way, too."""
SUFFIX: Final = re.compile(r"(?: - words| #\d+)+$")


def tier_name(row: Row) -> str:
    """Give the name of the row's tier: its speaker's, on one line."""
    return one_line(UNFIT_FOR_XML.sub("", row.speaker)) or UNNAMED


def speaker_of(name: str) -> str:
    """Give the speaker that a tier is named for; empty where its name is a word for any."""
    name = SUFFIX.sub("", one_line(name)).strip()
    return "" if name.lower() in UNNAMED_ALSO else name


def lanes(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Deal rows to tiers in which nothing overlaps: where a speaker's do, a second `name #2` takes them."""
    tiers: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.start_ms or 0, row.end_ms or 0)):
        name, number = tier_name(row), 1
        tier = tiers.setdefault(name, [])
        while tier and (tier[-1].end_ms or 0) > (row.start_ms or 0):
            number += 1
            tier = tiers.setdefault(f"{name} #{number}", [])
        tier.append(row)
    return tiers
