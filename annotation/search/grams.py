"""Turn words into what the indexes of search hold: groups of three characters, as migration 0011 makes them.

Text is compared in lower case with every run of white space as one blank. `fold` does to a question what
`annotation_fold` does to a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL

SPACE: Final = re.compile(r"[\s\u00a0\u2007\u202f\u3000]+")
SIZE: Final = 3
MOST_GRAMS: Final = 12
"""Groups of one word that are looked up; what is found is compared letter by letter anyway."""


def fold(said: str) -> str:
    """Return text as it is compared: lower case, one blank for every run of white space, none at the ends.

    Letter by letter, as PostgreSQL's simple mapping does it: Python's own changes some letters by what stands
    beside them.
    """
    return "".join(letter.lower()[0] for letter in SPACE.sub(" ", said)).strip()


def lexeme(value: str) -> str:
    """Quote a lexeme for a `tsquery`."""
    return "'{}'".format(value.replace("\\", "\\\\").replace("'", "''"))


def gram_query(folded: str) -> str:
    """Return the `tsquery` that every text with `folded` in it answers; some others do, too.

    Of a longer word, groups that cover all letters once are enough: more of them narrow little and cost more
    to intersect. One or two characters are the beginning of a group.
    """
    if len(folded) < SIZE:
        return f"{lexeme('~' + folded)}:*"
    last = len(folded) - SIZE
    starts = list(range(last + 1)) if len(folded) <= 2 * SIZE else sorted({*range(0, last + 1, SIZE), last})
    if len(starts) > MOST_GRAMS:
        step = len(starts) / MOST_GRAMS
        starts = [starts[int(step * n)] for n in range(MOST_GRAMS)]
    return " & ".join(lexeme("~" + folded[at : at + SIZE]) for at in starts)


def any_of(queries: Iterable[str]) -> str:
    """Join queries of which one is enough."""
    return "({})".format(" | ".join(f"({query})" for query in queries))


def like(folded: str) -> str:
    """Return the LIKE pattern of texts that hold `folded`."""
    literal = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"


def with_name(rows: QuerySet[Any], search: str, *, path: str = "pk") -> QuerySet[Any]:
    """Narrow recordings, or rows with one at `path`, to those whose name holds every word of `search`."""
    for word in fold(search).split(" "):
        if word:
            named = RawSQL(
                "SELECT id FROM annotation_recording"
                " WHERE annotation_grams(annotation_fold(name)) @@ %s::tsquery"
                " AND annotation_fold(name) LIKE %s",
                (gram_query(word), like(word)),
            )
            rows = rows.filter(**{f"{path}__in": named})
    return rows


def with_text(rows: QuerySet[Any], search: str, projects: Sequence[int] = ()) -> QuerySet[Any]:
    """Narrow segments to those whose current text holds `search`, in any case."""
    folded = fold(search)
    if not folded:
        return rows
    tokens = gram_query(folded)
    if projects:
        tokens = f"({tokens}) & {any_of(lexeme(f'#{project}') for project in projects)}"
    found = RawSQL(
        "SELECT segment_id FROM annotation_searchtext"
        " WHERE annotation_tokens(project_id, text, heard, stems) @@ %s::tsquery AND text LIKE %s",
        (tokens, like(folded)),
    )
    narrowed: QuerySet[Model] = rows.filter(pk__in=found)
    return narrowed
