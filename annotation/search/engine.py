"""Find segments by their words and by filters, newest recordings first, however many there are.

Three ways, in this order:

1. the newest rows are looked at one by one, as long as what they gave so far says that the page will soon be
   full: words that are everywhere fill it at once;
2. the index of groups gives every candidate, if these are few: then all are known, and counted;
3. otherwise there are many candidates, so more of the newest rows fill the page before long. Only where that
   fails (many rows with the word, few with the filter) PostgreSQL plans it, within a time limit.

Only rows of projects that the person may see are looked at, and none of recordings in the trash.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.models import Q
from psycopg.errors import QueryCanceled

from annotation.errors import Invalid
from annotation.models import Project
from annotation.permissions import Person, visible
from annotation.search.filters import conditions_of
from annotation.search.grams import any_of, gram_query, lexeme, like
from annotation.search.query import Query, Word

NEWEST: Final = 1_000
"""Rows looked at first, in a millisecond or two: they tell how common something is."""
SOON: Final = 10_000
"""With so many rows, or fewer, still to be looked at the page is filled sooner than the index answers."""
AT_ONCE: Final = 20_000
"""Rows looked at in one go, in 10 to 20 ms."""
FURTHEST: Final = 100_000
"""Rows looked at in all."""
MARGIN: Final = 1.25
"""How much further than the rate so far says: a little too far costs less than looking twice."""
CANDIDATES: Final = 2_000
"""What the index may give: reading so many, their segments and recordings takes about 20 ms."""
PATIENCE_MS: Final = 4_000
MOST_PROJECTS: Final = 20
"""Projects that are named to the index, while that leaves most rows out; else the others go afterwards."""

LANGUAGES: Final = (
    "ar", "hy", "eu", "ca", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hi", "hu", "id", "it", "lt",
    "ne", "no", "pt", "ro", "ru", "sr", "es", "sv", "ta", "tr", "yi",
)  # fmt: skip
"""Languages that may have a stemmer; the database knows which of them it has."""


@dataclass(frozen=True, slots=True)
class Needle:
    """One word, as the database looks for it."""

    word: Word
    tokens: str
    """What the index is asked."""
    stems: str
    """Other forms of the word as a `tsquery`; empty where only the letters count."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of segments, in order; `total` is None where they were not counted."""

    segments: tuple[int, ...]
    total: int | None
    next: str | None
    previous: str | None
    needles: tuple[Needle, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: after the row (or before it, going back)."""

    recording: int
    segment: int
    back: bool = False


def find(
    person: Person,
    query: Query,
    *,
    cursor: str = "",
    limit: int = 25,
    within: Sequence[int] | None = None,
) -> Found:
    """Return a page of the segments that answer `query`; raise Invalid for what is no cursor or filter.

    `within` leaves only these of the projects that the person may see.
    """
    place = _decoded(cursor) if cursor else None
    projects = projects_of(person, query)
    if within is not None:
        projects = [project for project in projects if project in within]
    if query.empty or not projects:
        return Found((), 0, None, None)
    needles = _needles(query, projects)
    search = _Search(person, query, projects, needles, place, limit + 1)
    back = place is not None and place.back
    rows, total = search.found()
    more = len(rows) > limit
    rows = rows[:limit]
    if back:
        rows.reverse()
    has_next, has_previous = (True, more) if back else (more, place is not None)
    return Found(
        tuple(segment for _, segment in rows),
        total if place is None else None,
        _encoded(*rows[-1], back=False) if rows and has_next else None,
        _encoded(*rows[0], back=True) if rows and has_previous else None,
        needles,
    )


def projects_of(person: Person, query: Query) -> list[int]:
    """Return the projects to search, of those the person may see; raise Invalid for one that is none."""
    rows = visible(Project.objects.filter(archived_at=None), person)
    if not query.projects:
        return list(rows.order_by("pk").values_list("pk", flat=True))
    wanted: set[int] = set()
    for name in query.projects:
        asked = Q(name__icontains=name)
        if name.isascii() and name.isdecimal() and len(name) < 19:
            asked |= Q(pk=int(name))
        found = set(rows.filter(asked).values_list("pk", flat=True))
        if not found:
            raise Invalid(f"You have no project called “{name}”.", q="a project of yours")
        wanted |= found
    return sorted(wanted)


def _needles(query: Query, projects: Sequence[int]) -> tuple[Needle, ...]:
    """Add the other forms of each word, in the languages of the projects that are searched."""
    words = [w.folded for w in query.wanted if not w.exact and not query.where and w.folded.isalpha()]
    forms: dict[str, list[str]] = {}
    if words:
        spoken = set(Project.objects.filter(pk__in=projects).values_list("language", flat=True))
        languages = list(LANGUAGES) if "" in spoken else sorted(spoken)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT word, array_agg(DISTINCT stem) FROM unnest(%s::text[]) AS word,"
                " unnest(%s::text[]) AS language, unnest(tsvector_to_array(annotation_stems(language, word)))"
                " AS stem GROUP BY word",
                [words, languages],
            )
            forms = dict(cursor.fetchall())
    made = []
    for word in query.wanted:
        stems = " | ".join(map(lexeme, forms.get(word.folded, ()))) if word.folded in forms else ""
        tokens = gram_query(word.folded)
        made.append(Needle(word, any_of([tokens, stems]) if stems else f"({tokens})", stems))
    return tuple(made)


class _Search:
    """One question on its way through the three ways."""

    def __init__(
        self,
        person: Person,
        query: Query,
        projects: Sequence[int],
        needles: Sequence[Needle],
        place: _Place | None,
        limit: int,
    ) -> None:
        self.projects, self.needles, self.place, self.limit = projects, needles, place, limit
        self.values: dict[str, Any] = {"projects": list(projects), "limit": limit}
        self.back = place is not None and place.back
        self.order = (
            "kept.recording_id, kept.segment_id DESC"
            if self.back
            else "kept.recording_id DESC, kept.segment_id"
        )
        self.after = "true"
        if place is not None:
            self.values |= {"at_recording": place.recording, "at_segment": place.segment}
            self.after = (
                "kept.recording_id >= %(at_recording)s AND NOT (kept.recording_id = %(at_recording)s"
                " AND kept.segment_id >= %(at_segment)s)"
                if self.back
                else "kept.recording_id <= %(at_recording)s AND NOT (kept.recording_id = %(at_recording)s"
                " AND kept.segment_id <= %(at_segment)s)"
            )
        self.text = self._text_conditions(query)
        self.filters, self.indexed = conditions_of(query, person, self.values)
        self.rows = f"{self.filters} AND recording.trashed_at IS NULL"

    def _text_conditions(self, query: Query) -> str:
        found = []
        for number, needle in enumerate(self.needles):
            self.values[f"word{number}"] = like(needle.word.folded)
            places = {
                "": f"kept.text LIKE %(word{number})s OR kept.heard LIKE %(word{number})s",
                "text": f"kept.text LIKE %(word{number})s",
                "heard": f"kept.heard LIKE %(word{number})s",
            }[query.where]
            if needle.stems:
                self.values[f"stems{number}"] = needle.stems
                places += f" OR kept.stems @@ %(stems{number})s::tsquery"
            found.append(f"({places})")
        for number, word in enumerate(word for word in query.words if word.without):
            self.values[f"without{number}"] = like(word.folded)
            found.append(f"kept.text NOT LIKE %(without{number})s")
        return " AND ".join(found) or "true"

    def found(self) -> tuple[list[tuple[int, int]], int | None]:
        """Return the rows of the page, one more where there is one, and how many there are if known."""
        rows: list[tuple[int, int]] = []
        seen, look, asked = 0, NEWEST, False
        while seen < FURTHEST:
            rows += self.newest(seen, look, self.limit - len(rows))
            seen += look
            missing = self.limit - len(rows)
            if not missing:
                return rows, None
            # Twice as far each time at least: a hit or two short would else be looked for in tiny steps.
            look = max(seen, int(MARGIN * seen * missing / max(1, len(rows))))
            if not asked and (look > SOON or seen > NEWEST):
                asked = True
                candidates = self.by_index()
                if candidates is not None:
                    return candidates, len(candidates)
            look = min(look, AT_ONCE, max(1, FURTHEST - seen))
        return self.planned(), None

    def newest(self, seen: int, look: int, most: int) -> list[tuple[int, int]]:
        """Look at the next newest rows one by one behind those `seen`; return the first that answer."""
        alone = len(self.projects) == 1
        self.values |= {"seen": seen, "look": look, "most": most, "project": self.projects[0]}
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT kept.recording_id, kept.segment_id
                  FROM (SELECT * FROM (
                            SELECT * FROM annotation_searchtext AS kept
                             WHERE {"kept.project_id = %(project)s" if alone else "true"} AND {self.after}
                             ORDER BY {self.order} LIMIT %(look)s OFFSET %(seen)s) AS kept
                         WHERE {"true" if alone else "kept.project_id = ANY (%(projects)s)"} AND {self.text}
                        OFFSET 0) AS kept
                  JOIN annotation_segment AS segment ON segment.id = kept.segment_id
                  JOIN annotation_recording AS recording ON recording.id = kept.recording_id
                 WHERE {self.rows}
                 ORDER BY {self.order} LIMIT %(most)s
                """,
                self.values,
            )
            found: list[tuple[int, int]] = cursor.fetchall()
        return found

    def by_index(self) -> list[tuple[int, int]] | None:
        """Ask the index; None where it has too many candidates, or nothing to be asked for."""
        tokens = [needle.tokens for needle in self.needles] + list(self.indexed)
        if not tokens:
            return None
        if len(self.projects) <= MOST_PROJECTS and Project.objects.count() > 2 * len(self.projects):
            tokens.append(any_of(lexeme(f"#{project}") for project in self.projects))
        self.values |= {"tokens": " & ".join(tokens), "candidates": CANDIDATES + 1}
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT kept.recording_id, kept.segment_id FROM annotation_searchtext AS kept
                 WHERE annotation_tokens(kept.project_id, kept.text, kept.heard, kept.stems)
                       @@ %(tokens)s::tsquery
                   AND kept.project_id = ANY (%(projects)s) AND {self.text} AND {self.after}
                 LIMIT %(candidates)s
                """,
                self.values,
            )
            candidates = cursor.fetchall()
            if len(candidates) > CANDIDATES:
                return None
            self.values["ids"] = [segment for _, segment in candidates]
            cursor.execute(
                f"""
                SELECT kept.recording_id, kept.id
                  FROM (SELECT id, recording_id, id AS segment_id FROM annotation_segment
                         WHERE id = ANY (%(ids)s)) AS kept
                  JOIN annotation_segment AS segment ON segment.id = kept.id
                  JOIN annotation_recording AS recording ON recording.id = kept.recording_id
                 WHERE {self.rows}
                 ORDER BY {self.order}
                """,
                self.values,
            )
            rows: list[tuple[int, int]] = cursor.fetchall()
        return rows

    def planned(self) -> list[tuple[int, int]]:
        """Leave the way to PostgreSQL; raise Invalid when it takes too long."""
        tokens = [needle.tokens for needle in self.needles] + list(self.indexed)
        indexed = "true"
        if tokens:
            self.values["tokens"] = " & ".join(tokens)
            indexed = (
                "annotation_tokens(kept.project_id, kept.text, kept.heard, kept.stems) @@ %(tokens)s::tsquery"
            )
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PATIENCE_MS)])
                cursor.execute(
                    f"""
                    SELECT kept.recording_id, kept.segment_id
                      FROM annotation_searchtext AS kept
                      JOIN annotation_segment AS segment ON segment.id = kept.segment_id
                      JOIN annotation_recording AS recording ON recording.id = kept.recording_id
                     WHERE kept.project_id = ANY (%(projects)s) AND {indexed} AND {self.text}
                       AND {self.rows} AND {self.after}
                     ORDER BY {self.order} LIMIT %(limit)s
                    """,
                    self.values,
                )
                rows: list[tuple[int, int]] = cursor.fetchall()
                cursor.execute("SELECT set_config('statement_timeout', '0', true)")
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            raise Invalid(
                "Too many rows would have to be looked through one by one. Add a rarer word, or a project.",
                code="too_broad",
                q="something narrower",
            ) from error
        return rows


def _encoded(recording: int, segment: int, *, back: bool) -> str:
    raw = json.dumps([int(back), recording, segment], separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _decoded(token: str) -> _Place:
    try:
        back, recording, segment = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, RecursionError):
        back, recording, segment = 0, -1, -1
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (back, recording, segment))
    if not whole or back not in (0, 1) or not (0 <= recording < 2**62 and 0 <= segment < 2**62):
        raise Invalid("Not a cursor of this search; leave it out to begin anew.", cursor="from `next`")
    return _Place(recording, segment, bool(back))
