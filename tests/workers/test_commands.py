"""The commands around the work: the demo, accounts, and watching the progress."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotation.models import AuditEvent, Job, Membership, Project, Recording, User
from annotation.states import JobState, Role
from tests import services
from tests.factories import make_job, make_project, make_recording, make_user
from tests.workers.support import standing

Start = Callable[..., services.Running]


def say(command: str, *args: str) -> str:
    """Run a command and return what it wrote."""
    out = io.StringIO()
    call_command(command, *args, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


def test_the_demo_is_made_once_and_transcribed_by_its_models(
    committed_db: None, media_root: Path, worker_process: Start
) -> None:
    said = say("demo")
    project = Project.objects.get(name="Demo: service desk")
    names = set(Recording.objects.values_list("name", flat=True))
    assert "service-desk.ogg" in names
    assert all(name in said for name in names)
    assert "annotator-demo" in said

    roles = dict(Membership.objects.filter(project=project).values_list("user__username", "role"))
    assert roles == {"annotator": "annotator", "reviewer": "reviewer", "manager": "manager"}
    for name in (*roles, "supervisor"):
        assert User.objects.get(username=name).check_password(f"{name}-demo")
    supervisor = User.objects.get(username="supervisor")
    assert supervisor.is_staff
    assert not supervisor.is_superuser
    assert supervisor.has_perm("annotation.view_auditevent")
    assert not supervisor.has_perm("annotation.change_segment")

    assert "is here" in say("demo")
    assert Recording.objects.count() == len(names) == Job.objects.count()

    worker_process("audio,draft,refine,control")
    said = say("progress", "--project", project.name, "--timeout", "90")
    assert f"{len(names)} of {len(names)} recordings transcribed" in said, standing()
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.COMPLETED}
    assert say("progress") == "No job is waiting or running.\n"


@pytest.mark.django_db
def test_the_demo_is_refused_where_it_may_not_be(settings: Any) -> None:
    settings.EARMARK = dataclasses.replace(settings.EARMARK, demo=False)
    with pytest.raises(CommandError, match="EARMARK_DEMO"):
        say("demo")
    assert not User.objects.filter(username="annotator").exists()


@pytest.mark.django_db
def test_a_new_account_gets_a_password_and_a_role() -> None:
    project = make_project("Calls")
    said = say("add_user", "nora", "--project", "Calls", "--role", "reviewer")
    password = said.split("nora: ")[1].split()[0]
    user = User.objects.get(username="nora")
    assert len(password) >= 16
    assert user.check_password(password)
    assert Membership.objects.get(user=user, project=project).role == Role.REVIEWER
    event = AuditEvent.objects.filter(table_name="annotation_membership").latest("id")
    assert event.source == "shell"
    assert "manage.py add_user" in event.actor_name

    with pytest.raises(CommandError, match="already an account named nora"):
        say("add_user", "nora")
    assert say("add_user", "nora", "--project", str(project.pk), "--role", "manager") == (
        "nora is manager in “Calls”.\n"
    )
    assert Membership.objects.get(user=user, project=project).role == Role.MANAGER
    renewed = say("add_user", "nora", "--new-password").split("nora: ")[1].split()[0]
    user.refresh_from_db()
    assert user.check_password(renewed)
    assert not user.check_password(password)


@pytest.mark.django_db
def test_a_supervisor_may_look_at_everything_and_change_nothing() -> None:
    say("add_user", "saul", "--supervisor")
    saul = User.objects.get(username="saul")
    assert saul.is_staff
    assert saul.get_all_permissions()
    assert all(name.startswith("annotation.view_") for name in saul.get_all_permissions())


@pytest.mark.django_db
def test_unknown_projects_and_bad_names_are_refused_in_words() -> None:
    make_project("Calls")
    with pytest.raises(CommandError, match=r"There is no project 'Cals'\. There are: 'Calls'"):
        say("add_user", "nora", "--project", "Cals")
    with pytest.raises(CommandError, match="is no user name"):
        say("add_user", "no ra")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_progress_ends_with_an_error_when_the_time_is_up() -> None:
    recording = make_recording(make_project("Calls"))
    make_job(recording, created_by=make_user("nora"))
    with pytest.raises(CommandError, match="the work goes on"):
        say("progress", "--timeout", "0.1")
