"""Review: a second person accepts a segment, returns it with a reason, or fixes and accepts it.

A verdict is one insert and one conditional UPDATE in one transaction: it counts for the revision the reviewer
saw, in a state that still waits for one. The loser of a race is told which; nothing of theirs is half done.
The database holds everybody to the same rules (`migrations/0012_review`).
"""

from __future__ import annotations

import math
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from annotation.errors import Conflict, Denied, Invalid, NotFound
from annotation.models import Draft, Lease, Project, Review, Revision, SecondCheck, Segment, User
from annotation.permissions import ALLOWED, require, role_in
from annotation.services import leases
from annotation.services.clock import ClockTimestamp
from annotation.services.decisions import ACTIVE_MAX_MS, NO_EVIDENCE, Evidence
from annotation.services.segments import MAX_REASON, announce, clean_text, refusal
from annotation.states import VERDICT_MOVES, ReturnReason, SegmentState, Source, Verdict

#: What a manager may set about review, double annotation and gold.
RULES: Final = (
    "review_own",
    "review_percent",
    "double_percent",
    "dispute_above",
    "gold_percent",
    "gold_limit",
    "sample_seed",
)


def judge(
    *,
    user: User,
    segment: Segment,
    verdict: Verdict,
    base_revision: int,
    reason: str = "",
    comment: object = "",
    text: object = None,
    evidence: Evidence = NO_EVIDENCE,
    operation_id: UUID | None = None,
) -> tuple[Segment, Review]:
    """Give a verdict on the revision the reviewer saw; return the segment as it is now, and the review.

    `return` needs a reason of `ReturnReason`, and words of its own where that is "other"; it unlocks the
    row, which goes to its annotator first. `fix` needs the text that is accepted in place of the annotator's;
    one that changes nothing is an `accept`. Raises StaleRevision, Locked (of a fix), Leased, Reshaped, Denied
    with the code `own_work`, or Conflict where the row does not wait for that verdict.
    """
    _require_judge(user, segment.project)
    if operation_id is not None:
        done = Review.objects.filter(segment=segment, operation_id=operation_id).first()
        if done is not None:
            return _fresh(segment), done
    said = clean_text("" if comment is None else comment, field="comment", longest=MAX_REASON)
    verdict, new_text = _wanted(segment, verdict, reason, said, text)
    _check(evidence)
    with transaction.atomic():
        now = _fresh(segment)
        if not now.project.review_own and _is_own(now, user, base_revision):
            raise Denied(
                "This is your own work; somebody else has to review it.", code="own_work", action="review"
            )
        sources, target = VERDICT_MOVES[verdict]
        # Asked before the row is written, so that a refusal says what is in the way; the UPDATE asks again.
        in_the_way = _refusal(now, user, verdict, base_revision)
        if in_the_way is not None:
            raise in_the_way
        review = Review.objects.create(
            project_id=segment.project_id,
            segment=segment,
            revision=base_revision,
            result=base_revision + (verdict == Verdict.FIX),
            verdict=verdict,
            reason_code=reason if verdict == Verdict.RETURN else "",
            comment=said,
            reviewer=user,
            annotator_id=now.annotator_id,
            audio_ms=segment.end_ms - segment.start_ms,
            heard_share=evidence.heard_share,
            active_ms=evidence.active_ms,
            operation_id=operation_id,
        )
        values = _values(verdict, target, reason, said, new_text, review)
        held = Lease.objects.filter(segment=OuterRef("pk"), expires_at__gt=ClockTimestamp())
        rows = Segment.objects.filter(
            ~Exists(held.exclude(holder=user)),
            pk=segment.pk,
            revision=base_revision,
            state__in=sources,
            **({"locked": False} if verdict == Verdict.FIX else {}),
        )
        if not rows.update(**values):
            fresh = _fresh(segment)
            raise _refusal(fresh, user, verdict, base_revision) or refusal(fresh, base_revision, user)
        if verdict == Verdict.FIX:
            Revision.objects.create(
                segment=segment,
                number=review.result,
                base=base_revision,
                text=values["text"],
                source=Source.HUMAN,
                author=user,
                operation_id=operation_id,
            )
            Draft.objects.filter(segment=segment, author=user).delete()
        _settle_check(review)
        if leases.end(segment.pk, user):
            leases.announce(segment, None)
        announce(segment, revision=review.result, state=target, kind="review", by=user.get_username())
    review.refresh_from_db()
    return _fresh(segment), review


def may_judge(user: User, project: Project) -> bool:
    """Say whether a person may give verdicts: reviewers and managers, and staff who hold the right to."""
    if role_in(user, project) in ALLOWED["review"]:
        return True
    return user.is_active and user.is_staff and user.has_perm("annotation.add_review")


def _require_judge(user: User, project: Project) -> None:
    if not may_judge(user, project):
        require(user, "review", project)
        raise NotFound("There is no such project, or you are not a member of it.")


def _wanted(
    segment: Segment, verdict: Verdict, reason: str, said: str, text: object
) -> tuple[Verdict, str | None]:
    """Return the verdict as it is kept and the text of a fix, or raise for what does not go together."""
    if verdict == Verdict.RETURN:
        if reason not in ReturnReason.values:
            raise Invalid("Say why it is returned.", reason=" or ".join(ReturnReason.values))
        if reason == ReturnReason.OTHER and not said:
            raise Invalid("Say in words what is to be done.", comment="some words")
    elif reason:
        raise Invalid("Only a return has a reason.", reason="left out")
    if verdict != Verdict.FIX:
        if text is not None:
            raise Invalid("Only a fix brings a text.", text="left out")
        return verdict, None
    if text is None:
        raise Invalid("The text is missing.", text="a string")
    fixed = clean_text(text)
    return (Verdict.ACCEPT, None) if fixed == segment.text else (Verdict.FIX, fixed)


def _check(evidence: Evidence) -> None:
    heard, active = evidence.heard_share, evidence.active_ms
    if heard is not None and not (math.isfinite(heard) and 0 <= heard <= 1):
        raise Invalid("The share that was heard lies between 0 and 1.", heard_share="0 to 1")
    if active is not None and not 0 <= active <= ACTIVE_MAX_MS:
        raise Invalid("The active time lies between none and a day.", active_ms=f"0 to {ACTIVE_MAX_MS}")


def _is_own(segment: Segment, user: User, revision: int) -> bool:
    """Say whether a person wrote the text of a revision, whoever saved it last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT annotation_is_own(%s, %s, %s)", [segment.pk, revision, user.pk])
        row = cursor.fetchone()
    return bool(row and row[0])


def _refusal(segment: Segment, user: User, verdict: Verdict, base_revision: int) -> Exception | None:
    """Say what stands in the way of a verdict on the segment as it is now; None where nothing does."""
    if segment.retired_at is not None or segment.revision != base_revision:
        return refusal(segment, base_revision, user)
    if segment.state not in VERDICT_MOVES[verdict][0]:
        last = Review.objects.select_related("reviewer").filter(segment=segment).order_by("-pk").first()
        by = last.reviewer.get_username() if last and last.reviewer else ""
        words = {
            SegmentState.ACCEPTED: f"{by or 'Somebody'} has accepted this segment already.",
            SegmentState.RETURNED: f"{by or 'Somebody'} has returned this segment; it is being corrected.",
        }
        return Conflict(
            words.get(
                SegmentState(segment.state),
                "Nobody has decided about this segment yet; there is nothing to review.",
            ),
            code="not_reviewable",
            state=segment.state,
            by=by,
        )
    if verdict == Verdict.FIX and segment.locked:
        return leases.locked_error(segment)
    lease = leases.live([segment.pk]).get(segment.pk)
    if lease is not None and lease.holder_id != user.pk:
        return leases.leased_error(segment, user)
    return None


def _values(
    verdict: Verdict, target: SegmentState, reason: str, said: str, text: str | None, review: Review
) -> dict[str, Any]:
    values: dict[str, Any] = {"state": target, "updated_at": ClockTimestamp()}
    if verdict == Verdict.RETURN:
        why = ReturnReason(reason).label
        told = why if not said else said if reason == ReturnReason.OTHER else f"{why}: {said}"
        # Whoever corrects it must be able to: the lock goes with the reason for it.
        values |= {
            "return_reason": told[:MAX_REASON],
            "locked": False,
            "locked_at": None,
            "locked_by": None,
            "unlock_reason": f"Returned: {told}"[:MAX_REASON],
        }
    else:
        values["return_reason"] = ""
    if text is not None:
        # The annotator stays whose work it is; who wrote this text is in the revision and the review.
        values |= {"text": text, "revision": review.result, "source": Source.HUMAN}
    return values


def _settle_check(review: Review) -> None:
    if review.verdict != Verdict.RETURN:
        SecondCheck.objects.filter(segment=review.segment_id, done_at=None).update(done_at=ClockTimestamp())
        return
    # What was returned is looked at again once it is corrected, whether it was drawn or come upon.
    SecondCheck.objects.update_or_create(
        segment_id=review.segment_id,
        defaults={"again": True, "done_at": None},
        create_defaults={
            "project_id": review.project_id,
            "annotator_id": review.annotator_id,
            "again": True,
        },
    )


def change_rules(*, user: User, project: Project, **values: Any) -> Project:
    """Set how a project is reviewed; raise Invalid with every value that is out of bounds."""
    require(user, "settings", project)
    unknown = sorted(set(values) - set(RULES))
    if unknown:
        raise Invalid("Some rules are unknown.", **dict.fromkeys(unknown, "no rule of review"))
    with transaction.atomic():
        fresh = Project.objects.select_for_update().get(pk=project.pk)
        for name, value in values.items():
            setattr(fresh, name, value)
        try:
            fresh.full_clean(exclude=[f.name for f in Project._meta.fields if f.name not in values])
        except ValidationError as error:
            detail: dict[str, Any] = dict(error.message_dict)
            raise Invalid("Some rules are not valid.", **detail) from error
        fresh.save(update_fields=list(values))
    return fresh


def _fresh(segment: Segment) -> Segment:
    return Segment.everything.select_related("project", "recording", "locked_by", "annotator").get(
        pk=segment.pk
    )
