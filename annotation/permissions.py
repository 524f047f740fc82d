"""Who may see and do what: one place, asked by every surface.

A row that a person may not see does not exist for them (404); an action their role does not carry is
refused in words (403).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet

from annotation.errors import Denied, NotFound
from annotation.models import (
    Batch,
    Comment,
    Decoding,
    Export,
    Gold,
    Import,
    Job,
    Membership,
    Pair,
    Project,
    Recording,
    Replacement,
    Review,
    Revision,
    Segment,
    Term,
    Upload,
    User,
)
from annotation.states import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

Person = User | AnonymousUser
M = TypeVar("M", bound=Model)

#: Which roles carry which action.
ALLOWED: Final[Mapping[str, frozenset[Role]]] = {
    "view": frozenset(Role),
    "edit": frozenset(Role),
    "lock": frozenset(Role),
    "assign": frozenset({Role.REVIEWER, Role.MANAGER}),
    "review": frozenset({Role.REVIEWER, Role.MANAGER}),
    "comment": frozenset(Role),
    "unlock": frozenset({Role.REVIEWER, Role.MANAGER}),
    "export": frozenset({Role.REVIEWER, Role.MANAGER}),
    "quality": frozenset({Role.REVIEWER, Role.MANAGER}),
    "upload": frozenset({Role.MANAGER}),
    "import": frozenset({Role.MANAGER}),
    "replace": frozenset({Role.REVIEWER, Role.MANAGER}),
    "glossary": frozenset({Role.REVIEWER, Role.MANAGER}),
    "trash": frozenset({Role.MANAGER}),
    "jobs": frozenset({Role.MANAGER}),
    "settings": frozenset({Role.MANAGER}),
    "members": frozenset({Role.MANAGER}),
}

#: How each table leads to its project.
PROJECT_OF: Final[Mapping[type[Model], str]] = {
    Batch: "project",
    Comment: "project",
    Gold: "project",
    Pair: "project",
    Review: "project",
    Project: "",
    Membership: "project",
    Recording: "project",
    Upload: "project",
    Segment: "project",
    Revision: "segment__project",
    Decoding: "project",
    Job: "project",
    Export: "project",
    Import: "project",
    Replacement: "project",
    Term: "project",
}


#: How each table leads to its recording. What belongs to one in the trash is nowhere but there.
RECORDING_OF: Final[Mapping[type[Model], str]] = {
    Recording: "pk",
    Segment: "recording",
    Decoding: "recording",
    Job: "recording",
    Revision: "segment__recording",
    Comment: "segment__recording",
    Pair: "segment__recording",
    Review: "segment__recording",
}


def visible(queryset: QuerySet[M], person: Person, *, trashed: bool = False) -> QuerySet[M]:
    """Narrow a queryset of any project-bound model to what `person` may see.

    Superusers see everything; everybody else what their memberships reach. Archived projects are
    closed to all but superusers. What is in the trash is left out unless `trashed`.
    """
    if not person.is_authenticated or not person.is_active:
        return queryset.none()
    if not trashed and queryset.model in RECORDING_OF:
        thrown = Recording.objects.filter(trashed_at__isnull=False).values("pk")
        queryset = queryset.exclude(**{f"{RECORDING_OF[queryset.model]}__in": thrown})
    if person.is_superuser:
        return queryset
    path = PROJECT_OF[queryset.model]
    allowed = Project.objects.filter(memberships__user=person, archived_at=None).values("pk")
    return queryset.filter(**{f"{path}__in" if path else "pk__in": allowed})


def get_visible(queryset: QuerySet[M], person: Person, **lookup: Any) -> M:
    """Return the one row `lookup` names, or raise NotFound, also when it exists but is foreign."""
    try:
        row = visible(queryset, person).filter(**lookup).first()
    except (ValueError, TypeError, OverflowError):
        row = None
    if row is None:
        name = queryset.model._meta.verbose_name
        raise NotFound(f"There is no such {name}, or you are not a member of its project.")
    return row


_supervising: ContextVar[int | None] = ContextVar("earmark_supervising", default=None)


@contextmanager
def supervising(person: Person) -> Iterator[None]:
    """Let active staff act as a reviewer in every project for the time of the block.

    Only the admin opens one, around a service that a supervisor calls there. What supervisors may not see on
    the pages and over the API stays hidden from them, and no rule of a service is left out.
    """
    allowed = person.is_authenticated and person.is_active and person.is_staff
    token = _supervising.set(person.pk if allowed else None)
    try:
        yield
    finally:
        _supervising.reset(token)


def role_in(person: Person, project: Project) -> Role | None:
    """Return the person's role in the project, None for outsiders; superusers act as managers."""
    if not person.is_authenticated or not person.is_active:
        return None
    if person.is_superuser:
        return Role.MANAGER
    role = Membership.objects.filter(project=project, user=person).values_list("role", flat=True).first()
    if _supervising.get() == person.pk and role != Role.MANAGER:
        return Role.REVIEWER
    return Role(role) if role else None


def may(person: Person, action: str, project: Project) -> bool:
    """Say whether the person's role in the project carries the action."""
    return role_in(person, project) in ALLOWED[action]


def require(person: Person, action: str, project: Project) -> Role:
    """Return the role that carries `action`, or raise: NotFound for outsiders, Denied for members."""
    role = role_in(person, project)
    if role is None:
        raise NotFound("There is no such project, or you are not a member of it.")
    if role not in ALLOWED[action]:
        needed = " or ".join(sorted(ALLOWED[action]))
        raise Denied(
            f"Your role here is {role.value}; this needs {needed}. Ask a manager of the project.",
            action=action,
            role=role.value,
        )
    return role


def may_create_projects(person: Person) -> bool:
    """Say whether the person may open new projects (the `add_project` permission)."""
    return bool(person.is_authenticated and person.is_active and person.has_perm("annotation.add_project"))
