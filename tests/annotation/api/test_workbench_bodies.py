"""Hostile and senseless bodies: markup is data, junk is refused in words."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import (
    Lease,
    Recording,
    Segment,
)
from tests.annotation.api.calling import Caller
from tests.annotation.api.workbench import url
from tests.factories import make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)//",
    "{{constructor.constructor('alert(1)')()}}",
    "</textarea><svg/onload=alert(1)>",
    "${alert(1)}`",
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markup_in_any_text_is_data(
    annotator: Caller, cast: Cast, recording: Recording, payload: str
) -> None:
    segment = make_segment(cast.project, recording=recording, text="a", revision=1, state="draft")
    annotator.put(url(segment, "draft/"), {"text": payload, "base_revision": 1})
    assert annotator.get(url(segment)).json["draft"]["text"] == payload
    annotator.post(url(segment, "speaker/"), {"speaker": payload, "base_revision": 1})
    skipped = annotator.patch(
        url(segment), {"text": payload, "decision": "skip", "reason": payload, "base_revision": 2}
    )
    assert (skipped.json["text"], skipped.json["speaker"], skipped.json["decision"]["reason"]) == (
        payload,
    ) * 3
    rows = annotator.get(f"/api/recordings/{recording.pk}/rows/")
    assert rows.headers["Content-Type"].startswith("application/json")
    assert (rows.json["rows"][0]["head"], rows.json["rows"][0]["speaker"]) == (payload[:80], payload)
    assert rows.json["facets"]["speakers"] == [payload]


JUNK: Any = [
    None, [], "x", 7, {"text": 7}, {"text": None, "base_revision": None}, {"base_revision": 10**17},
    {"base_revision": -1}, {"base_revision": "1; DROP"}, {"exclude": ["x"] * 51},
    {"lease": 10**17, "base_revision": 1, "text": "x", "x": 1},
    {"client": 7}, {"client": ["a"]}, {"segment": {}}, {"next": []}, {"exclude": [None]},
    {"order": 7}, {"operation_id": 7}, {"heard_share": "NaN"}, {"usernames": [7]}, {"usernames": None},
    {"keys": {"own": {"play": {"box": [{}]}}}}, {"decision": []}, {"speaker": 7, "base_revision": 1},
    {"at_ms": 1.5, "offset": "a", "base_revision": 1}, {"start_ms": 10**18, "end_ms": -5, "base_revision": 1},
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "tail"),
    [("PATCH", ""), ("PUT", "draft/"), ("POST", "checks/"), ("POST", "undo/"), ("POST", "split/"),
     ("POST", "merge/"), ("POST", "edges/"), ("POST", "speaker/"), ("POST", "lease/"),
     ("POST", "next"), ("POST", "presence"), ("PUT", "settings"), ("PUT", "assignees")],
)  # fmt: skip
def test_no_body_is_answered_with_500(
    manager: Caller, cast: Cast, recording: Recording, segment: Segment, method: str, tail: str
) -> None:
    path = {
        "next": f"/api/projects/{cast.project.pk}/next/",
        "presence": f"/api/recordings/{recording.pk}/presence/",
        "assignees": f"/api/recordings/{recording.pk}/assignees/",
        "settings": "/api/me/settings/",
    }.get(tail, url(segment, tail))
    for junk in JUNK:
        answer = manager.send(method, path, b"null" if junk is None else junk)
        assert answer.status in (200, 400, 409, 423), (junk, answer.status, answer.body)
    for raw in (
        b"{",
        b"\xff\xfe",
        b'{"text": "\\ud800"}',
        b'{"text": "a\\u0000b", "base_revision": 1}',
        b"[" * 99,
    ):
        answer = manager.send(method, path, raw)
        assert (answer.status, answer.code[:7]) == (400, "invalid"), raw


def test_a_lease_row_is_never_left_behind_by_a_refusal(annotator: Caller, segment: Segment) -> None:
    annotator.patch(url(segment), {"base_revision": 9, "text": "x"})
    assert not Lease.objects.exists()


def test_assignees_are_members(manager: Caller, recording: Recording) -> None:
    path = f"/api/recordings/{recording.pk}/assignees/"
    assert manager.send("PUT", path, {"usernames": ["annotator", "reviewer"]}).status == 200
    assert manager.send("PUT", path, {"usernames": ["outsider"]}).status == 400
    assert manager.send("PUT", path, {"usernames": ["reviewer"]}).json == {"usernames": ["reviewer"]}
    assert manager.get(path).json == {"usernames": ["reviewer"]}


def test_the_words_of_a_neighbour_are_in_view(annotator: Caller, cast: Cast, recording: Recording) -> None:
    rows = [
        make_segment(
            cast.project, recording=recording, start_ms=n * 2000, text=f"t{n}", revision=1, state="draft"
        )
        for n in range(3)
    ]
    other = make_recording(cast.project)
    make_segment(cast.project, recording=other, start_ms=2000, text="elsewhere", revision=1)
    found = annotator.get(url(rows[1])).json
    assert (found["neighbours"]["previous"]["text"], found["neighbours"]["next"]["text"]) == ("t0", "t2")
    assert found["index"] == 1
    assert found["edges"] == {"earliest_ms": 1000, "latest_ms": 4000, "shortest_ms": 200, "longest_ms": 30000}
    assert annotator.get(url(rows[0])).json["neighbours"]["previous"] is None
