"""Error rates of machines against people and of annotators against reviewers, pooled, with intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import connection

from annotation.models import User
from annotation.quality.intervals import LEAST_UNITS, Interval, Moments, moments, ratio
from annotation.quality.scope import REVIEWED, SCORED, Scope
from transcription.text.metrics import ErrorCounts

MOST: Final = 60
"""Rows of one breakdown, those with most words; weeks: the newest."""

#: How each breakdown finds a score's row, as SQL.
KEYS: Final = {
    "model": "pass_name || ':' || model",
    "language": "language",
    "speaker": "speaker",
    "week": "to_char(decided_at AT TIME ZONE 'UTC', 'IYYY-\"W\"IW')",
    "annotator": "author_id::text",
    "reviewer": "reviewer_id::text",
}
MACHINE_BY: Final = ("model", "language", "speaker", "week", "annotator")
REVIEW_BY: Final = ("annotator", "reviewer", "week")


@dataclass(frozen=True, slots=True)
class Rate:
    """Hold the pooled errors of one group of texts, and the rates with their intervals."""

    key: str
    label: str
    segments: int
    recordings: int
    audio_ms: int
    words: ErrorCounts
    characters: ErrorCounts
    wer: Interval | None
    """None where few segments stand behind it: the spread of `words.rate` is not known then."""
    cer: Interval | None
    units: str
    """What the interval took as drawn independently: recordings or segments."""


#: What is added up of scores: its name, and how one score counts.
SUMS: Final = {
    "segments": "1",
    "audio_ms": "audio_ms",
    "ws": "substitutions",
    "wd": "deletions",
    "wi": "insertions",
    "w": "words",
    "cs": "character_substitutions",
    "cd": "character_deletions",
    "ci": "character_insertions",
    "c": "characters",
    "wee": "errors::float8 * errors",
    "wew": "errors::float8 * words",
    "www": "words::float8 * words",
    "cee": "character_errors::float8 * character_errors",
    "cec": "character_errors::float8 * characters",
    "ccc": "characters::float8 * characters",
}
COUNTED: Final = ", ".join(f"sum({score}) AS {name}" for name, score in SUMS.items())
ADDED: Final = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
# One pass over the scores; then a row for each recording in each group and in the whole, so that the sums of
# squares of recordings fall out beside those of segments.
POOLED: Final = """
, cell AS MATERIALIZED (
    SELECT {key} AS key, best, recording_id, {counted} FROM scored GROUP BY 1, 2, 3),
unit AS (
    SELECT false AS whole, key, recording_id, {added} FROM cell WHERE {which} GROUP BY key, recording_id
    UNION ALL
    SELECT true, NULL, recording_id, {added} FROM cell WHERE {whole} GROUP BY recording_id),
erred AS (SELECT *, ws + wd + wi AS we, cs + cd + ci AS ce FROM unit)
SELECT whole, key, sum(segments)::bigint, count(*), sum(audio_ms)::bigint,
       sum(ws)::bigint, sum(wd)::bigint, sum(wi)::bigint, sum(w)::bigint,
       sum(cs)::bigint, sum(cd)::bigint, sum(ci)::bigint, sum(c)::bigint,
       sum(we::float8 * we::float8), sum(we::float8 * w::float8), sum(w::float8 * w::float8),
       sum(wee), sum(wew), sum(www),
       sum(ce::float8 * ce::float8), sum(ce::float8 * c::float8), sum(c::float8 * c::float8),
       sum(cee), sum(cec), sum(ccc)
  FROM erred GROUP BY whole, key ORDER BY whole DESC, {order} LIMIT %(most)s
"""


def machine_rates(scope: Scope, by: str) -> list[Rate]:
    """Return the machines' error rates against what people left, broken down by one of MACHINE_BY."""
    return machine_rates_in_all(scope, by)[0]


def machine_rates_in_all(scope: Scope, by: str) -> tuple[list[Rate], Rate | None]:
    """Return the machines' error rates by one of MACHINE_BY, and that of all of it; None of nothing.

    By model every model that was heard has its row. Otherwise, and in all, each segment counts once: with the
    best machine's text, or that of the model the scope names.
    """
    once = "true" if scope.model else "best"
    return _pooled(SCORED, scope, by, "true" if by == "model" else once, once)


def review_rates(scope: Scope, by: str) -> list[Rate]:
    """Return the error rates of what annotators handed in against what reviewers accepted."""
    return _pooled(REVIEWED, scope, by, "true", "true")[0]


def _pooled(source: str, scope: Scope, by: str, which: str, whole: str) -> tuple[list[Rate], Rate | None]:
    order = "key DESC" if by == "week" else "sum(w) DESC, key"
    statement = POOLED.format(
        key=KEYS[by], which=which, whole=whole, order=order, counted=COUNTED, added=ADDED
    )
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {source}{statement}", {**scope.values(), "most": MOST + 1})
        rows = cursor.fetchall()
    found = [_rate(row[1:]) for row in rows if not row[0]]
    in_all = next((_rate(row[1:]) for row in rows if row[0]), None)
    if by in ("annotator", "reviewer"):
        found = _named(found)
    return (found[::-1] if by == "week" else found), in_all


def _rate(row: tuple[Any, ...]) -> Rate:
    key, segments, recordings, audio_ms, *numbers = row
    words, characters, sums = ErrorCounts(*numbers[:4]), ErrorCounts(*numbers[4:8]), numbers[8:]
    return Rate(
        key=key or "",
        label=(key or "").removeprefix("draft:").removeprefix("refine:"),
        segments=segments,
        recordings=recordings,
        audio_ms=audio_ms,
        words=words,
        characters=characters,
        wer=ratio(words.errors, words.reference_length, moments(recordings, segments, sums[:6])),
        cer=ratio(characters.errors, characters.reference_length, moments(recordings, segments, sums[6:12])),
        units="recordings" if recordings >= LEAST_UNITS else "segments",
    )


def _named(rates: list[Rate]) -> list[Rate]:
    names = dict(
        User.objects.filter(pk__in=[int(r.key) for r in rates if r.key]).values_list("pk", "username")
    )
    return [replace(r, label=names.get(int(r.key), "") if r.key else "") for r in rates]


@dataclass(frozen=True, slots=True)
class Passes:
    """Compare two passes on the segments that both have heard: what the second one bought, at what cost."""

    draft: str
    refine: str
    segments: int
    recordings: int
    audio_ms: int
    words: int
    draft_errors: int
    refine_errors: int
    draft_ms: int
    refine_ms: int
    draft_wer: Interval | None
    refine_wer: Interval | None
    saved: Interval | None
    """How much lower the second pass's error rate is, on the same words; below nought where it is higher."""


PAIRED: Final = """
, pair AS (
    SELECT d.model AS draft, r.model AS refine, d.recording_id, d.audio_ms, d.words AS w,
           d.errors AS de, r.errors AS re, d.ms AS dms, r.ms AS rms
      FROM scored d JOIN scored r ON r.segment_id = d.segment_id AND r.pass_name = 'refine'
     WHERE d.pass_name = 'draft'),
unit AS (
    SELECT draft, refine, recording_id, count(*) AS n, sum(audio_ms) AS audio_ms, sum(w) AS w,
           sum(de) AS de, sum(re) AS re, sum(dms) AS dms, sum(rms) AS rms,
           sum(de::float8 * de) AS dd, sum(de::float8 * w) AS dw, sum(re::float8 * re) AS rr,
           sum(re::float8 * w) AS rw, sum((de - re)::float8 * (de - re)) AS xx,
           sum((de - re)::float8 * w) AS xw, sum(w::float8 * w) AS ww
      FROM pair GROUP BY 1, 2, 3)
SELECT draft, refine, sum(n)::bigint, count(*), sum(audio_ms)::bigint, sum(w)::bigint, sum(de)::bigint,
       sum(re)::bigint, sum(dms)::bigint, sum(rms)::bigint,
       sum(de::float8 * de), sum(de::float8 * w), sum(re::float8 * re), sum(re::float8 * w),
       sum((de - re)::float8 * (de - re)), sum((de - re)::float8 * w), sum(w::float8 * w),
       sum(dd), sum(dw), sum(rr), sum(rw), sum(xx), sum(xw), sum(ww)
  FROM unit GROUP BY 1, 2 ORDER BY sum(w) DESC, 1, 2 LIMIT 8
"""


def passes(scope: Scope) -> list[Passes]:
    """Return, for each pair of a draft and a refine model, what both made of the same words."""
    with connection.cursor() as cursor:
        # Of a pair both models are wanted, whichever of them the scope names.
        cursor.execute(f"WITH {SCORED}{PAIRED}", {**scope.values(), "model": None})
        found = [_passes(row) for row in cursor.fetchall()]
    return [p for p in found if scope.model in ("", p.draft, p.refine)]


def _passes(row: tuple[Any, ...]) -> Passes:
    draft, refine, segments, recordings, audio_ms, words, de, re, draft_ms, refine_ms, *sums = row
    units, at = (recordings, 0) if recordings >= LEAST_UNITS else (segments, 7)
    dd, dw, rr, rw, xx, xw, ww = sums[at : at + 7]
    return Passes(
        draft, refine, segments, recordings, audio_ms, words, de, re, draft_ms, refine_ms,
        draft_wer=ratio(de, words, Moments(units, dd, dw, ww)),
        refine_wer=ratio(re, words, Moments(units, rr, rw, ww)),
        saved=ratio(de - re, words, Moments(units, xx, xw, ww), signed=True),
    )  # fmt: skip
