"""Normalisation profiles: what counts as the same word when texts are compared. Each is versioned and never
changed.

A score means nothing without its profile, so the profile's name is stored with it. A better rule is a new
version.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_APOSTROPHES: Final = str.maketrans(dict.fromkeys("\u2019\u02bc\uff07\u00b4`", "'"))
"""Right single quotation mark, modifier letter apostrophe, fullwidth apostrophe, acute and grave accent."""

TAG: Final = re.compile(r"\[[^\[\]\n]{1,60}\]")
"""What people note in a text and nobody said: [noise], [foreign:fr]."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A named, versioned way to bring texts to a common form."""

    name: str
    description: str
    apply: Callable[[str], str]


def _plain_1(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).casefold()
    made = []
    for position, character in enumerate(text):
        category = unicodedata.category(character)
        if character == "'":
            # Within a word it is a letter (don't), around one a quotation mark.
            inside = (
                0 < position < len(text) - 1 and text[position - 1].isalnum() and text[position + 1].isalnum()
            )
            made.append("'" if inside else " ")
        elif category[0] in "PSZ" or category == "Cc":
            made.append(" ")
        elif category != "Cf":
            made.append(character)
    return " ".join("".join(made).split())


def _spoken_1(text: str) -> str:
    return _plain_1(TAG.sub(" ", text))


def _exact_1(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile(
            "plain-1",
            "Compatibility forms folded, case folded, punctuation and symbols are spaces, apostrophes kept "
            "within words, invisible characters removed, spaces single. Any language.",
            _plain_1,
        ),
        Profile(
            "spoken-1",
            "As plain-1, without tags in square brackets ([noise], [foreign:fr]): what was spoken.",
            _spoken_1,
        ),
        Profile("exact-1", "Canonical composition and single spaces; case and punctuation count.", _exact_1),
    )
}
DEFAULT: Final = "plain-1"


def normalize(text: str, profile: str = DEFAULT) -> str:
    """Bring a text to the form of a profile: `plain-1`, `spoken-1` or `exact-1`; KeyError for another."""
    return PROFILES[profile].apply(text)
