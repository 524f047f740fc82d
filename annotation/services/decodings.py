"""Plan, claim, store and fail decodings: the work of the models.

A claim is taken in one statement (`FOR UPDATE SKIP LOCKED`) across recordings and projects; a result is
accepted in one statement that still finds the claim. Between the two no transaction is open.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from annotation.conf import conf
from annotation.doorbell import ring_on_commit
from annotation.models import Decoding, Job, Project, Recording, Segment
from annotation.services import gates, hypotheses, jobs
from annotation.services.clock import ClockTimestamp
from annotation.services.models import card_of
from annotation.states import LIVE_DECODINGS, DecodingState, Pass
from transcription.segmentation import plan_windows
from transcription.types import DecodingOptions, Heard, Span


@dataclass(frozen=True, slots=True)
class Claimed:
    """Name one claimed decoding: what to decode, and the claim that its result must still find."""

    id: int
    claim: int
    recording_id: int
    job_id: int
    pass_name: Pass
    model: str
    channel: int
    start_ms: int
    end_ms: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold claimed decodings that share a model and options, of any recordings."""

    model: str
    options: DecodingOptions
    decodings: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """Carry what was heard in one claimed window; word times are relative to the window."""

    claimed: Claimed
    heard: Heard
    processing_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Count what became of a batch: accepted results, and those whose claim was gone."""

    accepted: int
    fenced: int


def options_for(project: Project, model: str, language: str = "") -> DecodingOptions:
    """State every decoding option for one model in one project; stored with each decoding."""
    options = DecodingOptions(
        language=language or project.language or None,
        hotwords=", ".join(project.glossary) or None,
    )
    card = card_of(model)
    if card is None:
        return options
    options = replace(options, context=gates.context_for(project, model), margin_ms=card.margin_ms)
    if not card.multilingual:
        options = replace(options, language=card.languages[0] if card.languages else "en", hotwords=None)
    return options


def plan(*, job: Job, recording: Recording) -> int:
    """Queue the passes of the recording's project over its segments; return how many were queued.

    Windows that this job has planned before are left as they are, so planning twice changes nothing.
    """
    project = recording.project
    segments = [
        (channel, Span(start, end))
        for channel, start, end in Segment.objects.filter(recording=recording)
        .order_by("channel", "start_ms")
        .values_list("channel", "start_ms", "end_ms")
    ]
    planned = set(
        Decoding.objects.filter(job=job).values_list("pass_name", "model", "channel", "start_ms", "end_ms")
    )
    rows: list[Decoding] = []
    passes = [(Pass.DRAFT, project.draft_model)]
    if project.refine_model:
        passes.append((Pass.REFINE, project.refine_model))
    for pass_name, model in passes:
        options = options_for(project, model, recording.language)
        document, digest = options.to_json(), options.digest()
        for channel in sorted({channel for channel, _ in segments}):
            for window in plan_windows([span for c, span in segments if c == channel]):
                key = (pass_name.value, model, channel, window.start_ms, window.end_ms)
                if key in planned:
                    continue
                rows.append(
                    Decoding(
                        project=project,
                        recording=recording,
                        job=job,
                        pass_name=pass_name,
                        model=model,
                        options=document,
                        options_digest=digest,
                        channel=channel,
                        start_ms=window.start_ms,
                        end_ms=window.end_ms,
                    )
                )
    Decoding.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
    return len(rows)


# The head of the queue decides model and options. A row that has failed before is decoded alone: if it
# kills its worker again, it takes no innocent row along. Refine waits for the recording's drafts.
CLAIM: Final = """
WITH eligible AS NOT MATERIALIZED (
    SELECT d.* FROM annotation_decoding d
     WHERE d.state = 'queued' AND d.pass_name = %(pass)s AND d.model <> ALL (%(without)s::text[])
       AND (d.available_at IS NULL OR d.available_at <= clock_timestamp())
       AND (d.pass_name = 'draft' OR NOT EXISTS (
            SELECT 1 FROM annotation_decoding first
             WHERE first.recording_id = d.recording_id AND first.pass_name = 'draft'
               AND first.state IN ('queued', 'running')))
), head AS (
    SELECT model, options_digest, attempts > 0 AS alone, id FROM eligible
     ORDER BY priority DESC, id LIMIT 1
), picked AS (
    SELECT d.id FROM annotation_decoding d
     WHERE d.id IN (
        SELECT e.id FROM eligible e, head
         WHERE e.model = head.model AND e.options_digest = head.options_digest
           AND CASE WHEN head.alone THEN e.id = head.id ELSE e.attempts = 0 END
         ORDER BY e.priority DESC, e.id LIMIT %(limit)s * 4)
       AND d.state = 'queued'
     ORDER BY d.priority DESC, d.id
     LIMIT (SELECT CASE WHEN alone THEN 1 ELSE %(limit)s END FROM head)
       FOR UPDATE SKIP LOCKED
)
UPDATE annotation_decoding AS d
   SET state = 'running', claim = d.claim + 1, attempts = d.attempts + 1, claimed_by = %(worker)s,
       claim_expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
  FROM picked WHERE d.id = picked.id
RETURNING d.id, d.claim, d.recording_id, d.job_id, d.pass_name, d.model, d.channel, d.start_ms, d.end_ms,
          d.attempts, d.options
"""


CLAIM_TRIES: Final = 3


def _eligible(pass_name: Pass, without: Sequence[str] = ()) -> bool:
    waiting = Decoding.objects.filter(state=DecodingState.QUEUED, pass_name=pass_name)
    waiting = waiting.exclude(model__in=without)
    waiting = waiting.filter(Q(available_at=None) | Q(available_at__lte=ClockTimestamp()))
    if pass_name == Pass.REFINE:
        drafts = Decoding.objects.filter(
            recording=OuterRef("recording"), pass_name=Pass.DRAFT, state__in=LIVE_DECODINGS
        )
        waiting = waiting.filter(~Exists(drafts))
    return waiting.exists()


def is_waiting(pass_name: Pass) -> bool:
    """Tell whether there is work that somebody could claim now."""
    return _eligible(pass_name)


def claim_batch(*, pass_name: Pass, worker: str, limit: int, without: Sequence[str] = ()) -> Batch | None:
    """Claim up to `limit` queued decodings of one model and options, or return None when there is no work.

    `without` names models that this worker cannot serve for now; their rows are left to others.
    """
    rows: list[Any] = []
    for _ in range(CLAIM_TRIES):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                CLAIM,
                {
                    "pass": pass_name.value,
                    "without": list(without),
                    "limit": limit,
                    "worker": worker[:200],
                    "seconds": float(conf().claim_s),
                },
            )
            rows = cursor.fetchall()
        # A colleague may have locked the very rows we looked at; there may be others behind them.
        if rows or not _eligible(pass_name, without):
            break
    if not rows:
        return None
    claimed = sorted(
        (Claimed(row[0], row[1], row[2], row[3], Pass(row[4]), *row[5:10]) for row in rows),
        key=lambda c: c.id,
    )
    return Batch(
        model=claimed[0].model,
        options=DecodingOptions.from_json(_json(rows[0][10])),
        decodings=tuple(claimed),
    )


# Rows whose claims still hold, locked in the order of their ids: whoever locks several does so in this
# order, and nobody waits for somebody who waits for them.
HELD: Final = """
WITH held AS (
    SELECT d.id FROM annotation_decoding d
      JOIN unnest(%(ids)s::bigint[], %(claims)s::bigint[]) AS mine (id, claim)
        ON d.id = mine.id AND d.claim = mine.claim
     WHERE d.state = 'running' ORDER BY d.id FOR UPDATE OF d
)
"""


def _named(claims: Sequence[Claimed]) -> dict[str, Any]:
    return {"ids": [c.id for c in claims], "claims": [c.claim for c in claims]}


def renew(claims: Sequence[Claimed]) -> int:
    """Keep claims for another term; return how many are still held (the others were taken or cancelled)."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            HELD
            + """
            UPDATE annotation_decoding AS d
               SET claim_expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
              FROM held WHERE d.id = held.id
            """,
            {"seconds": float(conf().claim_s), **_named(claims)},
        )
        return int(cursor.rowcount)


def store(results: Sequence[Result]) -> Stored:
    """Accept the results whose claims still hold, in one transaction; refuse the others.

    Each accepted window leaves a hypothesis per segment. The draft becomes the text of segments that
    have none yet; refine replaces text that no person has touched and nobody is editing. Otherwise the
    hypothesis waits beside the person's text as a suggestion.
    """
    with transaction.atomic():
        accepted = _accept(results)
        if accepted:
            hypotheses.keep(accepted)
            if any(result.claimed.pass_name == Pass.DRAFT for result in accepted):
                ring_on_commit("refine")
    # Of all results: when this is a second call after a lost answer, the first one may have got no further.
    jobs.refresh(result.claimed.job_id for result in results)
    return Stored(accepted=len(accepted), fenced=len(results) - len(accepted))


def _accept(results: Sequence[Result]) -> list[Result]:
    with connection.cursor() as cursor:
        cursor.execute(
            HELD
            + """
            UPDATE annotation_decoding AS d
               SET state = 'done', finished_at = clock_timestamp(), claim_expires_at = NULL,
                   processing_ms = spent.ms, cause = '', cause_code = ''
              FROM held
              JOIN unnest(%(ids)s::bigint[], %(spent)s::int[]) AS spent (id, ms) ON spent.id = held.id
             WHERE d.id = held.id
            RETURNING d.id
            """,
            {"spent": [r.processing_ms for r in results], **_named([r.claimed for r in results])},
        )
        ids = {row[0] for row in cursor.fetchall()}
    return [result for result in results if result.claimed.id in ids]


# Attempts are counted when a row is claimed, so a row that killed its worker has been counted too.
GIVE_UP_OR_QUEUE: Final = """
   SET state = CASE WHEN d.attempts >= %(max)s OR %(final)s THEN 'failed' ELSE 'queued' END,
       finished_at = CASE WHEN d.attempts >= %(max)s OR %(final)s THEN clock_timestamp() END,
       available_at = clock_timestamp() + make_interval(secs => %(delay)s * power(2, d.attempts - 1)),
       claim_expires_at = NULL, cause_code = %(code)s, cause = %(cause)s
"""


def fail(
    claims: Sequence[Claimed], *, code: str, cause: str, final: bool = False, delay_s: float | None = None
) -> int:
    """Put failed windows back in the queue, or give them up with their cause after the last attempt.

    `final` gives up at once, for causes that no further attempt can mend. `delay_s` seconds pass before the
    second attempt and twice as many before the third; None = the setting. Returns how many were ours.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"{HELD} UPDATE annotation_decoding AS d {GIVE_UP_OR_QUEUE} FROM held WHERE d.id = held.id",
            {
                "max": conf().max_attempts,
                "final": final,
                "delay": float(conf().retry_delay_s if delay_s is None else delay_s),
                "code": code[:60],
                "cause": cause[:2000],
                **_named(claims),
            },
        )
        rows = int(cursor.rowcount)
    jobs.refresh(c.job_id for c in claims)
    return rows


def hand_back(claims: Sequence[Claimed]) -> int:
    """Return claims that were not begun (a worker that is asked to stop): not counted as an attempt."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            HELD
            + """
            UPDATE annotation_decoding AS d
               SET state = 'queued', attempts = d.attempts - 1, claim_expires_at = NULL
              FROM held WHERE d.id = held.id
            """,
            _named(claims),
        )
        return int(cursor.rowcount)


def put_back(claims: Sequence[Claimed], *, code: str, cause: str, delay_s: float) -> int:
    """Queue claims again after `delay_s` seconds, with the cause: the machine is at fault, not the windows.

    Not counted as an attempt. Returns how many were ours.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            HELD
            + """
            UPDATE annotation_decoding AS d
               SET state = 'queued', attempts = d.attempts - 1, claim_expires_at = NULL,
                   available_at = clock_timestamp() + make_interval(secs => %(delay)s),
                   cause_code = %(code)s, cause = %(cause)s
              FROM held WHERE d.id = held.id
            """,
            {"delay": delay_s, "code": code[:60], "cause": cause[:2000], **_named(claims)},
        )
        rows = int(cursor.rowcount)
    jobs.refresh(c.job_id for c in claims)
    return rows


def reclaim_expired(limit: int = 500) -> int:
    """Queue again, or give up, decodings whose worker went silent; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE annotation_decoding AS d {GIVE_UP_OR_QUEUE}
             WHERE d.id IN (
                SELECT id FROM annotation_decoding
                 WHERE state = 'running' AND claim_expires_at < clock_timestamp()
                 ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
               AND d.state = 'running'
            RETURNING d.job_id
            """,
            {
                "max": conf().max_attempts,
                "final": False,
                "delay": 0.0,
                "code": "worker_lost",
                "cause": "The worker that held this window went silent (killed, or out of memory).",
                "limit": limit,
            },
        )
        job_ids = [row[0] for row in cursor.fetchall()]
    jobs.refresh(job_ids)
    return len(job_ids)


def _json(value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return document
