"""The audit is complete, names its actor, and the application cannot touch it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from annotation.audit import Actor, acting_as
from annotation.models import AuditEvent, Membership, Project, Revision, Segment
from annotation.services import projects, segments
from annotation.states import Role
from tests.factories import make_segment, make_user
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def events(table: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(table_name=f"annotation_{table}").order_by("id"))


def test_a_save_leaves_one_event_for_the_segment_and_one_for_the_revision(cast: Cast) -> None:
    segment = make_segment(cast.project, text="one", revision=1)
    seen = AuditEvent.objects.count()
    with acting_as(Actor(cast.annotator.pk, "annotator", "api", "req-7", "10.0.0.9")):
        segments.save_text(user=cast.annotator, segment=segment, text="two", base_revision=1)
    new = list(AuditEvent.objects.order_by("id")[seen:])
    assert [(e.table_name, e.action) for e in new] == [
        ("annotation_segment", "update"),
        ("annotation_revision", "insert"),
    ]
    for event in new:
        assert (event.actor_id, event.actor_name, event.source) == (cast.annotator.pk, "annotator", "api")
        assert (event.request_id, event.ip) == ("req-7", "10.0.0.9")
        assert (event.segment_id, event.project_id) == (segment.pk, cast.project.pk)
    assert new[0].before is not None
    assert new[0].after is not None
    assert (new[0].before["text"], new[0].after["text"]) == ("one", "two")
    assert "start_ms" not in new[0].after, "an update stores what changed, not the whole row"


def test_no_header_makes_a_person_of_a_page_anonymous(cast: Cast, client: Client) -> None:
    segment = make_segment(cast.project, text="one", revision=1)
    client.force_login(cast.annotator)
    form = {"text": "two", "base_revision": "1"}
    answer = client.post(f"/segments/{segment.pk}/save/", form, headers={"Authorization": "Bearer x"})
    assert answer.status_code == 302
    event = events("segment")[-1]
    assert (event.actor_id, event.actor_name, event.source) == (cast.annotator.pk, "annotator", "web")


def test_a_locked_segment_cannot_be_deleted(cast: Cast) -> None:
    segment = make_segment(cast.project)
    segments.lock(user=cast.annotator, segment=segment)
    with pytest.raises(DatabaseError, match="is locked"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM annotation_segment WHERE id = %s", [segment.pk])


def test_lock_and_unlock_are_logged_with_the_reason(cast: Cast) -> None:
    segment = make_segment(cast.project, text="done", revision=1)
    with acting_as(Actor(cast.reviewer.pk, "reviewer", "web")):
        segments.lock(user=cast.reviewer, segment=segment)
        segments.unlock(user=cast.reviewer, segment=segment, reason="wrong name")
    locked, unlocked = events("segment")[-2:]
    assert locked.after is not None
    assert locked.after["locked"] is True
    assert unlocked.after is not None
    assert (unlocked.after["locked"], unlocked.after["unlock_reason"]) == (False, "wrong name")


def test_memberships_and_settings_are_logged(cast: Cast) -> None:
    with acting_as(Actor(cast.manager.pk, "manager", "web")):
        projects.set_membership(
            user=cast.manager, project=cast.project, member=cast.outsider, role=Role.ANNOTATOR
        )
        projects.update_project(user=cast.manager, project=cast.project, language="de")
        projects.remove_membership(user=cast.manager, project=cast.project, member=cast.outsider)
    inserted, deleted = events("membership")[-2:]
    assert (inserted.action, deleted.action) == ("insert", "delete")
    assert deleted.before is not None
    assert deleted.before["user_id"] == cast.outsider.pk
    changed = events("project")[-1]
    assert changed.after == {"language": "de"}
    assert changed.project_id == cast.project.pk


def test_bulk_and_raw_sql_are_logged_too(cast: Cast) -> None:
    first, second = (make_segment(cast.project, start_ms=n * 1000) for n in range(2))
    seen = AuditEvent.objects.count()
    Segment.objects.filter(pk__in=(first.pk, second.pk)).update(speaker="A")
    first.speaker = second.speaker = "B"
    Segment.objects.bulk_update([first, second], ["speaker"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE annotation_segment SET speaker = 'C' WHERE id = %s", [first.pk])
    new = list(AuditEvent.objects.order_by("id")[seen:])
    assert len(new) == 5
    assert new[-1].actor_name == "role earmark_app"
    assert new[-1].source == "sql"


def test_passwords_and_logins_stay_out(cast: Cast) -> None:
    user = make_user("secretive")
    seen = AuditEvent.objects.count()
    user.set_password("another long secret")
    user.save(update_fields=["password"])
    assert AuditEvent.objects.count() == seen
    assert all("password" not in (e.after or {}) for e in events("user"))


ATTEMPTS = (
    "INSERT INTO audit.event (action, table_name, row_id, actor_name, source, request_id, ip, db_role,"
    " transaction_id) VALUES ('insert', 'x', '1', 'me', 'web', '', '', 'me', 1)",
    "UPDATE audit.event SET actor_name = 'somebody else'",
    "DELETE FROM audit.event",
    "TRUNCATE audit.event",
    "UPDATE annotation_auditevent SET actor_name = 'somebody else'",
    "DELETE FROM annotation_auditevent",
    "ALTER TABLE annotation_segment DISABLE TRIGGER ALL",
    "ALTER TABLE annotation_segment DISABLE TRIGGER audit_segment",
    "DROP TRIGGER audit_segment ON annotation_segment",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION audit.record() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "DROP SCHEMA audit CASCADE",
    "TRUNCATE annotation_segment CASCADE",
    "SET ROLE earmark_owner",
    "UPDATE annotation_revision SET text = 'forged'",
    "DELETE FROM annotation_revision",
    "DELETE FROM annotation_hypothesis",
)


@pytest.mark.parametrize("statement", ATTEMPTS)
def test_the_app_role_cannot_write_remove_or_switch_off(cast: Cast, statement: str) -> None:
    make_segment(cast.project, text="x", revision=1)
    before = AuditEvent.objects.count()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("name", ["earmark.actor_name", "earmark.source", "pgtrigger.ignore"])
def test_no_setting_of_the_connection_hides_a_change(cast: Cast, name: str) -> None:
    segment = make_segment(cast.project)
    seen = AuditEvent.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, '{audit_segment}', true)", [name])
        cursor.execute("UPDATE annotation_segment SET speaker = 'Z' WHERE id = %s", [segment.pk])
    assert AuditEvent.objects.count() == seen + 1


def test_a_locked_row_keeps_its_text_whatever_the_code_believes(cast: Cast) -> None:
    segment = make_segment(cast.project, text="final", revision=1)
    segments.lock(user=cast.annotator, segment=segment)
    for change in (
        {"text": "x"},
        {"revision": 9},
        {"end_ms": 99},
        {"text": "x", "locked": False, "locked_at": None},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            Segment.objects.filter(pk=segment.pk).update(**change)
    segment.refresh_from_db()
    assert (segment.text, segment.locked) == ("final", True)


def test_the_log_outlives_its_subject(cast: Cast) -> None:
    project = Project.objects.create(name="short-lived", draft_model="demo-draft")
    Membership.objects.create(project=project, user=cast.annotator, role=Role.ANNOTATOR).delete()
    pk = project.pk
    with connection.cursor() as cursor:  # the ORM would first ask tables that nobody may delete from
        cursor.execute("DELETE FROM annotation_project WHERE id = %s", [pk])
    actions = list(
        AuditEvent.objects.filter(project_id=pk).order_by("id").values_list("table_name", "action")
    )
    assert ("annotation_project", "delete") in actions
    assert ("annotation_membership", "delete") in actions
    assert not Revision.objects.filter(segment__project_id=pk).exists()
