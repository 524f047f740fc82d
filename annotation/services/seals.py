"""Seals: the audit in a hash chain, so that whoever alters it as the database's own superuser is found out.

`audit.seal_events()` takes what is visible and not sealed yet and hashes it together with the seal before.
This module rings for it and checks the chain by code of its own, so that a changed function does not vouch
for itself.

How an event is written down. Each column is a field: `-` for NULL, otherwise the number of its UTF-8 bytes,
a colon, and the text as PostgreSQL prints it. The fields follow each other in the order of `COLUMNS`; times
are whole microseconds since 1970, `before` and `after` are JSON as `jsonb` prints it. The digest of an event
is the SHA-256 of that.

How a seal is. SHA-256 of: the digest of the seal before (of the first: the SHA-256 of "Earmark audit"); the
fields number, time, snapshot, sequence, settled and count; the ids, eight bytes each, big-endian; and the
digests of the events in that order.

`settled` is the id up to which nothing can come any more, because every transaction that could have taken
such an id has ended. An event at or below it that is in no seal was put in later. Above it events may be
waiting for their seal, as those of a transaction that was still open.

A chain can be made anew by whoever may write it, so its head is to be kept elsewhere: it is in the log of the
workers after each seal, and `manage.py check_integrity --export-head` prints it.
"""

from __future__ import annotations

import hashlib
import logging
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from django.db import connection

from annotation.audit import AUDITED
from annotation.errors import Invalid

log = logging.getLogger(__name__)

BATCH: Final = 10_000
GENESIS: Final = hashlib.sha256(b"Earmark audit").digest()
DIGEST_BYTES: Final = 32

#: The columns of an event in the order in which they are hashed, each as the text that is hashed.
COLUMNS: Final[Mapping[str, str]] = {
    "id": "id::text",
    "at": "(extract(epoch FROM at) * 1000000)::bigint::text",
    "action": "action",
    "table_name": "table_name",
    "row_id": "row_id",
    "project_id": "project_id::text",
    "segment_id": "segment_id::text",
    "actor_id": "actor_id::text",
    "actor_name": "actor_name",
    "source": "source",
    "request_id": "request_id",
    "ip": "ip",
    "db_role": "db_role",
    "transaction_id": "transaction_id::text",
    "before": "before::text",
    "after": "after::text",
}
EVENTS: Final = f"SELECT {', '.join(COLUMNS.values())} FROM audit.event WHERE id = ANY(%s)"  # noqa: S608 - own names

SEALS: Final = """
SELECT number, (extract(epoch FROM sealed_at) * 1000000)::bigint, previous, ids, digests, snapshot_xmax,
       sequence_value, settled, digest
  FROM audit.seal WHERE number > %s ORDER BY number LIMIT %s
"""
SEALS_AT_ONCE: Final = 20

#: Events that no seal knows, where all were sealed long ago.
LATECOMERS: Final = """
SELECT e.id, e.action, e.table_name, e.row_id, e.actor_name FROM audit.event e
 WHERE e.id <= %s
   AND NOT EXISTS (SELECT FROM (SELECT unnest(ids) AS id FROM audit.seal) AS sealed WHERE sealed.id = e.id)
 ORDER BY e.id
"""

EACH_CHANGE: Final = 1 + 4 + 8 + 16
"""What PostgreSQL writes for a trigger AFTER INSERT OR DELETE OR UPDATE ... FOR EACH ROW."""
#: Tables whose every change is written down: no kind, column or condition is left out.
LISTENING: Final = """
SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'audit' AND p.proname = 'record' AND t.tgenabled IN ('O', 'A')
   AND t.tgtype = %s AND t.tgqual IS NULL AND t.tgattr::text = ''
"""

Trouble = Literal[
    "altered",
    "removed",
    "inserted",
    "seal altered",
    "seal missing",
    "truncated",
    "rebuilt",
    "switched off",
]


@dataclass(frozen=True, slots=True)
class Head:
    """Name the last seal. Kept elsewhere, it holds everything up to it in place."""

    number: int
    digest: str
    """SHA-256, hexadecimal."""
    last_id: int
    sealed_at_us: int
    """Microseconds since 1970."""

    @classmethod
    def read(cls, values: object) -> Head:
        """Return the head that `asdict` wrote; raise Invalid for anything else."""
        if isinstance(values, dict) and {type(values.get(name)) for name in ("number", "last_id")} == {int}:
            digest, at = values.get("digest"), values.get("sealed_at_us")
            if isinstance(digest, str) and len(digest) == 2 * DIGEST_BYTES and isinstance(at, int):
                return cls(values["number"], digest, values["last_id"], at)
        raise Invalid("This is no head of the audit: export one with `check_integrity --export-head`.")


@dataclass(frozen=True, slots=True)
class Finding:
    """Name one thing that is not as it was sealed."""

    trouble: Trouble
    id: int
    """Of the event, or the number of the seal."""
    words: str


@dataclass(frozen=True, slots=True)
class Report:
    """Say what was checked, and what was found, the earliest event first."""

    seals: int
    events: int
    waiting: int
    """Events that are not sealed yet; counted as far as a thousand."""
    head: Head | None
    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding | None:
        """Return the first thing that is not as it was sealed."""
        return self.findings[0] if self.findings else None


@dataclass(frozen=True, slots=True)
class _Seal:
    number: int
    sealed_at_us: int
    previous: bytes
    ids: list[int]
    digests: bytes
    snapshot_xmax: int
    sequence_value: int
    settled: int
    digest: bytes

    @property
    def head(self) -> Head:
        return Head(self.number, self.digest.hex(), max(self.ids, default=0), self.sealed_at_us)

    def digest_at(self, index: int) -> bytes:
        return self.digests[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]

    def computed(self) -> bytes:
        numbers = (
            self.number,
            self.sealed_at_us,
            self.snapshot_xmax,
            self.sequence_value,
            self.settled,
            len(self.ids),
        )
        fields = b"".join(field(str(number)) for number in numbers)
        named = struct.pack(f">{len(self.ids)}q", *self.ids)
        return hashlib.sha256(self.previous + fields + named + self.digests).digest()


def field(value: str | None) -> bytes:
    """Return one column as it is hashed."""
    if value is None:
        return b"-"
    raw = value.encode("utf-8")
    return b"%d:%b" % (len(raw), raw)


def seal(most: int = BATCH, *, budget_s: float | None = None) -> int:
    """Seal every event that waits, `most` to a seal; return how many. Call it outside a transaction.

    After `budget_s` seconds no further seal is begun: the rest waits for the next call.
    """
    sealed, began = 0, time.monotonic()
    while budget_s is None or time.monotonic() - began < budget_s:
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit.seal_events(%s)", [most])
            number = int(cursor.fetchone()[0])
        sealed += number
        if number < most:
            break
    if sealed and (last := head()) is not None:
        log.info("audit sealed: %d events, seal %d, head %s", sealed, last.number, last.digest)
    return sealed


def head() -> Head | None:
    """Return the last seal; None where nothing is sealed yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, encode(digest, 'hex'), last_id, (extract(epoch FROM sealed_at) * 1000000)::bigint"
            " FROM audit.seal ORDER BY number DESC LIMIT 1"
        )
        row = cursor.fetchone()
    return Head(*row) if row else None


def verify(kept: Head | None = None, *, most: int = 100) -> Report:
    """Compare every sealed event with its seal, the seals with each other, and their end with a kept head.

    At most `most` findings are listed; once a seal cannot be trusted, the ones after it are not looked at.
    """
    findings: list[Finding] = []
    before = GENESIS
    last: _Seal | None = None
    seals = events = 0
    for one in _seals():
        expected = last.number + 1 if last else 1
        if one.number != expected:
            words = f"seal {expected} is gone: the next one is {one.number}"
            findings.append(Finding("seal missing", expected, words))
            break
        if one.previous != before or one.computed() != one.digest:
            words = f"seal {one.number} is not as it was made; the events from {min(one.ids, default=0)} on"
            findings.append(Finding("seal altered", one.number, f"{words} are not vouched for"))
            break
        if kept is not None and one.number == kept.number and one.digest.hex() != kept.digest:
            words = f"the chain was made anew: seal {one.number} is not the one of the head that was kept"
            findings.append(Finding("rebuilt", one.number, words))
        findings += _compare(one)
        before, last = one.digest, one
        seals, events = seals + 1, events + len(one.ids)
    if last is not None:
        findings += _latecomers(last.settled)
    findings.sort(key=lambda f: (f.trouble in ("seal altered", "seal missing", "rebuilt"), f.id))
    if kept is not None and (last is None or last.number < kept.number) and not _broken(findings):
        there = f"the last seal is {last.number}" if last else "there is no seal at all"
        words = f"the end of the chain is gone: the head that was kept is seal {kept.number}, {there}"
        findings.append(Finding("truncated", kept.number, words))
    findings += _deaf()
    return Report(seals, events, _waiting(last), last.head if last else None, tuple(findings[:most]))


def _broken(findings: list[Finding]) -> bool:
    return any(found.trouble in ("seal altered", "seal missing") for found in findings)


def _seals() -> Iterator[_Seal]:
    at = -(2**62)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(SEALS, [at, SEALS_AT_ONCE])
            rows = cursor.fetchall()
        for row in rows:
            number, sealed_at, previous, ids, digests, newest, noted, settled, digest = row
            yield _Seal(
                number, sealed_at, bytes(previous), ids, bytes(digests), newest, noted, settled, bytes(digest)
            )
        if len(rows) < SEALS_AT_ONCE:
            return
        at = rows[-1][0]


def _compare(one: _Seal) -> list[Finding]:
    """Return what of a seal's events is gone or not as it was."""
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [one.ids])
        found = {int(row[0]): row for row in cursor.fetchall()}
    findings = []
    for index, pk in enumerate(one.ids):
        row = found.get(pk)
        if row is None:
            words = f"event {pk} is gone; it was sealed in seal {one.number}"
            findings.append(Finding("removed", pk, words))
        elif hashlib.sha256(b"".join(map(field, row))).digest() != one.digest_at(index):
            event = dict(zip(COLUMNS, row, strict=True))
            words = f"event {pk} is not as it was sealed in seal {one.number}; it now says: {_told(event)}"
            findings.append(Finding("altered", pk, words))
    return findings


def _latecomers(settled: int) -> list[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(LATECOMERS, [settled])
        rows = cursor.fetchmany(100)
    names = ("id", "action", "table_name", "row_id", "actor_name")
    told = ((row[0], _told(dict(zip(names, row, strict=True)))) for row in rows)
    return [
        Finding("inserted", pk, f"event {pk} was put in later: no seal knows it; it says: {words}")
        for pk, words in told
    ]


def _deaf() -> list[Finding]:
    """Return the tables whose changes nobody writes down any more."""
    with connection.cursor() as cursor:
        cursor.execute(LISTENING, [EACH_CHANGE])
        there = {row[0] for row in cursor.fetchall()}
    return [
        Finding("switched off", 0, f"changes of {table} are not all audited: its trigger is off or narrowed")
        for table in AUDITED
        if table not in there
    ]


def _told(event: Mapping[str, Any]) -> str:
    return f"{event['actor_name']} {event['action']} {event['table_name']} {event['row_id']}"


def _waiting(last: _Seal | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM audit.event WHERE id > %s LIMIT 1000) AS newest",
            [max(last.ids, default=0) if last else 0],
        )
        (number,) = cursor.fetchone()
    return int(number)


def as_json(head: Head) -> dict[str, Any]:
    """Return a head as it is exported."""
    return asdict(head)
