"""Comments on segments: say something, name a member with @, resolve it, open it again.

The words stay as they were written. While two people read a segment blind, what one of them says about it
would tell the other, so until the pair is closed a comment is seen by its author and by reviewers alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet

from annotation import progress
from annotation.errors import Conflict, Invalid
from annotation.models import Comment, Membership, Mention, Project, Segment, User
from annotation.permissions import ALLOWED, require, role_in, visible
from annotation.services import pairs
from annotation.services.clock import ClockTimestamp
from annotation.services.segments import clean_text
from annotation.states import Role

LONGEST: Final = 4_000
MENTION: Final = re.compile(r"(?<![\w@.+-])@([\w@.+-]{1,150})")
"""A name as Django allows it. An address (dana@example.org) names nobody: its @ follows a letter."""


def say(*, user: User, segment: Segment, text: object) -> Comment:
    """Comment on a segment; members named with @ find it among their mentions.

    Raises Invalid for a name that no member has: a mention that reaches nobody would be waited for in vain.
    """
    require(user, "comment", segment.project)
    said = clean_text(text, longest=LONGEST)
    if not said:
        raise Invalid("Say something.", text="some words")
    named = mentioned(segment.project, said)
    with transaction.atomic():
        comment = Comment.objects.create(
            project_id=segment.project_id, segment=segment, author=user, text=said
        )
        Mention.objects.bulk_create(Mention(comment=comment, user=one) for one in named if one != user)
        announce(segment)
    comment.refresh_from_db()
    return comment


def mentioned(project: Project, text: str) -> list[User]:
    """Return the members that a text names, each once; Invalid for a name that none of them has."""
    # "@dana." ends a sentence: the longest name that somebody has is meant.
    tokens = list(dict.fromkeys(MENTION.findall(text)))
    tries = {token: [token[:n] for n in range(len(token), 0, -1) if n == len(token) or not token[n].isalnum()]
             for token in tokens}  # fmt: skip
    wanted = {name for names in tries.values() for name in names}
    members = Membership.objects.filter(project=project, user__is_active=True, user__username__in=wanted)
    found = {one.user.get_username(): one.user for one in members.select_related("user")}
    named: dict[int, User] = {}
    unknown: list[str] = []
    for token, names in tries.items():
        name = next((one for one in names if one in found), None)
        if name is None:
            unknown.append(token)
        else:
            named[found[name].pk] = found[name]
    if unknown:
        raise Invalid(
            f"Not a member of this project: {', '.join(unknown)[:200]}. Name members, or leave the @ out.",
            text="names of members after @",
        )
    return list(named.values())


def resolve(*, user: User, comment: Comment, resolved: bool) -> Comment:
    """Say that a comment is dealt with, or that it is not after all."""
    require(user, "comment", comment.project)
    with transaction.atomic():
        rows = Comment.objects.filter(pk=comment.pk, resolved_at__isnull=resolved)
        changed = rows.update(
            resolved_at=ClockTimestamp() if resolved else None, resolved_by=user if resolved else None
        )
        if changed:
            announce(comment.segment)
    comment.refresh_from_db()
    if not changed and (comment.resolved_at is not None) != resolved:
        raise Conflict("Somebody has just changed this; look at it again.")
    return comment


def of_segment(person: User, segment: Segment) -> QuerySet[Comment]:
    """List what a person may read of what was said about a segment, oldest first."""
    rows = Comment.objects.filter(segment=segment).select_related("author", "resolved_by").order_by("pk")
    reviewer = role_in(person, segment.project) in ALLOWED["review"]
    return rows if reviewer or not pairs.is_blind(segment) else rows.filter(author=person)


def count_open(person: User, segment: Segment) -> int:
    """Count what a person may read of a segment's comments and is not resolved."""
    found = Comment.objects.filter(segment=segment, resolved_at=None).count()
    # Nearly always none, which needs no look at who may read what.
    return of_segment(person, segment).filter(resolved_at=None).count() if found else 0


# -- Mentions --------------------------------------------------------------------------------------------


def mentions_of(person: User, *, unread: bool = False) -> QuerySet[Mention]:
    """List where a person was named, newest first, in projects they still belong to."""
    rows = Mention.objects.filter(
        user=person, comment__project__in=visible(Project.objects.all(), person).values("pk")
    )
    if not person.is_superuser:
        # What was said about a row that is being read blind waits until it is not any more.
        reviews = Membership.objects.filter(
            project=OuterRef("comment__project"), user=person, role__in=(Role.REVIEWER, Role.MANAGER)
        )
        blind = Func(F("comment__segment_id"), function="annotation_blind", output_field=BooleanField())
        rows = rows.annotate(blind=blind).filter(Exists(reviews) | Q(blind=False))
    if unread:
        rows = rows.filter(read_at=None)
    return rows.select_related("comment__author", "comment__segment__recording", "comment__project").order_by(
        "-pk"
    )


def unread_count(person: User) -> int:
    """Count the mentions a person has not read, up to 100."""
    return len(mentions_of(person, unread=True).values_list("pk", flat=True)[:100])


def mark_read(*, user: User, comments: Sequence[int]) -> int:
    """Say that the user has read these comments; return how many mentions that were unread."""
    rows = Mention.objects.filter(user=user, comment__in=list(comments), read_at=None)
    return rows.update(read_at=ClockTimestamp())


def announce(segment: Segment) -> None:
    """Tell open pages that something was said; they fetch what they may read."""
    progress.publish_on_commit(
        segment.project_id,
        "comment.changed",
        {"segment": str(segment.pk), "recording": str(segment.recording_id)},
    )
