"""The admin is found from the networks that were named, where it was put, with a second factor if wanted."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import Client, override_settings
from django.urls import URLResolver

from annotation.conf import conf
from config.options import TAKEN
from config.urls import without_admin
from tests import services
from tests.factories import make_user

PAGES = ("/admin/", "/admin/login/", "/admin/annotation/user/", "/admin/nothing/here/")

pytestmark = pytest.mark.django_db


def supervisor() -> Client:
    client = Client()
    person = make_user("supervisor", is_staff=True)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    ("address", "found"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.9", True), ("10.0.0.5", False), ("", False),
     ("fe80::1", False), ("127.0.0.1, 10.0.0.5", False)],
)  # fmt: skip
def test_other_networks_find_no_admin_by_default(address: str, found: bool) -> None:
    client = supervisor()
    for page in PAGES:
        status = client.get(page, REMOTE_ADDR=address).status_code
        assert (status == 404) == (not found or "nothing" in page), page
    assert client.post("/admin/login/", {}, REMOTE_ADDR=address).status_code == (200 if found else 404)
    assert client.get("/login/", REMOTE_ADDR=address).status_code in (200, 302)


@pytest.mark.parametrize("staff", [False, True])
def test_from_afar_the_admin_is_like_any_address_that_is_none(staff: bool) -> None:
    client = supervisor() if staff else Client(enforce_csrf_checks=True)

    def told(path: str, method: str) -> tuple[object, ...]:
        answer = client.generic(method, path, REMOTE_ADDR="192.0.2.7")
        content = re.sub(
            rb'(csrfmiddlewaretoken" value=")\w+', rb"\1", answer.content
        )  # masked anew each time
        return answer.status_code, content, set(answer.headers), set(answer.cookies)

    for method in ("GET", "POST", "OPTIONS"):
        unknown = told("/nothing", method)
        assert unknown[0] == 404
        for path in ("/admin", "/admin/", "/admin/login", "/admin/login/", "/admin/annotation/user/"):
            assert told(path, method) == unknown, (method, path)
    assert client.get("/admin").status_code == 301, "near, the slash is added"


def test_the_admin_cannot_stand_where_the_site_has_addresses() -> None:
    def first(patterns: Iterable[Any]) -> set[str]:
        found: set[str] = set()
        for one in patterns:
            text = str(one.pattern).lstrip("^")
            inner = not text and isinstance(one, URLResolver)
            found |= first(one.url_patterns) if inner else {text.partition("/")[0]}
        return found - {""}

    answered_before = {"healthz", "readyz", settings.STATIC_URL.strip("/")}
    assert first(without_admin) | answered_before | {"v1"} == TAKEN
    assert conf().admin_path not in TAKEN


@override_settings(ADMIN_NETWORKS=("10.1.0.0/16",))
def test_the_networks_are_an_option(client: Client) -> None:
    assert client.get("/admin/login/", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/admin/login/", REMOTE_ADDR="127.0.0.1").status_code == 404
    # Only a proxy of ours is believed what it says of others.
    claimed = {"X-Forwarded-For": "10.1.2.3"}
    assert client.get("/admin/login/", headers=claimed, REMOTE_ADDR="192.0.2.1").status_code == 404


def ask(request: HttpRequest) -> HttpResponse | None:
    """Ask for a second factor, as a function of an installation would."""
    return None if request.session.get("second") else HttpResponseRedirect("/second/")


@override_settings(ADMIN_SECOND_FACTOR="tests.config.test_gate.ask")
def test_a_second_factor_is_asked_before_every_page() -> None:
    client = supervisor()
    assert Client().get("/admin/login/").status_code == 200, "who is not logged in is asked for the first"
    for page in ("/admin/", "/admin/annotation/user/"):
        assert client.get(page).headers["Location"] == "/second/"
    assert client.post("/admin/annotation/correction/", {}).headers["Location"] == "/second/"
    assert client.get("/").headers.get("Location") != "/second/"
    session = client.session
    session["second"] = True
    session.save()
    assert client.get("/admin/").status_code == 200
    assert client.post("/admin/logout/").headers.get("Location") != "/second/"


PROBE = """
import django; django.setup()
from django.test import Client
from annotation.middleware import source_of
client = Client(SERVER_NAME="127.0.0.1")
print(*(client.get(path).status_code for path in ("/admin/login/", "/back-office/login/", "/login/")),
      source_of("/admin/x/"), source_of("/back-office/x/"))
"""


@pytest.mark.parametrize(
    ("path", "told"), [("none", "404 404 200 web web"), ("back-office", "404 200 200 web admin")]
)
def test_the_admin_is_elsewhere_or_nowhere(path: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=services.ROOT,
        env=services.environment(EARMARK_ADMIN_PATH=path, DJANGO_SETTINGS_MODULE="config.settings"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == told, done.stderr[-2000:]
