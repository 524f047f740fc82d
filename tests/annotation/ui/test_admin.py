"""The admin: supervisors read the audit and change nothing; roles are changed by superusers alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localtime
from knox.models import AuthToken

from annotation.audit import Actor, acting_as
from annotation.models import AuditEvent, LiveWorker, User
from annotation.services import projects, segments
from annotation.states import Role
from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_job, make_segment, make_user
from tests.personas import Cast

TABLES = (
    "auditevent",
    "user",
    "project",
    "membership",
    "recording",
    "segment",
    "revision",
    "job",
    "decoding",
)


@pytest.fixture
def root(cast: Cast) -> Client:
    client = Client()
    person = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("name", ["annotator", "reviewer", "manager", "outsider"])
def test_members_have_no_admin(cast: Cast, signed_in: SignedIn, name: str) -> None:
    for path in ("/admin/", "/admin/annotation/auditevent/", "/admin/annotation/user/"):
        assert signed_in(name).get(path).status_code == 302


@pytest.mark.parametrize("table", TABLES)
def test_supervisors_read_and_change_nothing(cast: Cast, signed_in: SignedIn, table: str) -> None:
    segment = make_segment(cast.project, text="a", revision=1)
    client = signed_in("supervisor")
    listed = client.get(f"/admin/annotation/{table}/")
    assert listed.status_code == 200
    assert "/add/" not in words_of(listed)
    assert client.get(f"/admin/annotation/{table}/add/").status_code == 403
    rows = {"user": cast.annotator.pk, "project": cast.project.pk, "segment": segment.pk}
    pk = rows.get(table) or (AuditEvent.objects.latest("id").pk if table == "auditevent" else None)
    if pk is not None:
        path = f"/admin/annotation/{table}/{pk}"
        assert client.get(f"{path}/change/").status_code == 200
        assert client.post(f"{path}/change/", {"name": "x", "is_superuser": "on"}).status_code == 403
        assert client.post(f"{path}/delete/", {"post": "yes"}).status_code == 403


def test_a_supervisor_cannot_raise_themselves_even_with_the_right_to_change_accounts(
    cast: Cast, signed_in: SignedIn
) -> None:
    for codename in ("change_user", "add_user", "change_group"):
        cast.supervisor.user_permissions.add(Permission.objects.get(codename=codename))
    form = {"username": "supervisor", "is_superuser": "on", "is_staff": "on", "is_active": "on"}
    client = signed_in("supervisor")
    assert client.post(f"/admin/annotation/user/{cast.supervisor.pk}/change/", form).status_code == 403
    assert client.get(f"/admin/annotation/user/{cast.annotator.pk}/password/").status_code == 403
    assert client.get("/admin/auth/group/add/").status_code == 403
    assert not User.objects.get(pk=cast.supervisor.pk).is_superuser


def test_no_form_of_the_admin_is_open_to_a_supervisor_with_every_right(
    cast: Cast, signed_in: SignedIn, root: Client
) -> None:
    make_segment(cast.project, text="a", revision=1)
    superuser = User.objects.get(username="root")
    _, token = AuthToken.objects.create(cast.manager)
    cast.supervisor.user_permissions.set(Permission.objects.all())
    client, seen = signed_in("supervisor"), AuditEvent.objects.count()
    form = {
        "user": superuser.pk, "username": "supervisor", "is_superuser": "on", "is_staff": "on",
        "is_active": "on", "name": "mine", "permissions": [1], "role": "manager", "post": "yes",
    }  # fmt: skip
    opened = []
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
        row = None if model is LiveWorker else model._base_manager.order_by("pk").first()
        pk = row.pk if row else 1
        paths = (f"{base}/add/", f"{base}/{pk}/change/", f"{base}/{pk}/delete/")
        opened += [path for path in paths if client.post(path, form).status_code not in (403, 404)]
        client.post(f"{base}/", {"action": "delete_selected", "_selected_action": [pk]})
    assert not opened
    assert AuditEvent.objects.count() == seen
    assert client.post("/admin/knox/authtoken/add/", form).status_code == 404
    assert list(AuthToken.objects.values_list("user", flat=True)) == [cast.manager.pk], token


def test_a_superuser_makes_staff_and_the_audit_says_so(cast: Cast, root: Client) -> None:
    person = cast.annotator
    form = {
        **dict.fromkeys(("email", "first_name", "last_name"), ""),
        **dict.fromkeys(("is_active", "is_staff"), "on"),
        "username": person.username,
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    answer = root.post(f"/admin/annotation/user/{person.pk}/change/", form)
    assert answer.status_code == 302, words_of(answer)[-3000:]
    event = AuditEvent.objects.filter(
        table_name="annotation_user", row_id=str(person.pk), action="update"
    ).latest("id")
    assert event.after is not None
    assert event.after["is_staff"] is True
    assert (event.actor_name, event.source) == ("root", "admin")


def test_even_a_superuser_only_reads_the_audit(cast: Cast, root: Client) -> None:
    event = AuditEvent.objects.latest("id")
    path = f"/admin/annotation/auditevent/{event.pk}"
    assert root.post(f"{path}/change/", {}).status_code == 403
    assert root.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    assert root.post(
        "/admin/annotation/auditevent/", {"action": "delete_selected", "_selected_action": event.pk}
    ).status_code in (200, 302, 403)
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_the_audit_shows_differences_and_escapes_them(cast: Cast, signed_in: SignedIn) -> None:
    segment = make_segment(cast.project, text="the bosh <i>x</i>", revision=1)
    with acting_as(Actor(cast.annotator.pk, "annotator", "web", ip="10.0.0.9")):
        segments.save_text(user=cast.annotator, segment=segment, text="the Bosch <i>x</i>", base_revision=1)
    page = words_of(signed_in("supervisor").get(f"/admin/annotation/auditevent/?segment_id={segment.pk}"))
    assert "<del>bosh</del><ins>Bosch</ins>" in page
    assert "<i>x</i>" not in page and "&lt;i&gt;x&lt;/i&gt;" in page


@pytest.mark.parametrize(
    "query",
    (
        *("table=annotation_segment", "action=update", "source=web", "q=annotator", "q=1"),
        *("table=nonsense", "source=%27--", "project=x", "p=3"),
    ),
)
def test_the_audit_is_filtered_and_searched(cast: Cast, signed_in: SignedIn, query: str) -> None:
    make_segment(cast.project, text="x", revision=1)
    answer = signed_in("supervisor").get(f"/admin/annotation/auditevent/?{query}")
    assert answer.status_code in (200, 302)


def test_the_audit_is_filtered_from_day_to_day(cast: Cast, signed_in: SignedIn) -> None:
    today = localtime(AuditEvent.objects.latest("id").at).date()
    before, after = today - timedelta(days=1), today + timedelta(days=1)
    client = signed_in("supervisor")

    def found(query: str) -> bool:
        answer = client.get(f"/admin/annotation/auditevent/?{query}")
        assert answer.status_code == 200
        return bool(answer.context["cl"].result_list)

    assert found(f"at__from={today}&at__to={today}")
    assert found(f"at__from={before}") and found(f"at__to={after}") and found("at__from=&at__to=")
    assert not found(f"at__from={after}") and not found(f"at__to={before}")
    for nonsense in ("x", "2026-02-30", "9999-12-31", "%00"):
        assert not found(f"at__to={nonsense}") or nonsense == "9999-12-31"
    page = words_of(client.get(f"/admin/annotation/auditevent/?at__from={before}&source=web"))
    assert f'name="at__from" value="{before}"' in page
    assert 'type="hidden" name="source" value="web"' in page


def test_the_history_of_an_account_is_also_that_of_its_rights(
    cast: Cast, signed_in: SignedIn, root: Client
) -> None:
    group = Group.objects.create(name="readers")
    person, other = cast.annotator, cast.manager
    person.groups.add(group)
    other.user_permissions.add(Permission.objects.get(codename="add_project"))
    projects.set_membership(user=cast.manager, project=cast.project, member=person, role=Role.REVIEWER)
    projects.remove_membership(user=cast.manager, project=cast.project, member=person)
    group.permissions.add(Permission.objects.get(codename="add_review"))
    client = signed_in("supervisor")
    page = words_of(client.get(f"/admin/annotation/user/{person.pk}/history/"))
    assert page.count("membership ") == 3, "asked in, another role, out"
    assert "<del>annotator</del><ins>reviewer</ins>" in page
    assert "user&#x27;s group " in page and "user&#x27;s permission " not in page
    assert f"{group.pk} (readers)" in page and f"{cast.project.pk} ({cast.project.name})" in page
    page = words_of(client.get(f"/admin/auth/group/{group.pk}/history/"))
    assert "group&#x27;s permission " in page and "user&#x27;s group " in page
    assert "(Can add review)" in page and f"{person.pk} (annotator)" in page
    # The rights of a group are rights of people: they are found in the list of events, too.
    page = words_of(client.get("/admin/annotation/auditevent/?table=auth_group_permissions"))
    assert "group&#x27;s permission " in page and f"{group.pk} (readers)" in page
    # A name that is gone leaves its id.
    gone = group.pk
    group.delete()
    page = words_of(client.get(f"/admin/auth/group/{gone}/history/"))
    assert "(readers)" not in page and "group_id" in page


def test_the_history_of_a_job_says_why_there_is_none(cast: Cast, signed_in: SignedIn) -> None:
    job = make_job(make_segment(cast.project).recording)
    page = words_of(signed_in("supervisor").get(f"/admin/annotation/job/{job.pk}/history/"))
    assert "Changes of jobs are not in the audit" in page


def test_the_audit_is_filtered_by_project(cast: Cast, signed_in: SignedIn) -> None:
    make_segment(cast.project, text="of this project", revision=1)
    client = signed_in("supervisor")
    assert "of this project" in words_of(
        client.get(f"/admin/annotation/auditevent/?project={cast.project.pk}")
    )
    other = cast.outsider.memberships.get().project_id
    assert "of this project" not in words_of(client.get(f"/admin/annotation/auditevent/?project={other}"))


def test_the_audit_never_counts_itself_whole(cast: Cast, signed_in: SignedIn) -> None:
    client = signed_in("supervisor")
    with CaptureQueriesContext(connection) as asked:
        client.get("/admin/annotation/auditevent/?source=web")
    counts = [q["sql"] for q in asked if "COUNT(" in q["sql"].upper() and "annotation_auditevent" in q["sql"]]
    assert counts and all("LIMIT" in sql for sql in counts)


def test_nobody_filters_accounts_by_their_password(cast: Cast, signed_in: SignedIn, root: Client) -> None:
    client: Any
    for client in (signed_in("supervisor"), root):
        assert client.get("/admin/annotation/user/?password__startswith=argon2").status_code in (302, 400)


def test_the_admin_keeps_to_the_sites_content_policy(cast: Cast, signed_in: SignedIn) -> None:
    for path in (
        "/admin/",
        "/admin/annotation/auditevent/",
        "/admin/annotation/user/",
        f"/admin/annotation/user/{cast.annotator.pk}/change/",
        "/admin/axes/accessattempt/",
    ):
        answer = signed_in("supervisor").get(path)
        page = words_of(answer)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert " style=" not in page
        assert all(
            "src=" in part.split(">")[0] or "application/json" in part.split(">")[0]
            for part in page.split("<script")[1:]
        ), path
