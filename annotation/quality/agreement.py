"""How far people agree who read the same segments blind: shares of pairs, and symmetric error rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from annotation.models import User
from annotation.quality.intervals import Interval, moments, ratio, wilson
from annotation.quality.scope import Scope


@dataclass(frozen=True, slots=True)
class Agreement:
    """Count the pairs of one reader, or of everybody, that were compared; rates over both texts' lengths."""

    reader: int | None
    """None = everybody's."""
    username: str
    pairs: int
    agreed: Interval
    """Share of pairs that were within the project's limit."""
    edits: int
    """Twice: a symmetric rate is edits over the mean length of both texts."""
    words: int
    """Of both texts."""
    character_edits: int
    characters: int
    wer: Interval | None
    """None where few recordings and pairs stand behind it."""
    cer: Interval | None

    @property
    def agreement(self) -> Interval | None:
        """Return one less the symmetric word error rate; not below 0, though that rate ends at 2."""
        if self.wer is None:
            return None
        return Interval(*(max(0.0, 1 - rate) for rate in (self.wer.value, self.wer.high, self.wer.low)))


# A pair counts for each of its readers, and once for everybody.
READ: Final = """
WITH pair AS (
    SELECT pair.id, segment.recording_id, (pair.state = 'agreed')::int AS agreed,
           2 * (pair.substitutions + pair.deletions + pair.insertions) AS edits,
           pair.first_words + pair.second_words AS words, 2 * pair.character_edits AS letter_edits,
           pair.first_characters + pair.second_characters AS letters
      FROM annotation_pair pair JOIN annotation_segment segment ON segment.id = pair.segment_id
     WHERE pair.project_id = %(project)s AND pair.substitutions IS NOT NULL
       AND (%(since)s::timestamptz IS NULL OR pair.compared_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR pair.compared_at < %(until)s)
       AND (%(recording)s::bigint IS NULL OR segment.recording_id = %(recording)s)),
read AS (
    SELECT reading.author_id AS reader, pair.* FROM pair
      JOIN annotation_reading reading ON reading.pair_id = pair.id
     WHERE %(author)s::bigint IS NULL OR reading.author_id = %(author)s
    UNION ALL SELECT NULL, pair.* FROM pair WHERE %(author)s::bigint IS NULL),
unit AS (
    SELECT reader, count(*) AS n, sum(agreed) AS agreed,
           sum(edits) AS e, sum(words) AS w, sum(letter_edits) AS le, sum(letters) AS l,
           sum(edits::float8 * edits) AS ee, sum(edits::float8 * words) AS ew,
           sum(words::float8 * words) AS ww, sum(letter_edits::float8 * letter_edits) AS lele,
           sum(letter_edits::float8 * letters) AS lel, sum(letters::float8 * letters) AS ll
      FROM read GROUP BY reader, recording_id)
SELECT reader, sum(n)::bigint, sum(agreed)::bigint, count(*),
       sum(e)::bigint, sum(w)::bigint, sum(le)::bigint, sum(l)::bigint,
       sum(e::float8 * e), sum(e::float8 * w), sum(w::float8 * w), sum(ee), sum(ew), sum(ww),
       sum(le::float8 * le), sum(le::float8 * l), sum(l::float8 * l), sum(lele), sum(lel), sum(ll)
  FROM unit GROUP BY reader ORDER BY reader NULLS FIRST
"""


def agreements(scope: Scope) -> list[Agreement]:
    """Return everybody's agreement, unless the scope is one person's, and each reader's."""
    with connection.cursor() as cursor:
        cursor.execute(READ, scope.values())
        rows = cursor.fetchall()
    names = dict(User.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "username"))
    return [_agreement(row, names.get(row[0], "")) for row in rows]


def _agreement(row: tuple[Any, ...], username: str) -> Agreement:
    reader, pairs, agreed, recordings, edits, words, letter_edits, letters, *sums = row
    return Agreement(
        reader=reader,
        username=username,
        pairs=pairs,
        agreed=wilson(agreed, pairs),
        edits=edits,
        words=words,
        character_edits=letter_edits,
        characters=letters,
        wer=ratio(edits, words, moments(recordings, pairs, sums[:6])),
        cer=ratio(letter_edits, letters, moments(recordings, pairs, sums[6:])),
    )
