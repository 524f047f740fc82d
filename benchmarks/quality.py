"""The quality page of a large project: how long each figure takes, with nothing kept from before."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.report import Table

if TYPE_CHECKING:
    from benchmarks.bench import Bench

GOAL_MS: Final = 1_500.0
ROUNDS: Final = 3

# Two models, a hundred segments a recording, seven people, a year; errors as scores have them.
SEGMENTS: Final = """
INSERT INTO annotation_segment (project_id, recording_id, channel, start_ms, end_ms, speaker, language, state,
    text, revision, source, risk, risk_reasons, locked, unlock_reason, return_reason, annotator_id,
    external_id, metadata)
SELECT %(project)s, (%(recordings)s::bigint[])[1 + n / 100], 0, 3000 * (n %% 100), 3000 * (n %% 100) + 2800,
       'speaker ' || n %% 12, (ARRAY['en', 'de', 'fr'])[1 + n %% 3], 'corrected', 'words of row ' || n, 1,
       'human', (n %% 997) / 997.0, '[]', false, '', '', (%(people)s::bigint[])[1 + n %% 7], '', '{}'
  FROM generate_series(0, %(rows)s - 1) AS n
"""
SCORES: Final = """
INSERT INTO annotation_machinescore (profile, substitutions, deletions, insertions, words,
    character_substitutions, character_deletions, character_insertions, characters, project_id, segment_id,
    revision, author_id, decided_at, pass_name, model, heard, best, risk, processing_ms, audio_ms, replaced)
SELECT 'spoken-1', (s.id %% 7 = 0)::int * (1 + p.pass), (s.id %% 11 = 0)::int, (s.id %% 13 = 0)::int, 10,
       (s.id %% 7 = 0)::int * 3, 0, 2, 55, s.project_id, s.id, 1, s.annotator_id,
       now() - make_interval(mins => (s.id %% 500000)::int), (ARRAY['refine', 'draft'])[1 + p.pass],
       (ARRAY['demo-refine', 'demo-draft'])[1 + p.pass], s.id, p.pass = 0, s.risk, 400, 2800,
       CASE WHEN s.id %% 7 = 0 THEN '[]'
            ELSE jsonb_build_array(jsonb_build_array('w' || s.id %% 400, 'W' || s.id %% 400)) END
  FROM annotation_segment s CROSS JOIN (VALUES (0), (1)) AS p (pass) WHERE s.project_id = %(project)s
"""
DECISIONS: Final = """
INSERT INTO annotation_decision (project_id, segment_id, kind, author_id, reason, audio_ms, heard_share,
    active_ms, checks, overrode, before, after, profile)
SELECT s.project_id, s.id, 'save', s.annotator_id, '', 2800, (s.id %% 10) / 10.0,
       3000, '[]', '[]', '{}', '{}', ''
  FROM annotation_segment s WHERE s.project_id = %(project)s
"""


def run(bench: Bench) -> Table:
    """Fill a project by SQL and read every figure, the slowest breakdown of each."""
    _ = bench.platform  # it is what sets Django up
    from annotation.quality.catalogue import BY, FIGURES
    from annotation.quality.scope import Scope

    rows = bench.sizes.scored_rows
    project = _fill(rows)
    table = Table(
        f"Quality page: {rows:,} segments, {2 * rows:,} scores, {rows:,} decisions",
        ("figure", "ms, all of it", "ms, one annotator's"),
        how="Each figure read from PostgreSQL with no cache, median of three; the slowest breakdown counts. "
        "Workers make those of a whole large project ready; what is filtered is read like this.",
    )
    person = project.recordings.first().segments.first().annotator_id
    worst = 0.0
    for name, make in FIGURES.items():
        spent = [
            max(_median(partial(make, scope, by)) for by in BY.get(name, ("",)))
            for scope in (Scope(project), Scope(project, author=person, own=True))
        ]
        worst = max(worst, spent[0])
        table.add(name, *(f"{value:.0f}" for value in spent))
    table.aim(f"every figure within {GOAL_MS:.0f} ms", f"{worst:.0f} ms", worst <= GOAL_MS)
    return table


def _median(read: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        read()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def _fill(rows: int) -> Any:
    from django.db import connection

    from tests.factories import make_project, make_recording, make_user
    from tests.services import superuser

    project = make_project("Large")
    values: dict[str, Any] = {
        "project": project.pk,
        "rows": rows,
        "recordings": [make_recording(project, duration_ms=300_000).pk for _ in range(-(-rows // 100))],
        "people": [make_user(f"quality-{n}").pk for n in range(7)],
    }
    with connection.cursor() as cursor:
        for statement in (SEGMENTS, SCORES, DECISIONS):
            cursor.execute(statement, values)
    with superuser() as owner:  # the app's role may not, and PostgreSQL does so by itself only after a while
        owner.execute("ANALYZE annotation_segment, annotation_machinescore, annotation_decision")
    return project
