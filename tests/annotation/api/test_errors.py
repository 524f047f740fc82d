"""Bad input of every kind: refused in one shape, with what to do, and never a 500."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError

from annotation.conf import conf
from annotation.models import Segment
from annotation.services import segments
from tests.annotation.api.calling import Caller
from tests.personas import Cast

pytestmark = pytest.mark.django_db


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (raw('{"text": "a", "text": "b", "base_revision": 1}'), 400),
        (raw('{"text": "a\\u0000b", "base_revision": 1}'), 400),
        (raw('{"text": "a\\ud800b", "base_revision": 1}'), 400),
        (raw('{"text": "\ud800", "base_revision": 1}'), 400),
        (raw('{"te\\u0000xt": "a", "base_revision": 1}'), 400),
        (raw('{"text": "a", "base_revision": NaN}'), 400),
        (raw('{"text": "a", "base_revision": Infinity}'), 400),
        (raw('{"text": "a", "base_revision": 1e400}'), 400),
        (raw('{"text": "a", "base_revision": "1e400"}'), 400),
        (raw('{"text": "a", "base_revision": 1' + "0" * 30 + "}"), 400),
        (raw('{"text": "a", "base_revision": 1' + "0" * 5000 + "}"), 400),
        (raw('{"text": "a", "base_revision": -1}'), 400),
        (raw('{"text": "a", "base_revision": 1.5}'), 400),
        (raw('{"text": "a", "base_revision": true}'), 400),
        (raw('{"text": "a", "base_revision": null}'), 400),
        (raw('{"text": "a", "base_revision": [1]}'), 400),
        (raw('{"text": 5, "base_revision": 1}'), 400),
        (raw('{"text": null, "base_revision": 1}'), 400),
        (raw('{"text": {"a": 1}, "base_revision": 1}'), 400),
        (raw('{"text": "a"}'), 400),
        (raw('{"base_revision": 1}'), 400),
        (raw('{"text": "a\\u0007", "base_revision": 1}'), 400),
        (raw('{"text": "' + "x" * 20_001 + '", "base_revision": 1}'), 400),
        (raw('{"text": "' + "x" * 10_000_000 + '", "base_revision": 1}'), 400),
        (raw('{"text": "a", "base_revision": 1, "operation_id": "1"}'), 400),
        (raw('{"text": "a", "base_revision": 1, "lease": "mine"}'), 400),
        (raw('{"text": "a", "base_revision": 1, "locked": true}'), 400),
        (raw('{"text": "a", "base_revision": 1, "revision": 7, "state": "accepted"}'), 400),
        (b"[" * 10_000, 400),
        (b"[" * 10_000 + b"]" * 10_000, 400),
        (b'{"text":' * 10_000 + b"1" + b"}" * 10_000, 400),
        (raw('{"text": "a", "base_revision": 999}'), 409),
    ],
)
def test_a_bad_save_is_refused_and_changes_nothing(
    annotator: Caller, segment: Segment, body: bytes, status: int
) -> None:
    answer = annotator.patch(f"/api/segments/{segment.pk}/", body)
    assert answer.status == status, answer.body[:300]
    assert answer.code
    assert Segment.objects.values_list("text", "revision", "state", "locked").get() == (
        "machine text",
        1,
        "draft",
        False,
    )


@pytest.mark.parametrize(
    "text",
    [
        "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
        "\u65e5\u672c\u8a9e \U0001f3a7\u200d\U0001f4bb",
        "zero\u200bwidth",
        "=1+1",
        "<script>alert(1)</script>",
        "{{ 7*7 }} {% debug %}",
        "two\nlines\tand a tab",
    ],
)
def test_every_text_that_people_write_comes_back_as_it_was(
    annotator: Caller, segment: Segment, text: str
) -> None:
    answer = annotator.patch(f"/api/segments/{segment.pk}/", {"text": text, "base_revision": 1})
    assert answer.status == 200
    assert answer.json["text"] == text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/", 404, "not_found"),
        ("GET", "/api/nothing/", 404, "not_found"),
        ("POST", "/api/nothing/", 404, "not_found"),
        ("GET", "/api/projects", 404, "not_found"),
        ("GET", "/api/projects/0/", 404, "not_found"),
        ("GET", "/api/projects/99999999999999999999999999/", 404, "not_found"),
        ("GET", "/api/projects/-1/", 404, "not_found"),
        ("GET", "/api/projects/1%00/", 404, "not_found"),
        ("GET", "/api/uploads/00000000-0000-0000-0000-000000000000/", 404, "not_found"),
        ("PUT", "/api/projects/", 405, "method_not_allowed"),
        ("DELETE", "/api/segments/", 405, "method_not_allowed"),
        ("TRACE", "/api/segments/", 405, "method_not_allowed"),
        ("BREW", "/api/segments/", 405, "method_not_allowed"),
    ],
)
def test_wrong_addresses_and_methods_have_the_same_shape(
    annotator: Caller, method: str, path: str, status: int, code: str
) -> None:
    answer = annotator.send(method, path)
    assert (answer.status, answer.code) == (status, code)


def test_other_content_types_are_415(annotator: Caller, segment: Segment) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
        answer = annotator.patch(f"/api/segments/{segment.pk}/", b"text=x", content_type=content_type)
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), content_type


def test_any_accept_header_gets_json(annotator: Caller) -> None:
    for accept in ("text/html", "text/event-stream", "application/xml", "nonsense"):
        assert annotator.get("/api/projects/", headers={"Accept": accept}).json["results"]


def test_a_wrong_host_is_refused_in_the_same_shape(annotator: Caller) -> None:
    answer = annotator.get("/api/projects/", headers={"Host": "evil.example"})
    assert (answer.status, answer.code) == (400, "invalid")


def test_a_fault_of_ours_says_nothing_about_itself(
    annotator: Caller, segment: Segment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**values: Any) -> None:
        raise RuntimeError("a secret path and a secret text")

    monkeypatch.setattr(segments, "decide", broken)
    answer = annotator.patch(f"/api/segments/{segment.pk}/", {"text": "x", "base_revision": 1})
    assert (answer.status, answer.code) == (500, "internal_error")
    assert b"secret" not in answer.body
    assert "secret" in caplog.text


def test_a_database_that_is_away_is_503_to_try_again(
    annotator: Caller, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**values: Any) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(segments, "decide", away)
    answer = annotator.patch(f"/api/segments/{segment.pk}/", {"text": "x", "base_revision": 1})
    assert (answer.status, answer.code) == (503, "database_unavailable")
    assert answer.headers["Retry-After"]


def test_a_script_that_runs_wild_is_429_and_others_are_not(
    annotator: Caller, reviewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotation.api import throttles

    monkeypatch.setitem(throttles.RATES, "read", (5, 3600))
    statuses = [annotator.get("/api/jobs/").status for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    answer = annotator.get("/api/jobs/")
    assert (answer.code, int(answer.headers["Retry-After"]) > 0) == ("too_many_requests", True)
    assert reviewer.get("/api/jobs/").status == 200


def test_without_redis_work_goes_on_and_guessing_does_not(
    cast: Cast, segment: Segment, settings: Any
) -> None:
    settings.EARMARK = replace(conf(), redis_url="unix:///nowhere/redis.sock")
    annotator = Caller(cast.annotator)
    saved = annotator.patch(f"/api/segments/{segment.pk}/", {"text": "x", "base_revision": 1})
    assert saved.status == 200
    guess = {"username": "reviewer", "password": "wrong"}
    statuses = [Caller().post("/api/auth/token/", guess).status for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert statuses[-1] == 429


# -- The document ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("schema") / "schema.json"
    call_command(
        "spectacular",
        "--urlconf=annotation.api.urls",
        "--validate",
        "--fail-on-warn",
        "--format=openapi-json",
        f"--file={path}",
    )
    return json.loads(path.read_text())


def test_the_schema_is_valid_and_complete(schema: Any) -> None:
    operations = [op for path in schema["paths"].values() for op in path.values()]
    assert len(operations) > 30
    for op in operations:
        assert op["operationId"]
        assert op["description"], op["operationId"]
        assert {"400", "401", "404"} <= set(op["responses"]), op["operationId"]


def test_the_schema_is_served(annotator: Caller) -> None:
    assert annotator.get("/api/schema/?format=json").status == 200


def test_projects_exist_in_the_answer_of_the_schema(schema: Any) -> None:
    project = schema["components"]["schemas"]["ProjectOut"]["properties"]
    assert {"role", "counts"} <= set(project)
    assert not {"created_by", "archived_at", "members"} & set(project)
