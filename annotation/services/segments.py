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
from annotation.models import Decision, Draft, Revision, Segment, User
from annotation.permissions import ALLOWED, require, role_in
from annotation.selectors import machine_of, machine_text_of
from annotation.services import leases, sampling
from annotation.services.checks import Circumstances, check, warnings_of
from annotation.services.clock import ClockTimestamp
from annotation.services.decisions import NO_EVIDENCE, Evidence, Wording, decision_of, record
from annotation.states import (
    EDITABLE_SEGMENTS,
    TEXT_DECISIONS,
    UNTOUCHED_SEGMENTS,
    DecisionKind,
    SegmentState,
    Source,
)
from annotation.terms import terms_of

MAX_TEXT: Final = 20_000
"""Characters: ten times what anybody says in the longest segment."""

MAX_REASON: Final = 500

UNINTELLIGIBLE: Final = "[unintelligible]"

SAVE: Final = """
UPDATE annotation_segment AS segment
   SET text = coalesce(%(text)s, segment.text), revision = segment.revision + 1,
       source = CASE WHEN %(owned)s THEN 'human' ELSE segment.source END, state = %(state)s,
       annotator_id = %(user)s, return_reason = '', updated_at = clock_timestamp()
  FROM (SELECT id, text, state, source, annotator_id, return_reason FROM annotation_segment
         WHERE id = %(segment)s AND revision = %(base)s FOR UPDATE) AS old
 WHERE segment.id = old.id
   AND segment.revision = %(base)s
   AND segment.retired_at IS NULL
   AND NOT segment.locked
   AND segment.state = ANY(%(editable)s)
   AND NOT annotation_blind(segment.id)
   AND NOT EXISTS (
        SELECT 1 FROM annotation_lease lease
         WHERE lease.segment_id = segment.id
           AND lease.expires_at > clock_timestamp()
           AND (lease.holder_id <> %(user)s OR lease.token <> coalesce(%(token)s, lease.token)))
RETURNING segment.revision, segment.text, segment.source, segment.updated_at,
          old.text, old.state, old.source, old.annotator_id, old.return_reason,
          EXISTS (SELECT 1 FROM annotation_gold gold
                   WHERE gold.segment_id = segment.id AND gold.withdrawn_at IS NULL)
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
    """Write a new revision on top of `base_revision` and return the segment as it is now; see `decide`."""
    saved, _ = decide(
        user=user,
        segment=segment,
        kind=DecisionKind.SAVE,
        text=text,
        base_revision=base_revision,
        lease=lease,
        operation_id=operation_id,
    )
    return saved


def decide(
    *,
    user: User,
    segment: Segment,
    kind: DecisionKind,
    base_revision: int,
    text: object = None,
    lease: int | None = None,
    operation_id: UUID | None = None,
    reason: object = "",
    evidence: Evidence = NO_EVIDENCE,
    release: bool = False,
) -> tuple[Segment, Decision]:
    """Keep what a person decided about the text as a revision on top of `base_revision`.

    `save` needs a text. `accept` takes the text as it stands, `skip` leaves it (with a reason), and
    `unintelligible` says so in the text unless one is given. Returns the segment, brought up to date in
    place, and the decision; of a segment that is read twice (`services.pairs`) what its reader sees. With
    `release` the person's lease is given back with it; their draft always is.

    Raises StaleRevision (with both texts and the one they began with), Locked, Leased, Reshaped or Invalid.
    An act repeated with the same `operation_id` returns what the first one made. A save without a lease is
    accepted while nobody else holds one: an expired lease never discards text.
    """
    # What is read twice is kept apart by a service that builds on this one.
    from annotation.services import pairs

    require(user, "edit", segment.project)
    cleaned, why = _wanted(kind, text, reason)
    if operation_id is not None:
        done = decision_of(segment, operation_id)
        if done is not None:
            return _fresh(segment), done
    owned = kind != DecisionKind.SKIP or cleaned is not None
    state = SegmentState.SKIPPED if kind == DecisionKind.SKIP else SegmentState.CORRECTED
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                SAVE,
                {
                    "text": cleaned,
                    "owned": owned,
                    "state": state,
                    "segment": segment.pk,
                    "base": base_revision,
                    "editable": [str(state) for state in EDITABLE_SEGMENTS],
                    "user": user.pk,
                    "token": lease,
                },
            )
            row = cursor.fetchone()
        if row is not None:
            revision, now, source, updated_at, old_text, old_state, *rest = row
            old_source, old_annotator, old_return, is_gold = rest
            if kind == DecisionKind.SAVE and old_state in UNTOUCHED_SEGMENTS and old_text == now:
                kind = DecisionKind.ACCEPT  # saving a machine's text as it is accepts it
            Revision.objects.create(
                segment=segment,
                number=revision,
                base=base_revision,
                text=now,
                source=source or Source.HUMAN,
                author=user,
                operation_id=operation_id,
            )
            before = {
                "revision": base_revision,
                "state": old_state,
                "source": old_source,
                "annotator": old_annotator,
                "return_reason": old_return,
            }
            machine = machine_of(segment)
            known = circumstances(segment, evidence.heard_share, machine.text if machine else None)
            decision = record(
                user=user,
                segment=segment,
                kind=kind,
                reason=why,
                evidence=evidence,
                warned=warnings_of(check(now, known)),
                wording=Wording(now, machine) if kind in (DecisionKind.SAVE, DecisionKind.ACCEPT) else None,
                before={str(segment.pk): before},
                after={str(segment.pk): revision},
                operation_id=operation_id,
            )
            if old_state in UNTOUCHED_SEGMENTS:
                sampling.note_decided(segment.project, segment, user)
                if is_gold:
                    sampling.score_gold(segment, user, kind, now, decision)
            Draft.objects.filter(segment=segment, author=user).delete()
            if release and leases.end(segment.pk, user):
                leases.announce(segment, None)
            announce(segment, revision=revision, state=state, kind=kind, by=user.get_username())
    if row is None:
        # The same act may have been answered to a connection that broke before the answer came.
        done = decision_of(segment, operation_id) if operation_id is not None else None
        fresh = _fresh(segment)
        if done is not None:
            return fresh, done
        if pairs.is_blind(fresh):
            return pairs.read(
                user=user,
                segment=fresh,
                act=pairs.Act(kind, cleaned, why, base_revision, lease, operation_id, evidence, release),
            )
        raise refusal(fresh, base_revision, user, mine=cleaned)
    segment.text, segment.revision, segment.source, segment.updated_at = now, revision, source, updated_at
    segment.state, segment.annotator, segment.return_reason = state, user, ""
    return segment, decision


def _wanted(kind: DecisionKind, text: object, reason: object) -> tuple[str | None, str]:
    """Return the text to be written (None = as it stands) and the reason, both clean."""
    if kind not in TEXT_DECISIONS:
        raise Invalid("This is no decision about a text.", decision=" or ".join(TEXT_DECISIONS))
    if kind == DecisionKind.ACCEPT and text is not None:
        raise Invalid("Accepting takes the text as it stands; to change it, save it.", text="left out")
    if kind == DecisionKind.SAVE and text is None:
        raise _invalid("text", "The text is missing.", "a string")
    if kind == DecisionKind.UNINTELLIGIBLE and text is None:
        text = UNINTELLIGIBLE
    why = clean_text("" if reason is None else reason, field="reason", longest=MAX_REASON)
    if kind == DecisionKind.SKIP and not why:
        raise Invalid("Say why it is skipped.", reason="a reason")
    return (None if text is None else clean_text(text)), why


def refusal(segment: Segment, base_revision: int, user: User, *, mine: str | None = None) -> Exception:
    """Say why a change of the segment, as it is now, was not made on top of `base_revision`."""
    typed = {} if mine is None else {"mine": mine}
    if segment.retired_at is not None:
        return leases.reshaped_error(segment, **typed)
    if segment.locked:
        return leases.locked_error(segment)
    if segment.revision != base_revision:
        numbers = (base_revision, segment.revision)
        found = {r.number: r for r in segment.revisions.select_related("author").filter(number__in=numbers)}
        base, newest = found.get(base_revision), found.get(segment.revision)
        return StaleRevision(
            "This segment was changed after you opened it. Compare both texts and save again.",
            mine=segment.text if mine is None else mine,
            theirs=segment.text,
            base=base.text if base else "",
            base_revision=base_revision,
            revision=segment.revision,
            by=(newest.author.get_username() if newest.author else newest.model) if newest else "",
            at=newest.created_at.isoformat() if newest else None,
        )
    if segment.state not in EDITABLE_SEGMENTS:
        return Conflict(f"A segment that is {segment.state} cannot be edited; ask a reviewer to return it.")
    return leases.leased_error(segment, user)


def circumstances(
    segment: Segment, heard_share: float | None = None, machine_text: str | None = None
) -> Circumstances:
    """Gather what the checks of a segment's text need to know besides the text.

    The machine's text is looked up unless it is given.
    """
    project = segment.project
    language = segment.recording.language or project.language or segment.language
    terms = terms_of(project, language)
    return Circumstances(
        duration_ms=segment.end_ms - segment.start_ms,
        language=language,
        machine_text=machine_text_of(segment) if machine_text is None else machine_text,
        tags=tuple(project.tags),
        glossary=terms.texts,
        variants=terms.variants,
        initial=terms.initial,
        any_case=terms.any_case,
        heard_share=heard_share,
    )


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
    if fresh.retired_at is not None:
        raise leases.reshaped_error(fresh)
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
    return Segment.everything.select_related("project", "recording", "locked_by").get(pk=segment.pk)
