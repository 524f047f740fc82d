"""Take, renew and give back the lease on a segment: who is editing now.

A lease is a courtesy that spares people from typing the same row twice. What keeps text safe is the
revision number in the save itself (`services.segments`).

A lease belongs to a person and to one browser tab of theirs (`client`, an id the tab gives itself). Other
people are refused. Another tab of the same person is refused too, and told that it is their own: it may
take the row over, which ends the first tab's token. A caller that names no tab stands for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q

from annotation import progress
from annotation.conf import conf
from annotation.errors import Conflict, Invalid, Leased, Locked, Reshaped
from annotation.models import Lease, Segment, User
from annotation.permissions import require
from annotation.services.clock import ClockTimestamp

CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{0,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Held:
    """Tell the holder of a lease its token and when it runs out unless renewed."""

    token: int
    expires_at: datetime


# A live lease of the same person and tab is renewed with its token; a lease that ran out or changes hands
# gets a new one. No row back means that somebody else holds it, or that the row is not to be edited.
ACQUIRE: Final = """
INSERT INTO annotation_lease AS lease (segment_id, holder_id, client, token, acquired_at, expires_at)
SELECT id, %(user)s, %(client)s, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => %(seconds)s)
  FROM annotation_segment
 WHERE id = ANY(%(segments)s) AND NOT locked AND retired_at IS NULL
 ORDER BY id
ON CONFLICT (segment_id) DO UPDATE SET
    token = CASE WHEN lease.holder_id = excluded.holder_id AND lease.expires_at > clock_timestamp()
                      AND (lease.client = excluded.client OR '' IN (lease.client, excluded.client))
                 THEN lease.token ELSE lease.token + 1 END,
    acquired_at = CASE WHEN lease.holder_id = excluded.holder_id AND lease.expires_at > clock_timestamp()
                       THEN lease.acquired_at ELSE excluded.acquired_at END,
    client = CASE WHEN lease.holder_id = excluded.holder_id AND lease.expires_at > clock_timestamp()
                       AND excluded.client = ''
                  THEN lease.client ELSE excluded.client END,
    holder_id = excluded.holder_id,
    expires_at = excluded.expires_at
WHERE lease.expires_at <= clock_timestamp()
   OR (lease.holder_id = excluded.holder_id
       AND (%(take)s OR lease.client = excluded.client OR '' IN (lease.client, excluded.client)))
RETURNING segment_id, token, expires_at
"""


# What the query of a queue has chosen, and holds a lock on, is leased in the same statement. A row that was
# leased between its snapshot and its lock is not taken: the lease is looked at as it is at that moment.
TAKE: Final = """
WITH chosen AS ({chosen}),
taken AS (
    INSERT INTO annotation_lease AS lease (segment_id, holder_id, client, token, acquired_at, expires_at)
    SELECT segment_id, %(user)s, %(client)s, 1, clock_timestamp(),
           clock_timestamp() + make_interval(secs => %(seconds)s) FROM chosen
    ON CONFLICT (segment_id) DO UPDATE SET
        token = CASE WHEN lease.expires_at > clock_timestamp() THEN lease.token ELSE lease.token + 1 END,
        holder_id = excluded.holder_id, client = excluded.client,
        acquired_at = excluded.acquired_at, expires_at = excluded.expires_at
     WHERE lease.expires_at <= clock_timestamp(){again}
    RETURNING segment_id, token, expires_at)
SELECT chosen.*, taken.token, taken.expires_at FROM chosen LEFT JOIN taken USING (segment_id)
"""
AGAIN: Final = " OR (lease.holder_id = excluded.holder_id AND lease.client = excluded.client)"
TRIES: Final = 50
"""A try is lost only to somebody who got a row by it, so this many are never needed by a few people."""


def take_next(
    chosen: str, values: Mapping[str, Any], *, user: User, client: str, again: bool = False
) -> tuple[tuple[Any, ...], Held] | None:
    """Lease the row that the query `chosen` selects and locks; return its columns and the lease, or None.

    The first column is the `segment_id`. With `again` a lease of this very tab goes on with its token. What
    somebody else got first is passed over: the query is asked anew.
    """
    statement = TAKE.format(chosen=chosen, again=AGAIN if again else "")
    values = {**values, "user": user.pk, "client": client, "seconds": float(conf().lease_s)}
    for _ in range(TRIES):
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
        if row is None:
            return None
        *columns, token, expires_at = row
        if token is not None:
            return tuple(columns), Held(token=token, expires_at=expires_at)
    return None


def acquire(*, user: User, segment: Segment, client: str = "", take: bool = False) -> Held:
    """Lease the segment to `user` in the tab `client`, or renew their lease.

    Raises Leased with the holder's name, or Locked or Reshaped. With `take` it is moved here from another
    tab of the same person; never from another person.
    """
    require(user, "edit", segment.project)
    check_client(client)
    with transaction.atomic():
        held = grant(user, [segment.pk], client=client, take=take).get(segment.pk)
        if held is None:
            segment.refresh_from_db()
            raise refusal(segment, user)
        announce(segment, user, held.expires_at)
    return held


def grant(user: User, segments: list[int], *, client: str = "", take: bool = False) -> dict[int, Held]:
    """Lease those of `segments` that are free to `user`; return what was got. Asks nothing, tells nobody."""
    values: dict[str, Any] = {
        "segments": sorted(segments),
        "user": user.pk,
        "client": client,
        "take": take,
        "seconds": float(conf().lease_s),
    }
    with connection.cursor() as cursor:
        cursor.execute(ACQUIRE, values)
        return {row[0]: Held(token=row[1], expires_at=row[2]) for row in cursor.fetchall()}


def release(*, user: User, segment: Segment, client: str = "") -> bool:
    """Give the user's lease on the segment back; return False when they (or the tab they name) held none."""
    check_client(client)
    with transaction.atomic():
        released = end(segment.pk, user, client=client)
        if released:
            announce(segment, None)
    return released


def ask(*, user: User, segment: Segment) -> None:
    """Ask whoever holds the segment to hand it over: their open page says who asks.

    Nothing is taken; the holder decides. Raises Conflict where nobody else holds it.
    """
    require(user, "edit", segment.project)
    lease = Lease.objects.select_related("holder").filter(pk__in=live([segment.pk])).first()
    if lease is None or lease.holder_id == user.pk:
        raise Conflict("Nobody else holds this segment now: open it and go on.")
    progress.publish(
        segment.project_id,
        "lease.asked",
        {
            "segment": str(segment.pk),
            "recording": str(segment.recording_id),
            "holder": lease.holder.get_username(),
            "by": user.get_username(),
            "name": display_name(user),
        },
    )


def live(segments: list[int]) -> dict[int, Lease]:
    """Return the leases on `segments` that have not run out, by segment."""
    found = Lease.objects.filter(segment__in=segments, expires_at__gt=ClockTimestamp())
    return {lease.segment_id: lease for lease in found}


def end(segment: int, user: User, *, client: str = "") -> bool:
    """End the user's lease on the segment, if it is live; say whether it was. Tells nobody."""
    mine = Lease.objects.filter(segment=segment, holder=user, expires_at__gt=ClockTimestamp())
    if client:
        mine = mine.filter(Q(client=client) | Q(client=""))
    # Expired, not deleted: the next holder's token must still be higher than this one.
    return bool(mine.update(expires_at=_past()))


def check_client(client: str) -> None:
    """Raise Invalid unless `client` may be the id of a tab."""
    if not CLIENT.fullmatch(client):
        raise Invalid(
            "The id of a tab is up to 64 letters, digits, - and _.", client="up to 64 of A-Z a-z 0-9 _ -"
        )


def refusal(segment: Segment, user: User) -> Exception:
    """Describe why `user` may not hold the segment as it is now."""
    if segment.retired_at is not None:
        return reshaped_error(segment)
    if segment.locked:
        return locked_error(segment)
    return leased_error(segment, user)


def leased_error(segment: Segment, user: User | None = None) -> Leased:
    """Describe who holds the segment's lease, for a refusal to `user`."""
    lease = Lease.objects.select_related("holder").filter(segment=segment).first()
    until = lease.expires_at.isoformat() if lease else None
    yours = lease is not None and user is not None and lease.holder_id == user.pk
    holder = lease.holder.get_username() if lease else ""
    name = display_name(lease.holder) if lease else ""
    message = (
        "You have this segment open in another tab. Go on there, or take it over here."
        if yours
        else f"{name or 'Somebody else'} is editing this segment. Wait until the lease runs out, or ask them."
    )
    return Leased(message, holder=holder, name=name, yours=yours, expires_at=until)


def locked_error(segment: Segment) -> Locked:
    """Describe who locked the segment and when, for a refusal."""
    by = segment.locked_by.get_username() if segment.locked_by else ""
    at = segment.locked_at.isoformat() if segment.locked_at else None
    return Locked(
        f"This segment was locked by {by or 'somebody'}. A reviewer or manager can unlock it with a reason.",
        locked_by=by,
        locked_at=at,
    )


def reshaped_error(segment: Segment, **more: Any) -> Reshaped:
    """Describe what took the place of a retired segment, for a refusal."""
    return Reshaped(
        "This segment was split, merged or cut anew meanwhile; open what took its place.",
        into=[str(pk) for pk in successors([segment.pk])[segment.pk]],
        at=segment.retired_at.isoformat() if segment.retired_at else None,
        text=segment.text,
        **more,
    )


# By place and not by descent: the parts of a split that was undone have no descendants, but what they were
# cut from lies there again.
SUCCESSORS: Final = """
SELECT retired.id, live.id FROM annotation_segment retired
  JOIN annotation_segment live ON live.recording_id = retired.recording_id AND live.channel = retired.channel
   AND live.retired_at IS NULL AND live.start_ms < retired.end_ms AND live.end_ms > retired.start_ms
 WHERE retired.id = ANY(%s) ORDER BY live.start_ms, live.id
"""


def successors(segments: Sequence[int]) -> dict[int, list[int]]:
    """List, for each retired segment, the live ones that lie in its place now, by time."""
    found: dict[int, list[int]] = {pk: [] for pk in segments}
    with connection.cursor() as cursor:
        cursor.execute(SUCCESSORS, [list(segments)])
        for retired, live_one in cursor.fetchall():
            found[retired].append(live_one)
    return found


def display_name(user: User) -> str:
    """Return the name others know a person by."""
    return user.get_full_name() or user.get_username()


def _past() -> datetime:
    return datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def announce(segment: Segment, holder: User | None, expires_at: datetime | None = None) -> None:
    """Tell open pages who holds a segment now; None = nobody."""
    progress.publish_on_commit(
        segment.project_id,
        "lease.changed",
        {
            "segment": str(segment.pk),
            "recording": str(segment.recording_id),
            "holder": holder.get_username() if holder else None,
            "name": display_name(holder) if holder else None,
            "expires_at": expires_at.isoformat() if expires_at else None,
        },
    )
