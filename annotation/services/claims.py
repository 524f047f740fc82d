"""Claims on decodings: taken in one statement across recordings and projects, renewed, given back.

A worker that holds a claim may store what it heard; one whose claim is gone may not. `FOR UPDATE SKIP LOCKED`
lets any number of workers claim at once without waiting for each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q

from annotation.conf import conf
from annotation.models import Decoding
from annotation.services import jobs, refining, turns
from annotation.services.clock import ClockTimestamp
from annotation.services.turns import Head
from annotation.states import DecodingState, Pass, Priority
from transcription.types import DecodingOptions


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
class Fit:
    """Say how much of one model's work fits in one batch: windows, and milliseconds of audio in all."""

    windows: int
    audio_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Hold claimed decodings of one pass that share a model and options, of any recordings.

    `rank`: their place in the order of turns. `suspect`: one window that failed before, and is alone.
    `is_behind`: others were before them, and this turn was kept.
    """

    model: str
    options: DecodingOptions
    decodings: tuple[Claimed, ...]
    pass_name: Pass = Pass.DRAFT
    rank: int = 0
    suspect: bool = False
    is_behind: bool = False


# The first window of each class: six looks into the index of the queue, whatever its length.
HEADS: Final = """
SELECT first.id, class.pass_name, class.haste, first.model, first.options_digest, first.attempts > 0
  FROM unnest(%(passes)s::text[]) AS listed (pass_name)
 CROSS JOIN unnest(%(hastes)s::int[], %(least)s::int[], %(below)s::int[]) AS haste (haste, least, below)
 CROSS JOIN LATERAL (SELECT listed.pass_name, haste.haste, haste.least, haste.below) AS class
 CROSS JOIN LATERAL (
    SELECT d.id, d.model, d.options_digest, d.attempts FROM annotation_decoding d
     WHERE d.state = 'queued' AND d.pass_name = class.pass_name
       AND d.priority >= class.least AND d.priority < class.below
       AND (d.available_at IS NULL OR d.available_at <= clock_timestamp())
       AND d.model <> ALL (%(without)s::text[])
     ORDER BY d.priority DESC, d.id LIMIT 1) AS first
"""

# The head decides model and options. Only so many rows behind it are looked at, so that a queue of many
# models costs no more than one of a single model. A batch for a person carries nobody else's windows.
PICK: Final = """
WITH near AS (
    SELECT d.id, d.model, d.options_digest, d.attempts, d.priority FROM annotation_decoding d
     WHERE d.state = 'queued' AND d.pass_name = %(pass)s
       AND d.priority >= %(least)s AND d.priority < %(below)s
       AND (d.available_at IS NULL OR d.available_at <= clock_timestamp())
       AND d.model <> ALL (%(without)s::text[])
     ORDER BY d.priority DESC, d.id LIMIT %(look)s
), alike AS (
    SELECT id FROM near
     WHERE CASE WHEN %(suspect)s THEN id = %(head)s
                ELSE model = %(model)s AND options_digest = %(digest)s AND attempts = 0 END
     ORDER BY priority DESC, id LIMIT %(windows)s * 4
), free AS (
    SELECT d.id, d.priority, d.end_ms - d.start_ms AS audio_ms FROM annotation_decoding d
     WHERE d.id IN (SELECT id FROM alike) AND d.state = 'queued'
     ORDER BY d.priority DESC, d.id LIMIT %(windows)s FOR UPDATE SKIP LOCKED
), picked AS (
    SELECT id FROM (
        SELECT id, row_number() OVER line AS place, sum(audio_ms) OVER line AS audio_ms FROM free
        WINDOW line AS (ORDER BY priority DESC, id)) AS counted
     WHERE place = 1 OR audio_ms <= %(audio_ms)s
)
UPDATE annotation_decoding AS d
   SET state = 'running', claim = d.claim + 1, attempts = d.attempts + 1, claimed_by = %(worker)s,
       claim_expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
  FROM picked WHERE d.id = picked.id
RETURNING d.id, d.claim, d.recording_id, d.job_id, d.pass_name, d.model, d.channel, d.start_ms, d.end_ms,
          d.attempts, d.options
"""

LOOK_AT: Final = 512
CLAIM_TRIES: Final = 3
ANY_AUDIO_MS: Final = 2**40


def claim_batch(
    *,
    passes: Sequence[Pass],
    worker: str,
    fit: Fit | Callable[[str], Fit],
    without: Sequence[str] = (),
    choose: Callable[[Sequence[Head]], Head | None] = turns.first,
    suspects: bool = True,
) -> Batch | None:
    """Claim queued decodings of one pass, model and options, or return None when there are none to be had.

    `fit` bounds the batch, for the model that turns up; one window is always given. `without` names models
    that this worker cannot serve for now. `choose` says whose turn it is. Without `suspects` nothing is
    claimed where a window that failed before is next.
    """
    for _ in range(CLAIM_TRIES):
        with transaction.atomic(), connection.cursor() as cursor:
            heads = _heads(cursor, passes, without)
            head = choose(heads)
            if head is None or (head.suspect and not suspects):
                return None
            is_behind = any(other.rank < head.rank for other in heads)
            rows = _pick(
                cursor,
                head,
                fit(head.model) if callable(fit) else fit,
                worker,
                alone=is_behind,
                without=without,
            )
        # A colleague may have locked the very rows we looked at; there may be others behind them.
        if rows:
            return _batch(head, rows, is_behind)
    return None


def _heads(cursor: Any, passes: Sequence[Pass], without: Sequence[str]) -> list[Head]:
    limits = [turns.bounds(haste) for haste in turns.HASTE]
    cursor.execute(
        HEADS,
        {
            "passes": [pass_name.value for pass_name in passes],
            "hastes": [haste.value for haste in turns.HASTE],
            "least": [least for least, _ in limits],
            "below": [below for _, below in limits],
            "without": list(without),
        },
    )
    return [Head(row[0], Pass(row[1]), Priority(row[2]), row[3], row[4], row[5]) for row in cursor.fetchall()]


def _pick(
    cursor: Any, head: Head, fit: Fit, worker: str, *, alone: bool, without: Sequence[str]
) -> list[Any]:
    least, below = turns.bounds(head.haste)
    if head.haste != Priority.PERSON and not alone:
        least = turns.bounds(Priority.BULK)[0]  # bulk fills what just uploaded work leaves of a batch
    cursor.execute(
        PICK,
        {
            "pass": head.pass_name.value,
            "least": least,
            "below": below,
            "without": list(without),
            "look": max(LOOK_AT, 8 * fit.windows),
            "suspect": head.suspect,
            "head": head.id,
            "model": head.model,
            "digest": head.options_digest,
            "windows": 1 if head.suspect else max(1, fit.windows),
            "audio_ms": ANY_AUDIO_MS if fit.audio_ms is None else fit.audio_ms,
            "worker": worker[:200],
            "seconds": float(conf().claim_s),
        },
    )
    rows: list[Any] = cursor.fetchall()
    return rows


def _batch(head: Head, rows: Sequence[Any], is_behind: bool) -> Batch:
    claimed = sorted(
        (Claimed(row[0], row[1], row[2], row[3], Pass(row[4]), *row[5:10]) for row in rows),
        key=lambda c: c.id,
    )
    document = rows[0][10]
    return Batch(
        model=head.model,
        options=DecodingOptions.from_json(json.loads(document) if isinstance(document, str) else document),
        decodings=tuple(claimed),
        pass_name=head.pass_name,
        rank=head.rank,
        suspect=head.suspect,
        is_behind=is_behind,
    )


def is_waiting(passes: Sequence[Pass]) -> bool:
    """Tell whether there is work that somebody could claim now."""
    queued = Decoding.objects.filter(state=DecodingState.QUEUED, pass_name__in=passes)
    return queued.filter(Q(available_at=None) | Q(available_at__lte=ClockTimestamp())).exists()


# Rows whose claims still hold, locked in the order of their ids: whoever locks several does so in this
# order, drafts before refines, and nobody waits for somebody who waits for them.
HELD: Final = """
WITH held AS (
    SELECT d.id FROM annotation_decoding d
      JOIN unnest(%(ids)s::bigint[], %(claims)s::bigint[]) AS mine (id, claim)
        ON d.id = mine.id AND d.claim = mine.claim
     WHERE d.state = 'running' ORDER BY d.id FOR UPDATE OF d
)
"""

# Attempts are counted when a row is claimed, so a row that killed its worker has been counted too.
GIVE_UP_OR_QUEUE: Final = """
   SET state = CASE WHEN d.attempts >= %(max)s OR %(final)s THEN 'failed' ELSE 'queued' END,
       finished_at = CASE WHEN d.attempts >= %(max)s OR %(final)s THEN clock_timestamp() END,
       available_at = clock_timestamp() + make_interval(secs => %(delay)s * power(2, d.attempts - 1)),
       claim_expires_at = NULL, cause_code = %(code)s, cause = %(cause)s
"""


def named(claims: Sequence[Claimed]) -> dict[str, Any]:
    """Return the values that `HELD` asks for."""
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
            {"seconds": float(conf().claim_s), **named(claims)},
        )
        return int(cursor.rowcount)


def fail(
    claims: Sequence[Claimed], *, code: str, cause: str, final: bool = False, delay_s: float | None = None
) -> int:
    """Put failed windows back in the queue, or give them up with their cause after the last attempt.

    `final` gives up at once, for causes that no further attempt can mend. `delay_s` seconds pass before the
    second attempt and twice as many before the third; None = the setting. Returns how many were ours. A draft
    that is given up lets the refines go that waited for it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"{HELD} UPDATE annotation_decoding AS d {GIVE_UP_OR_QUEUE} FROM held WHERE d.id = held.id"
            " RETURNING d.id, d.state",
            {
                "max": conf().max_attempts,
                "final": final,
                "delay": float(conf().retry_delay_s if delay_s is None else delay_s),
                "code": code[:60],
                "cause": cause[:2000],
                **named(claims),
            },
        )
        states = dict(cursor.fetchall())
        ended = {pk for pk, state in states.items() if state == DecodingState.FAILED}
        refining.release_under(
            [c for c in claims if c.id in ended and c.pass_name == Pass.DRAFT],
        )
    jobs.refresh(c.job_id for c in claims)
    return len(states)


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
            named(claims),
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
            {"delay": delay_s, "code": code[:60], "cause": cause[:2000], **named(claims)},
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
            RETURNING d.id, d.claim, d.recording_id, d.job_id, d.pass_name, d.model, d.channel, d.start_ms,
                      d.end_ms, d.attempts, d.state
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
        rows = cursor.fetchall()
        refining.release_under(
            [
                Claimed(row[0], row[1], row[2], row[3], Pass(row[4]), *row[5:10])
                for row in rows
                if row[10] == DecodingState.FAILED and row[4] == Pass.DRAFT
            ]
        )
    jobs.refresh(row[3] for row in rows)
    return len(rows)
