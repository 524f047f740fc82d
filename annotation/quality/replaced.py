"""The words that people put in place of the machine's most often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

from annotation.quality.scope import SCORED, Scope

MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Replaced:
    """Say how often people wrote `written` where the machine had `heard`, and in how many segments."""

    heard: str
    written: str
    times: int
    segments: int
    known: bool
    """Whether the glossary has it."""


PAIRS: Final = """
SELECT lower(pair->>0), pair->>1, count(*), count(DISTINCT segment_id)
  FROM scored CROSS JOIN LATERAL jsonb_array_elements(scored.replaced) AS pair
 WHERE best OR %(model)s::text IS NOT NULL
 GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC, 2, 1 LIMIT %(most)s
"""


def most_replaced(scope: Scope, most: int = MOST) -> list[Replaced]:
    """Return the most frequent substitutions, as people spelt them."""
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {SCORED}{PAIRS}", {**scope.values(), "most": most})
        found = cursor.fetchall()
    known = {term.casefold() for term in scope.project.glossary}
    return [Replaced(h, w, times, rows, w.casefold() in known) for h, w, times, rows in found]
