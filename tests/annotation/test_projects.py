"""Projects: who may open them, what may be set, and that one manager always stays."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission

from annotation.errors import Conflict, Denied, Invalid, NotFound
from annotation.models import Membership, Project
from annotation.services import projects
from annotation.states import Role
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def test_a_new_project_uses_real_models_and_has_its_maker_as_manager(cast: Cast) -> None:
    with pytest.raises(Denied):
        projects.create_project(user=cast.annotator, name="Mine")
    cast.annotator.user_permissions.add(Permission.objects.get(codename="add_project"))
    maker = type(cast.annotator).objects.get(pk=cast.annotator.pk)
    project = projects.create_project(user=maker, name="Mine")
    assert (project.draft_model, project.refine_model) == ("small", "large-v3-turbo")
    assert Membership.objects.get(project=project).role == Role.MANAGER


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"segmentation": "random"}, "segmentation"),
        ({"segment_target_ms": 10}, "segment_target_ms"),
        ({"segment_target_ms": 20_000, "segment_max_ms": 10_000}, "__all__"),
        ({"glossary": "not a list"}, "glossary"),
        ({"glossary": [7]}, "glossary"),
        ({"created_by": 1}, "created_by"),
        ({"draft_model": "/etc"}, "draft_model"),
        ({"draft_model": "../../etc"}, "draft_model"),
        ({"refine_model": "~/models"}, "refine_model"),
    ],
)
def test_wrong_settings_are_named_and_nothing_changes(
    cast: Cast, values: dict[str, object], field: str
) -> None:
    before = Project.objects.values().get(pk=cast.project.pk)
    project = Project.objects.get(pk=cast.project.pk)
    with pytest.raises(Invalid) as refused:
        projects.update_project(user=cast.manager, project=project, **values)
    assert field in refused.value.detail
    assert Project.objects.values().get(pk=cast.project.pk) == before


def test_a_model_may_be_a_directory_of_the_models_folder(cast: Cast) -> None:
    directory = str(settings.EARMARK.models_dir / "ours")
    project = projects.update_project(user=cast.manager, project=cast.project, draft_model=directory)
    assert project.draft_model == directory


@pytest.mark.parametrize("person", ["annotator", "reviewer"])
def test_only_managers_change_settings_and_members(cast: Cast, person: str) -> None:
    user = cast.named(person)
    with pytest.raises(Denied):
        projects.update_project(user=user, project=cast.project, name="x")
    with pytest.raises(Denied):
        projects.set_membership(user=user, project=cast.project, member=user, role=Role.MANAGER)
    with pytest.raises(NotFound):
        projects.update_project(user=cast.outsider, project=cast.project, name="x")


def test_the_last_manager_stays(cast: Cast) -> None:
    with pytest.raises(Conflict):
        projects.remove_membership(user=cast.manager, project=cast.project, member=cast.manager)
    with pytest.raises(Conflict):
        projects.set_membership(
            user=cast.manager, project=cast.project, member=cast.manager, role=Role.ANNOTATOR
        )
    projects.set_membership(user=cast.manager, project=cast.project, member=cast.reviewer, role=Role.MANAGER)
    projects.remove_membership(user=cast.manager, project=cast.project, member=cast.manager)
    assert not Membership.objects.filter(project=cast.project, user=cast.manager).exists()
