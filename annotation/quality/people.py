"""What each person did: how much, how fast, how well heard, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from annotation.models import User
from annotation.quality.agreement import Agreement, agreements
from annotation.quality.intervals import Interval, wilson
from annotation.quality.rates import Rate, machine_rates, review_rates
from annotation.quality.scope import Scope
from annotation.states import TEXT_DECISIONS


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Hold one person's work in a project; None where nothing is known."""

    person: int
    username: str
    segments: int
    """Decided about, each once."""
    audio_ms: int
    active_ms: int
    """At work, pauses left out, over all their decisions."""
    effort: float | None
    """Time at work by time of audio, where the time at work was told."""
    heard: float | None
    """Share of the audio that had been played when they decided, weighted by its length."""
    moved: Rate | None
    """How far the machines' texts were from theirs."""
    reviewed: int
    returned: Interval | None
    """Share of their reviewed segments that were returned at least once."""
    review: Rate | None
    """How far what they handed in was from what reviewers accepted."""
    pairs: int
    agreement: Interval | None
    """One less the symmetric word error rate with others who read the same segments blind; not below 0."""
    gold: int
    gold_passed: Interval | None


# A segment counts once for each person, as their last decision on it that was not undone left it, with the
# time of all of them.
WORK: Final = """
WITH acts AS (
    SELECT d.id, d.segment_id, d.author_id, d.audio_ms, d.active_ms, d.heard_share
      FROM annotation_decision d
     WHERE d.project_id = %(project)s AND d.kind = ANY(%(kinds)s) AND d.author_id IS NOT NULL
       AND (%(since)s::timestamptz IS NULL OR d.created_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR d.created_at < %(until)s)
       AND (%(author)s::bigint IS NULL OR d.author_id = %(author)s)
       AND (%(recording)s::bigint IS NULL OR d.segment_id IN (
            SELECT id FROM annotation_segment WHERE recording_id = %(recording)s))
       AND NOT EXISTS (SELECT 1 FROM annotation_decision u WHERE u.undoes_id = d.id)),
each AS (
    SELECT DISTINCT ON (author_id, segment_id) author_id, audio_ms, heard_share,
           sum(active_ms) OVER (PARTITION BY author_id, segment_id) AS active_ms
      FROM acts ORDER BY author_id, segment_id, id DESC)
SELECT author_id, count(*), sum(audio_ms)::bigint, coalesce(sum(active_ms), 0)::bigint,
       (sum(audio_ms) FILTER (WHERE active_ms IS NOT NULL))::bigint,
       sum(heard_share * audio_ms), (sum(audio_ms) FILTER (WHERE heard_share IS NOT NULL))::bigint
  FROM each GROUP BY 1
"""
RETURNED: Final = """
SELECT v.annotator_id, count(DISTINCT v.segment_id),
       count(DISTINCT v.segment_id) FILTER (WHERE v.verdict = 'return')
  FROM annotation_review v
 WHERE v.project_id = %(project)s AND v.annotator_id IS NOT NULL
   AND (%(since)s::timestamptz IS NULL OR v.created_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR v.created_at < %(until)s)
   AND (%(author)s::bigint IS NULL OR v.annotator_id = %(author)s)
   AND (%(recording)s::bigint IS NULL OR v.segment_id IN (
        SELECT id FROM annotation_segment WHERE recording_id = %(recording)s))
 GROUP BY 1
"""
GOLD: Final = """
SELECT g.annotator_id, count(*), count(*) FILTER (WHERE g.passed)
  FROM annotation_goldscore g JOIN annotation_gold gold ON gold.id = g.gold_id
 WHERE g.project_id = %(project)s AND g.annotator_id IS NOT NULL AND NOT %(own)s
   AND (%(since)s::timestamptz IS NULL OR g.created_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR g.created_at < %(until)s)
   AND (%(author)s::bigint IS NULL OR g.annotator_id = %(author)s)
   AND (%(recording)s::bigint IS NULL OR gold.segment_id IN (
        SELECT id FROM annotation_segment WHERE recording_id = %(recording)s))
 GROUP BY 1
"""


def people(scope: Scope) -> list[PersonRow]:
    """Return a row for each person who worked in the scope, most audio first.

    Who may see only their own figures gets one row, and nothing of gold: it would tell which rows are.
    """
    values = {**scope.values(), "kinds": [str(kind) for kind in TEXT_DECISIONS], "own": scope.own}
    work, returned = _by_person(WORK, values), _by_person(RETURNED, values)
    agreed = {one.reader: one for one in agreements(scope) if one.reader is not None}
    gold = _by_person(GOLD, values)
    moved = {int(rate.key): rate for rate in machine_rates(scope, "annotator") if rate.key}
    review = {int(rate.key): rate for rate in review_rates(scope, "annotator") if rate.key}
    found = {*work, *returned, *agreed, *gold, *moved, *review}
    if scope.own and scope.author is not None:
        found = {scope.author}
    names = dict(User.objects.filter(pk__in=found).values_list("pk", "username"))
    rows = [
        _row(
            pk, names.get(pk, ""), work.get(pk), returned.get(pk), agreed.get(pk), gold.get(pk),
            moved.get(pk), review.get(pk),
        )
        for pk in found
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.audio_ms, row.username))


def _by_person(statement: str, values: dict[str, Any]) -> dict[int, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _row(
    pk: int,
    username: str,
    work: tuple[Any, ...] | None,
    returned: tuple[Any, ...] | None,
    agreed: Agreement | None,
    gold: tuple[Any, ...] | None,
    moved: Rate | None,
    review: Rate | None,
) -> PersonRow:
    segments, audio_ms, active_ms, timed_ms, heard_ms, told_ms = work or (0, 0, 0, None, None, None)
    seen, back = returned or (0, 0)
    tried, passed = gold or (0, 0)
    return PersonRow(
        person=pk,
        username=username,
        segments=segments,
        audio_ms=audio_ms,
        active_ms=active_ms,
        effort=active_ms / timed_ms if timed_ms else None,
        heard=heard_ms / told_ms if told_ms else None,
        moved=moved,
        reviewed=seen,
        returned=wilson(back, seen) if seen else None,
        review=review,
        pairs=agreed.pairs if agreed else 0,
        agreement=agreed.agreement if agreed else None,
        gold=tried,
        gold_passed=wilson(passed, tried) if tried else None,
    )
