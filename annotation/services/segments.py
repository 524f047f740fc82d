"""Save text, lock and unlock: the changes people make to a segment.

Each is one conditional UPDATE that names what its writer saw. When it changes no row, the row is read
to say why, and nothing is lost: a stale save answers with both texts.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from annotation import progress
from annotation.errors import Conflict, Invalid, StaleRevision
from annotation.models import Revision, Segment, User
from annotation.permissions import ALLOWED, require, role_in
from annotation.services import leases
from annotation.services.clock import ClockTimestamp
from annotation.states import EDITABLE_SEGMENTS, Source

MAX_TEXT: Final = 20_000
"""Characters: ten times what anybody says in the longest segment."""

MAX_REASON: Final = 500

SAVE: Final = """
UPDATE annotation_segment AS segment
   SET text = %(text)s, revision = revision + 1, source = 'human', state = 'corrected',
       updated_at = clock_timestamp()
 WHERE segment.id = %(segment)s
   AND segment.revision = %(base)s
   AND NOT segment.locked
   AND segment.state = ANY(%(editable)s)
   AND NOT EXISTS (
        SELECT 1 FROM annotation_lease lease
         WHERE lease.segment_id = segment.id
           AND lease.expires_at > clock_timestamp()
           AND (lease.holder_id <> %(user)s OR lease.token <> coalesce(%(token)s, lease.token)))
RETURNING segment.revision
"""


def clean_text(value: object, *, field: str = "text", longest: int = MAX_TEXT) -> str:
    """Return text that is safe to keep: valid Unicode in form C, no control characters, trimmed.

    Raises Invalid under the field's name for NUL, lone surrogates, other types and text of more than
    `longest` characters.
    """
    if not isinstance(value, str):
        raise _invalid(field, f"The {field} must be a string.", "a string")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        message = f"The {field} holds half a character (a lone surrogate); type it again."
        raise _invalid(field, message, "valid Unicode") from error
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    bad = {c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"}
    if bad:
        names = ", ".join(sorted(f"U+{ord(c):04X}" for c in bad))
        message = f"The {field} holds control characters ({names}); remove them."
        raise _invalid(field, message, "no control characters")
    if len(text) > longest:
        message = f"The {field} is longer than {longest:,} characters."
        raise _invalid(field, message, f"at most {longest} characters")
    return text


def _invalid(field: str, message: str, expected: str) -> Invalid:
    detail: dict[str, Any] = {field: expected}
    return Invalid(message, **detail)


def save_text(
    *,
    user: User,
    segment: Segment,
    text: object,
    base_revision: int,
    lease: int | None = None,
    operation_id: UUID | None = None,
) -> Segment:
    """Write a new revision on top of `base_revision` and return the fresh segment.

    Raises StaleRevision (with both texts), Locked, Leased or Invalid. A save repeated with the same
    `operation_id` returns what the first one made. A save without a lease is accepted while nobody else
    holds one: an expired lease never discards text.
    """
    require(user, "edit", segment.project)
    cleaned = clean_text(text)
    if operation_id is not None and _already_done(segment, operation_id):
        return _fresh(segment)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                SAVE,
                {
                    "text": cleaned,
                    "segment": segment.pk,
                    "base": base_revision,
                    "editable": [str(state) for state in EDITABLE_SEGMENTS],
                    "user": user.pk,
                    "token": lease,
                },
            )
            row = cursor.fetchone()
        if row is not None:
            Revision.objects.create(
                segment=segment,
                number=row[0],
                base=base_revision,
                text=cleaned,
                source=Source.HUMAN,
                author=user,
                operation_id=operation_id,
            )
            announce(segment, revision=row[0], by=user.get_username())
    fresh = _fresh(segment)
    if row is None:
        # The same save may have been answered to a connection that broke before the answer came.
        if operation_id is not None and _already_done(segment, operation_id):
            return fresh
        raise _refusal(fresh, cleaned, base_revision, user)
    return fresh


def _already_done(segment: Segment, operation_id: UUID) -> bool:
    return Revision.objects.filter(segment=segment, operation_id=operation_id).exists()


def _refusal(segment: Segment, text: str, base_revision: int, user: User) -> Exception:
    if segment.locked:
        return leases.locked_error(segment)
    if segment.revision != base_revision:
        return StaleRevision(
            "This segment was changed after you opened it. Compare both texts and save again.",
            mine=text,
            theirs=segment.text,
            base_revision=base_revision,
            revision=segment.revision,
        )
    if segment.state not in EDITABLE_SEGMENTS:
        return Conflict(f"A segment that is {segment.state} cannot be edited; ask a reviewer to return it.")
    return leases.leased_error(segment)


def lock(*, user: User, segment: Segment, base_revision: int | None = None) -> Segment:
    """Finish the row: saves are refused from now on. Locking a locked row changes nothing."""
    require(user, "lock", segment.project)
    with transaction.atomic():
        conditions: dict[str, Any] = {"pk": segment.pk, "locked": False}
        if base_revision is not None:
            conditions["revision"] = base_revision
        rows = Segment.objects.filter(**conditions).update(
            locked=True,
            locked_at=ClockTimestamp(),
            locked_by=user,
            unlock_reason="",
            updated_at=ClockTimestamp(),
        )
        if rows:
            announce(segment, locked=True, by=user.get_username())
    fresh = _fresh(segment)
    if not rows and not fresh.locked:
        raise StaleRevision(
            "This segment was changed after you opened it; look at the new text before you lock it.",
            theirs=fresh.text,
            base_revision=base_revision,
            revision=fresh.revision,
        )
    return fresh


def unlock(*, user: User, segment: Segment, reason: object) -> Segment:
    """Reopen a locked row; the reason goes to the audit. The one who locked it may, or a reviewer."""
    role = role_in(user, segment.project)
    if not (segment.locked_by_id == user.pk and role is not None):
        require(user, "unlock", segment.project)
    text = clean_text("" if reason is None else reason, field="reason", longest=MAX_REASON)
    if not text:
        raise Invalid("Say why it is unlocked; the reason is kept in the audit.", reason="a reason")
    with transaction.atomic():
        conditions: dict[str, Any] = {"pk": segment.pk, "locked": True}
        if role not in ALLOWED["unlock"]:
            conditions["locked_by"] = user
        rows = Segment.objects.filter(**conditions).update(
            locked=False, locked_at=None, locked_by=None, unlock_reason=text, updated_at=ClockTimestamp()
        )
        if rows:
            announce(segment, locked=False, by=user.get_username())
    if not rows:
        raise Conflict("This segment is not locked any more; look at it again.")
    return _fresh(segment)


def announce(segment: Segment, **what: Any) -> None:
    """Tell open pages that a segment changed; they fetch what they show."""
    progress.publish_on_commit(
        segment.project_id,
        "segment.changed",
        {"segment": str(segment.pk), "recording": str(segment.recording_id), **what},
    )


def _fresh(segment: Segment) -> Segment:
    return Segment.objects.select_related("project", "recording", "locked_by").get(pk=segment.pk)
