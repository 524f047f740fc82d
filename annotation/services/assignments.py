"""Assignments: who is asked to work on a recording."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction

from annotation.errors import Invalid
from annotation.models import Assignment, Membership, Project, Recording, User
from annotation.permissions import require


def assign(*, user: User, recording: Recording, usernames: Sequence[str]) -> list[User]:
    """Ask exactly these members to work on a recording, and nobody else; none = it is anybody's."""
    require(user, "assign", recording.project)
    names = list(dict.fromkeys(usernames))
    members = Membership.objects.filter(project=recording.project, user__is_active=True)
    found = {
        m.user.get_username(): m.user for m in members.select_related("user") if m.user.username in names
    }
    unknown = [name for name in names if name not in found]
    if unknown:
        raise Invalid(
            f"Not a member of this project: {', '.join(unknown)[:200]}.", usernames="names of members"
        )
    with transaction.atomic():
        # One change at a time, so that two of them do not end in a mixture.
        Recording.objects.select_for_update().get(pk=recording.pk)
        kept = Assignment.objects.filter(recording=recording)
        kept.exclude(assignee__in=list(found.values())).delete()
        there = set(kept.values_list("assignee_id", flat=True))
        Assignment.objects.bulk_create(
            Assignment(project_id=recording.project_id, recording=recording, assignee=who, assigned_by=user)
            for who in found.values()
            if who.pk not in there
        )
    return [found[name] for name in names]


def members(project: Project) -> dict[str, int]:
    """Return who can be asked to work in a project, by their names in small letters."""
    rows = Membership.objects.filter(project=project, user__is_active=True)
    return {name.casefold(): pk for name, pk in rows.values_list("user__username", "user")}


def ask(*, recording: Recording, people: Collection[int], by: User | None) -> None:
    """Ask people, too, to work on a recording; whoever was asked before stays asked."""
    Assignment.objects.bulk_create(
        (
            Assignment(project_id=recording.project_id, recording=recording, assignee_id=pk, assigned_by=by)
            for pk in sorted(people)
        ),
        ignore_conflicts=True,
    )
