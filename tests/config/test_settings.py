"""Settings a deployment can rely on: checks, headers, cookies, passwords."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.test import Client

from config.logs import redact
from tests import services
from tests.waiting import AT_ONCE_S

pytestmark = pytest.mark.django_db


def manage(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=services.ROOT,
        env=services.environment(**environ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_deployment_check_finds_nothing() -> None:
    result = manage(
        "check", "--deploy", "--fail-level", "WARNING", EARMARK_PUBLIC_URL="https://earmark.example.org"
    )
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout + result.stderr


def test_over_https_cookies_are_secure_and_bound_to_the_host() -> None:
    probe = (
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME,"
        " s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS,"
        " s.DEBUG)"
    )
    environ = services.environment(EARMARK_PUBLIC_URL="https://earmark.example.org")
    told = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=services.ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.split() == [
        "__Host-sessionid",
        "__Host-csrftoken",
        "True",
        "True",
        "True",
        "31536000",
        "False",
    ]


def test_every_page_forbids_what_it_does_not_need(client: Client) -> None:
    response = client.get("/no-such-page/")
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "Content-Security-Policy-Report-Only" not in response
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Request-ID"]


def test_a_sane_request_id_is_kept_and_another_replaced(client: Client) -> None:
    assert client.get("/x/", headers={"X-Request-ID": "abc-123-def"})["X-Request-ID"] == "abc-123-def"
    for wrong in ("short", "a" * 100, "abcdefgh\nSet-Cookie: x", "abc def ghi"):
        assert client.get("/x/", headers={"X-Request-ID": wrong})["X-Request-ID"] != wrong


def test_an_unknown_host_is_refused(client: Client) -> None:
    assert client.get("/login/", headers={"Host": "evil.example.org"}).status_code == 400


def test_passwords_are_hashed_with_argon2id_at_the_stated_cost() -> None:
    hashed = make_password("a long enough password")
    assert hashed.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert identify_hasher(hashed).algorithm == "argon2"
    assert check_password("a long enough password", hashed)


def test_messages_carry_json_and_no_result_is_kept() -> None:
    from config.celery import app

    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert (app.conf.task_ignore_result, app.conf.worker_prefetch_multiplier) == (True, 1)
    assert app.conf.result_backend is None


def test_ringing_with_redis_away_holds_nobody_up() -> None:
    from celery import Celery
    from kombu.exceptions import OperationalError

    gone = Celery("gone", broker="redis+socket:///tmp/earmark-no-such.sock", set_as_current=False)
    gone.conf.update(
        broker_transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        task_publish_retry=False,
        broker_connection_retry=False,
    )
    began = time.monotonic()
    with pytest.raises(OperationalError):
        gone.send_task("workers.draft", queue="draft", retry=False, ignore_result=True)
    assert time.monotonic() - began < AT_ONCE_S


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("connecting to postgresql://earmark_app:s3cretpw@host/db", "s3cretpw"),
        ("redis://:s3cretpw@host:6379/0 refused", "s3cretpw"),
        ("Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789"),
        ("login failed for {'username': 'a', 'password': 'hunter22'}", "hunter22"),
        ("cookie sessionid=abcdefghijkl", "abcdefghijkl"),
    ],
)
def test_logs_show_no_secret(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "***" in redact(text)


def test_static_files_are_served_by_the_web_process(
    site_process: Callable[..., tuple[str, services.Running]],
) -> None:
    address, _ = site_process()
    with urllib.request.urlopen(f"{address}/static/admin/css/base.css", timeout=5) as response:
        body = response.read()
        assert response.headers["Content-Type"].startswith("text/css")
        assert int(response.headers["Content-Length"]) == len(body) > 1000
        etag = response.headers.get("ETag") or response.headers["Last-Modified"]
        assert etag
