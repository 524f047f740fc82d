"""Handing files in by multipart, listing recordings, drawing waveforms."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from annotation import storage
from annotation.conf import conf
from annotation.models import Job, Recording
from tests.annotation.api.calling import Caller
from tests.factories import make_job, make_recording
from tests.personas import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(cast: Cast, media_root: Path) -> str:
    return f"/api/projects/{cast.project.pk}/recordings/"


def left_behind(media_root: Path) -> list[Path]:
    """Return files in the uploads folder: none may stay."""
    return list((media_root / "uploads").glob("*"))


def test_files_become_recordings_with_their_jobs(
    manager: Caller, path: str, media_root: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = manager.upload(path, ("one.wav", b"first"), ("Zwei Größen.mp3", b"second" * 300_000))
    assert answer.status == 201, answer.body
    assert answer.json["duplicates"] == answer.json["errors"] == []
    rows = {row["name"]: row for row in answer.json["recordings"]}
    assert set(rows) == {"one.wav", "Zwei Größen.mp3"}
    one = rows["one.wav"]
    assert (one["state"], one["size_bytes"], one["progress"]) == ("stored", 5, 0.0)
    assert one["sha256"] == hashlib.sha256(b"first").hexdigest()
    assert one["job"]["state"] == "pending"
    big = rows["Zwei Größen.mp3"]
    assert storage.original_path(int(big["id"])).read_bytes() == b"second" * 300_000
    assert left_behind(media_root) == []


def test_one_bad_file_does_not_lose_the_others(
    manager: Caller, path: str, media_root: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        manager.upload(path, ("old.wav", b"known"))
        answer = manager.upload(
            path,
            ("empty.wav", b""),
            ("good.wav", b"good"),
            ("page.html", b"<script>"),
            ("again.wav", b"known"),
            ("..", b"nameless"),
            ("also-good.wav", b"also good"),
        )
    assert answer.status == 201
    assert {row["name"] for row in answer.json["recordings"]} == {"good.wav", "also-good.wav"}
    (duplicate,) = answer.json["duplicates"]
    assert (duplicate["name"], duplicate["recording_name"]) == ("again.wav", "old.wav")
    refused = {row["name"]: row["error"]["code"] for row in answer.json["errors"]}
    assert refused == {"empty.wav": "empty_file", "page.html": "unsupported_file", "..": "invalid"}
    assert left_behind(media_root) == []


def test_only_duplicates_are_no_error(
    manager: Caller, path: str, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        manager.upload(path, ("old.wav", b"known"))
    answer = manager.upload(path, ("again.wav", b"known"))
    assert (answer.status, len(answer.json["duplicates"]), answer.json["recordings"]) == (200, 1, [])


def test_only_bad_files_are_an_error_that_names_each(manager: Caller, path: str) -> None:
    answer = manager.upload(path, ("x.php", b"<?php"), ("empty.wav", b""))
    assert (answer.status, answer.code) == (415, "unsupported_file")
    assert [row["name"] for row in answer.detail["errors"]] == ["x.php", "empty.wav"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x.wav",
        "-i http:.mp3",
        "concat:a|b.mp3",
        "a%d.png.wav",
        "new\tline.wav",
        "\u202egnp.wav",
        "x" * 300 + ".wav",
        "\U0001f3a7 \u00e9 e\u0301.wav",
        "trailing. .wav. ",
        "CON.wav",
        "<img onerror=alert(1)>.wav",
    ],
)
def test_odd_names_are_data_and_never_paths(manager: Caller, path: str, media_root: Path, name: str) -> None:
    answer = manager.upload(path, (name.replace('"', "%22"), name.encode()))
    assert answer.status == 201, answer.body
    (row,) = answer.json["recordings"]
    assert 0 < len(row["name"]) <= 255
    assert "/" not in row["name"]
    assert "\u202e" not in row["name"]
    assert {p.name for p in media_root.iterdir()} <= {"uploads", "recordings"}
    assert {p.name for p in (media_root / "recordings").iterdir()} == {row["id"]}


def test_a_file_in_another_field_is_refused_by_name(manager: Caller, path: str) -> None:
    answer = manager.upload(path, ("a.wav", b"x"), field="attachment")
    assert (answer.status, answer.code) == (400, "unknown_field")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data"),
        (b"--x\r\n" * 5000, "multipart/form-data; boundary=x"),
        (b'{"file": 1}', "application/json"),
        (b"\xff" * 100, "multipart/form-data; boundary=\xff"),
    ],
)
def test_what_is_no_form_is_refused(manager: Caller, path: str, body: bytes, content_type: str) -> None:
    answer = manager.post(path, body, content_type=content_type)
    assert 400 <= answer.status < 500, answer.body
    assert answer.code


def test_a_body_that_breaks_off_keeps_the_whole_files(manager: Caller, path: str, media_root: Path) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
    body = part % (b"whole.wav", b"whole") + (part % (b"cut.wav", b"half of it"))[:-5]
    answer = manager.post(path, body, content_type="multipart/form-data; boundary=x")
    assert answer.status == 201
    assert [row["name"] for row in answer.json["recordings"]] == ["whole.wav"]
    assert [(row["name"], row["error"]["code"]) for row in answer.json["errors"]] == [
        ("cut.wav", "body_broken")
    ]
    assert len(left_behind(media_root)) == 1  # of the commit that the test's transaction holds back


def test_a_file_over_the_limit_is_413(manager: Caller, path: str, settings: Any) -> None:
    settings.EARMARK = replace(conf(), max_upload_bytes=1000)
    answer = manager.upload(path, ("big.wav", b"x" * 1001), ("small.wav", b"x" * 1000))
    assert [row["name"] for row in answer.json["recordings"]] == ["small.wav"]
    (refused,) = answer.json["errors"]
    assert (refused["name"], refused["error"]["code"]) == ("big.wav", "too_large")


def test_nothing_is_stored_on_a_full_disk(
    manager: Caller, path: str, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "free_bytes", lambda: 0)
    answer = manager.upload(path, ("a.wav", b"x"))
    assert (answer.status, answer.code) == (507, "no_space")
    assert left_behind(media_root) == []


def test_only_managers_hand_files_in(
    annotator: Caller, reviewer: Caller, outsider: Caller, path: str
) -> None:
    assert annotator.upload(path, ("a.wav", b"x")).status == 403
    assert reviewer.upload(path, ("a.wav", b"x")).status == 403
    assert outsider.upload(path, ("a.wav", b"x")).status == 404
    assert Caller().upload(path, ("a.wav", b"x")).status == 401
    assert not Recording.objects.filter(name="a.wav").exists()


def test_how_to_cut_them_can_be_said(manager: Caller, path: str) -> None:
    assert manager.upload(f"{path}?segmentation=fixed", ("a.wav", b"x")).status == 201
    assert Recording.objects.get(name="a.wav").segmentation == "fixed"
    assert manager.upload(f"{path}?segmentation=odd", ("b.wav", b"y")).status == 400


# -- Lists -----------------------------------------------------------------------------------------------


def test_recordings_are_listed_with_counts_and_progress(
    annotator: Caller, cast: Cast, recording: Recording, segment: Any
) -> None:
    make_job(recording, state="running", total_items=4, processed_items=1)
    (row,) = annotator.get("/api/recordings/").json["results"]
    assert row["id"] == str(recording.pk)
    assert row["segments"] == {"total": 1, "heard": 1, "corrected": 0, "locked": 0}
    assert (row["duration_ms"], row["progress"]) == (10_000, 0.325)
    assert row["job"]["processed_items"] == 1
    assert annotator.get(f"/api/recordings/{recording.pk}/").json["id"] == str(recording.pk)


def test_recordings_can_be_searched_and_narrowed(annotator: Caller, cast: Cast) -> None:
    make_recording(cast.project, name="Whale.wav")
    rejected = make_recording(
        cast.project, name="broken.wav", state="rejected", cause_code="not_audio", cause="No audio."
    )

    def found(query: str) -> list[str]:
        return [row["name"] for row in annotator.get(f"/api/recordings/?{query}").json["results"]]

    assert found("search=whale") == ["Whale.wav"]
    assert found("state=rejected") == ["broken.wav"]
    assert found(f"project={cast.project.pk}") == ["broken.wav", "Whale.wav"]
    assert annotator.get("/api/recordings/?state=odd").status == 400
    shown = annotator.get(f"/api/recordings/{rejected.pk}/").json
    assert shown["error"] == {"code": "not_audio", "message": "No audio."}


def test_many_recordings_cost_as_many_queries_as_few(
    annotator: Caller, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        Job.objects.create(project=cast.project, recording=make_recording(cast.project), kind="transcribe")
    with django_assert_max_num_queries(12):
        assert len(annotator.get("/api/recordings/").json["results"]) == 30


# -- Waveform --------------------------------------------------------------------------------------------


def test_a_waveform_is_given_at_the_zoom_that_fits(annotator: Caller, with_files: Recording) -> None:
    path = f"/api/recordings/{with_files.pk}/peaks"
    whole = annotator.get(f"{path}?points=100").json
    assert (whole["level_ms"], len(whole["peaks"]), whole["duration_ms"]) == (100, 200, 10_000)
    near = annotator.get(f"{path}?start_ms=1005&end_ms=1100&points=100").json
    assert (near["level_ms"], near["start_ms"], near["peaks"][:2]) == (10, 1000, [-1, 1])
    assert len(near["peaks"]) == 20
    past = annotator.get(f"{path}?start_ms=20000&end_ms=30000").json
    assert past["peaks"] == []


@pytest.mark.parametrize(
    "query", ["level=7", "start_ms=5&end_ms=4", "points=0", "points=20001", "start_ms=-1", "level=x", "z=1"]
)
def test_odd_spans_are_400(annotator: Caller, with_files: Recording, query: str) -> None:
    assert annotator.get(f"/api/recordings/{with_files.pk}/peaks?{query}").status == 400


def test_a_recording_without_files_says_why(annotator: Caller, cast: Cast) -> None:
    waiting = make_recording(cast.project, state="stored", duration_ms=None)
    rejected = make_recording(cast.project, state="rejected", cause_code="not_audio", cause="No audio.")
    for tail in ("peaks", "audio"):
        soon = annotator.get(f"/api/recordings/{waiting.pk}/{tail}")
        assert (soon.status, soon.code) == (409, "not_ready")
        never = annotator.get(f"/api/recordings/{rejected.pk}/{tail}")
        assert (never.status, never.code) == (409, "rejected")
