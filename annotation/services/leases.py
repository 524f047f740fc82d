"""Take, renew and give back the lease on a segment: who is editing now.

A lease is a courtesy that spares people from typing the same row twice. What keeps text safe is the
revision number in the save itself (`services.segments`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from annotation import progress
from annotation.conf import conf
from annotation.errors import Leased, Locked
from annotation.models import Lease, Segment, User
from annotation.permissions import require


@dataclass(frozen=True, slots=True)
class Held:
    """Tell the holder of a lease its token and when it runs out unless renewed."""

    token: int
    expires_at: datetime


# A live lease of the same person is renewed with its token; a lease that ran out or changes hands gets
# a new one. No row back means that somebody else holds it.
ACQUIRE = """
INSERT INTO annotation_lease AS lease (segment_id, holder_id, token, acquired_at, expires_at)
VALUES (%(segment)s, %(user)s, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (segment_id) DO UPDATE SET
    token = CASE WHEN lease.holder_id = excluded.holder_id AND lease.expires_at > clock_timestamp()
                 THEN lease.token ELSE lease.token + 1 END,
    acquired_at = CASE WHEN lease.holder_id = excluded.holder_id AND lease.expires_at > clock_timestamp()
                       THEN lease.acquired_at ELSE excluded.acquired_at END,
    holder_id = excluded.holder_id,
    expires_at = excluded.expires_at
WHERE lease.expires_at <= clock_timestamp() OR lease.holder_id = excluded.holder_id
RETURNING token, expires_at
"""


def acquire(*, user: User, segment: Segment) -> Held:
    """Lease the segment to `user`, or renew their lease; raise Leased or Locked with the other's name."""
    require(user, "edit", segment.project)
    if segment.locked:
        raise locked_error(segment)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ACQUIRE, {"segment": segment.pk, "user": user.pk, "seconds": float(conf().lease_s)})
        row = cursor.fetchone()
        if row is None:
            raise leased_error(segment)
        _announce(segment, user)
    return Held(token=row[0], expires_at=row[1])


def release(*, user: User, segment: Segment) -> bool:
    """Give the user's lease on the segment back; return False when they held none."""
    with transaction.atomic():
        # Expired, not deleted: the next holder's token must still be higher than this one.
        released = Lease.objects.filter(segment=segment, holder=user).update(expires_at=_past())
        if released:
            _announce(segment, None)
    return bool(released)


def leased_error(segment: Segment) -> Leased:
    """Describe who holds the segment's lease, for a refusal."""
    lease = Lease.objects.select_related("holder").filter(segment=segment).first()
    holder = lease.holder.get_username() if lease else ""
    until = lease.expires_at.isoformat() if lease else None
    return Leased(
        f"{holder or 'Somebody else'} is editing this segment. Wait until the lease runs out, or ask them.",
        holder=holder,
        expires_at=until,
    )


def locked_error(segment: Segment) -> Locked:
    """Describe who locked the segment and when, for a refusal."""
    by = segment.locked_by.get_username() if segment.locked_by else ""
    at = segment.locked_at.isoformat() if segment.locked_at else None
    return Locked(
        f"This segment was locked by {by or 'somebody'}. A reviewer or manager can unlock it with a reason.",
        locked_by=by,
        locked_at=at,
    )


def _past() -> datetime:
    return datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _announce(segment: Segment, holder: User | None) -> None:
    progress.publish_on_commit(
        segment.project_id,
        "lease.changed",
        {
            "segment": str(segment.pk),
            "recording": str(segment.recording_id),
            "holder": holder.get_username() if holder else None,
        },
    )
