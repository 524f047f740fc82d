"""Open projects, change their settings, give people roles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from annotation.conf import conf
from annotation.errors import Conflict, Denied, Invalid, NotFound
from annotation.models import Membership, Project, User
from annotation.permissions import may_create_projects, require
from annotation.states import Role

#: What a manager may set; everything else of a project is the system's.
SETTINGS: Final = (
    "name",
    "description",
    "language",
    "segmentation",
    "segment_target_ms",
    "segment_max_ms",
    "draft_model",
    "refine_model",
    "refine_when",
    "refine_above",
    "language_scope",
    "channels_apart",
    "glossary",
    "tags",
)

MOST_TAGS: Final = 40
#: A word or two of any script, and what belongs to it after a colon; `xx` there stands for a language.
TAG: Final = re.compile(r"[^\W_][\w-]{0,30}(:[^\W_]{1,12})?")


def create_project(*, user: User, **values: Any) -> Project:
    """Open a project with `user` as its manager; unset models default to real Whisper names."""
    if not may_create_projects(user):
        raise Denied("You may not open projects. Ask an administrator for the right 'Can add project'.")
    values.setdefault("draft_model", conf().default_draft_model)
    values.setdefault("refine_model", conf().default_refine_model)
    project = Project(created_by=user)
    _apply(project, values)
    _check_models(user, project, values)
    with transaction.atomic():
        project.save()
        Membership.objects.create(project=project, user=user, role=Role.MANAGER)
    return project


def update_project(*, user: User, project: Project, **values: Any) -> Project:
    """Change settings of a project; work already planned keeps the options it was planned with."""
    require(user, "settings", project)
    with transaction.atomic():
        # Applied to the row as it is now: two managers may be changing target and maximum at once.
        fresh = Project.objects.select_for_update().get(pk=project.pk)
        _apply(fresh, values)
        _check_models(user, fresh, values)
        fresh.save(update_fields=[name for name in SETTINGS if name in values])
    return fresh


def _apply(project: Project, values: dict[str, Any]) -> None:
    unknown = sorted(set(values) - set(SETTINGS))
    if unknown:
        raise Invalid("Some settings are unknown.", **dict.fromkeys(unknown, "not a setting of a project"))
    for name, value in values.items():
        setattr(project, name, value)
    project.refine_model = project.refine_model or None
    glossary = project.glossary
    if not isinstance(glossary, list) or not all(isinstance(t, str) and len(t) <= 100 for t in glossary):
        raise Invalid("The glossary is a list of terms of up to 100 characters.", glossary="list of strings")
    tags = project.tags
    if (
        not isinstance(tags, list)
        or len(tags) > MOST_TAGS
        or not all(isinstance(tag, str) and TAG.fullmatch(tag) for tag in tags)
        or len(set(tags)) != len(tags)
    ):
        raise Invalid(
            f"The tags are up to {MOST_TAGS} different words without brackets, such as noise or foreign:xx.",
            tags="list of words",
        )
    try:
        project.full_clean(exclude=["created_by"])
    except ValidationError as error:
        detail: dict[str, Any] = dict(error.message_dict)
        raise Invalid("Some settings are not valid.", **detail) from error


def _check_models(user: User, project: Project, values: dict[str, Any]) -> None:
    """Keep a model given as a path inside the models directory: no setting may probe the disk."""
    for name in ("draft_model", "refine_model"):
        model = getattr(project, name)
        if name in values and model:
            check_model(user, name, model)


def check_model(user: User, name: str, model: str) -> None:
    """Raise Invalid under the field's name for a model given as a path outside the models directory."""
    if user.is_superuser or (
        not model.startswith(("/", ".", "~")) and ".." not in model and "\\" not in model
    ):
        return
    if not Path(model).expanduser().resolve().is_relative_to(conf().models_dir.resolve()):
        detail: dict[str, Any] = {name: "a name, a hub id, or a directory inside the models directory"}
        raise Invalid(
            "A model's directory must lie inside the models directory of this server. "
            "Ask the administrator to put it there.",
            **detail,
        )


def set_membership(*, user: User, project: Project, member: User, role: Role) -> Membership:
    """Give `member` a role in the project, or another role than before."""
    require(user, "members", project)
    with transaction.atomic():
        _lock_members(project)
        if role != Role.MANAGER:
            _refuse_last_manager(project, member)
        membership, _ = Membership.objects.update_or_create(
            project=project, user=member, defaults={"role": role}
        )
    return membership


def remove_membership(*, user: User, project: Project, member: User) -> None:
    """Take `member` out of the project; what they wrote stays, with their name in the audit."""
    require(user, "members", project)
    with transaction.atomic():
        _lock_members(project)
        _refuse_last_manager(project, member)
        deleted, _ = Membership.objects.filter(project=project, user=member).delete()
    if not deleted:
        raise NotFound(f"{member.get_username()} is not a member of this project.")


def _lock_members(project: Project) -> None:
    """Let one change of members happen at a time, so that two managers cannot remove each other."""
    Project.objects.select_for_update().get(pk=project.pk)


def _refuse_last_manager(project: Project, member: User) -> None:
    managers = Membership.objects.filter(project=project, role=Role.MANAGER)
    if managers.filter(user=member).exists() and not managers.exclude(user=member).exists():
        raise Conflict("The last manager of a project cannot step down; name another manager first.")
