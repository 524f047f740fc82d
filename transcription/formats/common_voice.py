"""The TSV of Common Voice: a clip, its sentence, and who read it under an id that tells nothing."""

from __future__ import annotations

import hashlib
from typing import Final

from transcription.formats.rows import Row
from transcription.formats.texts import one_line

HEADER: Final = (
    "client_id", "path", "sentence", "up_votes", "down_votes", "age", "gender", "accents", "variant",
    "locale", "segment",
)  # fmt: skip


def header_line() -> str:
    """Write the first line of the file."""
    return "\t".join(HEADER) + "\n"


def clip_line(row: Row, clip: str, *, salt: str, accepted: bool) -> str:
    """Write one line for the file `clip`; the speaker is hashed with `salt`, a review counts as a vote.

    The file knows no quoting, so tabs and breaks in a sentence become a space.
    """
    client = hashlib.sha512(f"{salt}\0{row.speaker or row.audio}".encode()).hexdigest()
    votes = ("1" if accepted else "0", "0")
    cells = (client, clip, one_line(row.final), *votes, "", "", "", "", one_line(row.language), "")
    return "\t".join(cells) + "\n"
