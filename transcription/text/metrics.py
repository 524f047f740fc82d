"""Error counts of a text against a reference: words (WER) or characters (CER), kept as counts and pooled.

Counts, not rates, are stored: the rate of many texts is the sum of errors over the sum of reference lengths,
and an average of rates is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from transcription.text.normalize import DEFAULT, normalize

Unit = Literal["word", "character"]


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Errors by kind and the length of the reference, in words or characters. Add them to pool texts."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    reference_length: int = 0

    @property
    def errors(self) -> int:
        """Give the number of edits that turn the reference into the text."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """Give errors per unit of reference, above 1 where much was inserted; None without a reference."""
        return self.errors / self.reference_length if self.reference_length else None

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        return ErrorCounts(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_length + other.reference_length,
        )


def pool(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """Add up the counts of many texts."""
    return sum(counts, ErrorCounts())


def count_errors(reference: str, text: str, *, unit: Unit = "word", profile: str = DEFAULT) -> ErrorCounts:
    """Count the errors of `text` against `reference` after normalising both by `profile`.

    Characters include the single spaces between words, as jiwer counts them. Time is quadratic in the length
    at worst and near linear for texts that differ little.
    """
    ours, theirs = normalize(reference, profile), normalize(text, profile)
    if unit == "word":
        return count_edits(ours.split(), theirs.split())
    return count_edits(ours, theirs)


def count_edits(reference: Sequence[str], text: Sequence[str]) -> ErrorCounts:
    """Count the fewest edits between two sequences, by kind.

    Of several ways with as few edits the one is taken that RapidFuzz takes, and so jiwer: going back from the
    end, a deletion before an insertion before a substitution. So the counts by kind can be compared with
    theirs.
    """
    begin = 0
    shorter = min(len(reference), len(text))
    while begin < shorter and reference[begin] == text[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and reference[-1 - end] == text[-1 - end]:
        end += 1
    middle = _edits(reference[begin : len(reference) - end], text[begin : len(text) - end])
    return ErrorCounts(*middle, reference_length=len(reference))


def _edits(reference: Sequence[str], text: Sequence[str]) -> tuple[int, int, int]:
    """Give substitutions, deletions, insertions. One row of distances is kept, with the kinds that led to
    each.
    """
    if not reference or not text:
        return 0, len(reference), len(text)
    # (errors, substitutions, deletions, insertions) of turning reference[:i] into text[:j]
    above = [(j, 0, 0, j) for j in range(len(text) + 1)]
    for i, wanted in enumerate(reference, 1):
        row = [(i, 0, i, 0)]
        for j, found in enumerate(text, 1):
            diagonal, up, left = above[j - 1], above[j], row[j - 1]
            least = diagonal[0] if wanted == found else min(diagonal[0], up[0], left[0]) + 1
            if up[0] + 1 == least:
                row.append((least, up[1], up[2] + 1, up[3]))
            elif left[0] + 1 == diagonal[0]:
                row.append((least, left[1], left[2], left[3] + 1))
            else:
                row.append((least, diagonal[1] + (wanted != found), diagonal[2], diagonal[3]))
        above = row
    _, substitutions, deletions, insertions = above[-1]
    return substitutions, deletions, insertions
