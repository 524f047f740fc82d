"""Signing in and out, and what strangers and members get to see."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from tests.annotation.ui.conftest import SignedIn, words_of
from tests.factories import make_recording, make_segment
from tests.personas import EVERYBODY, MEMBERS, PASSWORD, Cast


def sign_in(client: Client, name: str, password: str = PASSWORD, **extra: str) -> object:
    return client.post("/login/", {"username": name, "password": password, **extra})


def test_a_person_signs_in_and_out(cast: Cast) -> None:
    client = Client()
    assert client.get("/").headers["Location"] == "/login/?next=/"
    assert sign_in(client, "annotator").headers["Location"] == "/"  # type: ignore[attr-defined]
    page = client.get("/")
    assert "Calls" in words_of(page) and "Elsewhere" not in words_of(page)
    assert client.get("/logout/").status_code == 405, "a link must not sign anybody out"
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_a_wrong_password_says_nothing_about_the_account(cast: Cast) -> None:
    known, unknown = (sign_in(Client(), name, "wrong password") for name in ("annotator", "nobody"))
    assert known.status_code == unknown.status_code == 422  # type: ignore[attr-defined]
    assert "do not match" in words_of(known)
    stripped = [
        words_of(r).split('name="username"')[0].split("csrfmiddlewaretoken")[0] for r in (known, unknown)
    ]
    assert stripped[0] == stripped[1]


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_signing_in_leads_nowhere_else(cast: Cast, target: str) -> None:
    assert sign_in(Client(), "annotator", next=target).headers["Location"] == "/"  # type: ignore[attr-defined]


@override_settings(AXES_FAILURE_LIMIT=3)
def test_guessing_is_held_back_in_style(cast: Cast) -> None:
    client = Client()
    answers = [sign_in(client, "annotator", "wrong password") for _ in range(4)]
    last = answers[-1]
    assert last.status_code == 429, [a.status_code for a in answers]  # type: ignore[attr-defined]
    assert "Too many attempts" in words_of(last) and "earmark.css" in words_of(last)
    assert int(last.headers["Retry-After"]) > 0  # type: ignore[attr-defined]
    assert sign_in(client, "annotator").status_code == 429, "the right password does not open it"  # type: ignore[attr-defined]


def test_there_is_no_sign_up_and_the_page_says_whom_to_ask(db: None) -> None:
    assert "administrator" in words_of(Client().get("/login/"))
    for path in ("/signup/", "/register/", "/accounts/signup/"):
        assert Client().get(path).status_code == 404


@pytest.mark.parametrize("name", EVERYBODY)
def test_foreign_things_do_not_exist(cast: Cast, signed_in: SignedIn, name: str) -> None:
    recording = make_recording(cast.project)
    segment = make_segment(cast.project, recording=recording, text="secret words", revision=1)
    client = signed_in(name)
    pages = (
        f"/projects/{cast.project.pk}/",
        f"/projects/{cast.project.pk}/rows/?ids={recording.pk}",
        f"/projects/{cast.project.pk}/settings/",
        f"/recordings/{recording.pk}/",
        f"/recordings/{recording.pk}/rows/?ids={segment.pk}",
        f"/recordings/{recording.pk}/stamps/?ids={segment.pk}",
        f"/recordings/{recording.pk}/head/",
        f"/segments/{segment.pk}/history/",
    )
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == (200 if name in MEMBERS else 404), page
        if name not in MEMBERS:
            assert "secret words" not in words_of(answer)
    if name not in MEMBERS:
        for act in ("save", "lock", "unlock"):
            answer = client.post(
                f"/segments/{segment.pk}/{act}/", {"text": "x", "base_revision": "1", "reason": "y"}
            )
            assert answer.status_code == 404


@pytest.mark.parametrize(
    ("name", "status"), [("annotator", 403), ("reviewer", 403), ("manager", 200), ("outsider", 404)]
)
def test_only_managers_upload(cast: Cast, signed_in: SignedIn, name: str, status: int) -> None:
    assert signed_in(name).get(f"/projects/{cast.project.pk}/upload/").status_code == status


def test_changes_need_the_forms_token(cast: Cast) -> None:
    segment = make_segment(cast.project, text="a", revision=1)
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.manager, backend="django.contrib.auth.backends.ModelBackend")
    for path in (
        f"/segments/{segment.pk}/save/",
        f"/segments/{segment.pk}/lock/",
        f"/projects/{cast.project.pk}/settings/",
        f"/projects/{cast.project.pk}/members/",
        f"/projects/{cast.project.pk}/upload/",
        "/logout/",
    ):
        answer = client.post(path, {"text": "b", "base_revision": "1"})
        assert answer.status_code == 403, path
        assert "send it again" in words_of(answer)
    segment.refresh_from_db()
    assert segment.text == "a"


def test_pages_change_nothing_on_get(cast: Cast, signed_in: SignedIn) -> None:
    segment = make_segment(cast.project)
    for path in ("save", "lock", "unlock"):
        assert signed_in("manager").get(f"/segments/{segment.pk}/{path}/").status_code == 405


def test_errors_have_pages(cast: Cast, signed_in: SignedIn) -> None:
    answer = signed_in("annotator").get("/nothing/here/")
    assert answer.status_code == 404
    assert "earmark.css" in words_of(answer)
    from django.template.loader import render_to_string

    for name in ("400.html", "500.html", "503.html"):
        assert "earmark.css" in render_to_string(name), "these must need nothing but the file itself"


def test_a_page_runs_no_inline_script_or_style(cast: Cast, signed_in: SignedIn) -> None:
    recording = make_recording(cast.project)
    make_segment(cast.project, recording=recording, text="x", revision=1)
    for path in (
        "/",
        f"/projects/{cast.project.pk}/",
        f"/recordings/{recording.pk}/",
        f"/projects/{cast.project.pk}/settings/",
    ):
        answer = signed_in("manager").get(path)
        page = words_of(answer)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert " style=" not in page and "<style" not in page and " onclick=" not in page
        assert all("src=" in part.split(">")[0] for part in page.split("<script")[1:])
