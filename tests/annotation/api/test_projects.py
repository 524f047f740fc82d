"""Tokens, projects and members over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from knox.models import AuthToken

from annotation.models import Membership, Project, Recording
from tests.annotation.api.calling import Answer, Caller
from tests.factories import make_job, make_user
from tests.personas import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def log_in(username: str, password: str) -> Answer:
    return Caller().post("/api/auth/token/", {"username": username, "password": password})


# -- Tokens ----------------------------------------------------------------------------------------------


def test_a_password_buys_a_token_that_works_until_it_is_ended(cast: Cast) -> None:
    answer = log_in("annotator", PASSWORD)
    assert answer.status == 200
    assert answer.json["expiry"]
    caller = Caller(token=answer.json["token"])
    assert caller.get("/api/projects/").json["results"][0]["name"] == "Calls"
    assert caller.delete("/api/auth/token/").status == 204
    refused = caller.get("/api/projects/")
    assert (refused.status, refused.code) == (401, "not_authenticated")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(cast: Cast) -> None:
    wrong = log_in("annotator", "not it at all")
    unknown = log_in("nobody-of-this-name", "not it at all")
    assert (wrong.status, wrong.json) == (unknown.status, unknown.json) == (401, wrong.json)


def test_a_disabled_account_gets_no_token_and_its_old_one_ends(cast: Cast) -> None:
    token = log_in("annotator", PASSWORD).json["token"]
    cast.annotator.is_active = False
    cast.annotator.save()
    assert log_in("annotator", PASSWORD).status == 401
    assert Caller(token=token).get("/api/projects/").status == 401


def test_guessing_is_stopped_even_for_the_right_password(cast: Cast, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = log_in("annotator", "wrong")
    assert (answer.status, answer.code) == (429, "too_many_attempts")
    assert int(answer.headers["Retry-After"]) > 0
    assert log_in("annotator", PASSWORD).status == 429
    assert log_in("reviewer", PASSWORD).status == 200


def test_an_expired_token_is_refused_and_forgotten(cast: Cast) -> None:
    token = log_in("annotator", PASSWORD).json["token"]
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert Caller(token=token).get("/api/projects/").status == 401
    assert not AuthToken.objects.exists()


@pytest.mark.parametrize("token", ["x", "x" * 300, "\xff\xfe", "a b", "%00", "'; --"])
def test_what_is_no_token_is_401(cast: Cast, token: str) -> None:
    answer = Caller(token=token).get("/api/projects/")
    assert (answer.status, answer.code) == (401, "not_authenticated")


def test_a_session_has_no_token_to_end(annotator: Caller) -> None:
    assert annotator.delete("/api/auth/token/").status == 409


def test_a_session_changes_nothing_without_the_csrf_header(cast: Cast, segment: Any) -> None:
    caller = Caller(cast.annotator, csrf=True)
    save = {"text": "x", "base_revision": 1}
    refused = caller.patch(f"/api/segments/{segment.pk}/", save)
    assert (refused.status, refused.code) == (403, "csrf_failed")
    caller.client.cookies["csrftoken"] = "a" * 32
    allowed = caller.patch(f"/api/segments/{segment.pk}/", save, headers={"X-CSRFToken": "a" * 32})
    assert allowed.status == 200


def test_tokens_are_stored_hashed(cast: Cast) -> None:
    token = log_in("annotator", PASSWORD).json["token"]
    stored = AuthToken.objects.values_list("digest", "token_key").get()
    assert token not in stored


# -- Projects --------------------------------------------------------------------------------------------


@pytest.fixture
def founder(cast: Cast) -> Caller:
    cast.manager.user_permissions.add(Permission.objects.get(codename="add_project"))
    return Caller(cast.manager)


def test_a_project_says_what_is_in_it_and_who_one_is(reviewer: Caller, segment: Any, cast: Cast) -> None:
    (row,) = reviewer.get("/api/projects/").json["results"]
    assert row == reviewer.get(f"/api/projects/{cast.project.pk}/").json
    assert (row["id"], row["role"]) == (str(cast.project.pk), "reviewer")
    assert row["counts"] == {"recordings": 1, "segments": 1, "corrected": 0, "duration_ms": 10_000}
    assert (row["draft_model"], row["refine_model"]) == ("demo-draft", "demo-refine")


def test_a_new_project_has_real_models_and_its_founder_as_manager(founder: Caller) -> None:
    answer = founder.post("/api/projects/", {"name": "New", "glossary": ["Earmark"]})
    assert answer.status == 201
    assert answer.json["role"] == "manager"
    assert (answer.json["draft_model"], answer.json["glossary"]) == ("small", ["Earmark"])


def test_only_who_may_add_projects_adds_them(manager: Caller) -> None:
    answer = manager.post("/api/projects/", {"name": "New"})
    assert (answer.status, answer.code) == (403, "denied")


def test_a_manager_changes_settings(manager: Caller, annotator: Caller, cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/"
    answer = manager.patch(path, {"name": "Renamed", "refine_model": None})
    assert (answer.json["name"], answer.json["refine_model"]) == ("Renamed", None)
    assert annotator.patch(path, {"name": "Mine"}).status == 403
    assert manager.patch(path, {"segment_target_ms": 20_000, "segment_max_ms": 5_000}).status == 400
    assert manager.patch(path, {"segment_max_ms": 10**9}).status == 400


@pytest.mark.parametrize(
    "field", ["id", "role", "created_by", "created_at", "archived_at", "members", "is_staff", "owner"]
)
def test_what_may_not_be_set_is_refused_by_name(manager: Caller, cast: Cast, field: str) -> None:
    before = Project.objects.values().get(pk=cast.project.pk)
    answer = manager.patch(f"/api/projects/{cast.project.pk}/", {"name": "x", field: "1"})
    assert (answer.status, list(answer.detail)) == (400, [field])
    assert Project.objects.values().get(pk=cast.project.pk) == before


# -- Members ---------------------------------------------------------------------------------------------


def test_members_come_change_and_go(manager: Caller, cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/members/"
    person = make_user("newcomer", password=PASSWORD)
    added = manager.post(path, {"username": "newcomer", "role": "annotator"})
    assert (added.status, added.json["role"], added.json["user"]["id"]) == (
        201,
        "annotator",
        str(person.pk),
    )
    assert manager.post(path, {"username": "newcomer", "role": "reviewer"}).json["role"] == "reviewer"
    assert len(manager.get(path).json["results"]) == 4
    assert manager.delete(f"{path}{person.pk}/").status == 204
    assert manager.delete(f"{path}{person.pk}/").status == 404


def test_the_last_manager_stays(manager: Caller, cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/members/"
    assert manager.delete(f"{path}{cast.manager.pk}/").status == 409
    assert manager.post(path, {"username": "manager", "role": "annotator"}).status == 409


def test_who_is_removed_sees_nothing_from_then_on(manager: Caller, annotator: Caller, cast: Cast) -> None:
    manager.delete(f"/api/projects/{cast.project.pk}/members/{cast.annotator.pk}/")
    assert annotator.get(f"/api/projects/{cast.project.pk}/").status == 404
    assert annotator.get("/api/projects/").json["results"] == []


def test_an_unknown_member_or_role_is_400(manager: Caller, cast: Cast) -> None:
    path = f"/api/projects/{cast.project.pk}/members/"
    unknown = manager.post(path, {"username": "nobody", "role": "annotator"})
    assert (unknown.status, list(unknown.detail)) == (400, ["username"])
    role = manager.post(path, {"username": "outsider", "role": "owner"})
    assert (role.status, list(role.detail)) == (400, ["role"])
    assert not Membership.objects.filter(project=cast.project, user=cast.outsider).exists()


# -- Jobs ------------------------------------------------------------------------------------------------


def test_a_job_shows_its_progress_and_can_be_stopped_and_run_again(
    manager: Caller, annotator: Caller, recording: Recording
) -> None:
    job = make_job(recording, state="running", total_items=10, processed_items=5)
    shown = annotator.get(f"/api/jobs/{job.pk}/").json
    assert (shown["kind"], shown["state"], shown["progress"]) == ("transcribe", "running", 0.55)
    assert (shown["processed_items"], shown["total_items"], shown["error"]) == (5, 10, None)
    assert annotator.post(f"/api/jobs/{job.pk}/cancel/").status == 403
    stopped = manager.post(f"/api/jobs/{job.pk}/cancel/")
    assert (stopped.status, stopped.json["state"]) == (200, "cancelled")
    again = manager.post(f"/api/jobs/{job.pk}/cancel/")
    assert (again.status, again.code) == (409, "conflict")
    assert manager.post(f"/api/jobs/{job.pk}/retry/").status == 200


def test_jobs_are_listed_newest_first_by_project_and_state(annotator: Caller, recording: Recording) -> None:
    old = make_job(recording, state="failed", error_code="worker_lost", error="It stopped.")
    new = make_job(recording)
    assert [j["id"] for j in annotator.get("/api/jobs/").json["results"]] == [str(new.pk), str(old.pk)]
    (failed,) = annotator.get(f"/api/jobs/?state=failed&project={recording.project_id}").json["results"]
    assert failed["error"] == {"code": "worker_lost", "message": "It stopped."}
    assert annotator.get("/api/jobs/?state=odd").status == 400
