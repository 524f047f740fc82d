"""Resumable uploads: the tus protocol, and what it promises when something goes wrong."""

from __future__ import annotations

import base64
import fcntl
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from annotation import storage
from annotation.conf import conf
from annotation.models import Recording, Upload
from annotation.services import trash
from tests.annotation.api.calling import Answer, Caller
from tests.personas import Cast

pytestmark = pytest.mark.django_db

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = "application/offset+octet-stream"


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def begin(caller: Caller, cast: Cast, size: int | str, name: str = "talk.wav", **more: str) -> Answer:
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata(filename=name, **more)}
    return caller.post(f"/api/projects/{cast.project.pk}/uploads/", headers=headers)


def append(caller: Caller, path: str, offset: int | str, data: bytes, **headers: str) -> Answer:
    sent = {**TUS, "Upload-Offset": str(offset), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return caller.send("PATCH", path, data, headers=sent, content_type=CHUNK)


def offset_of(caller: Caller, path: str) -> int:
    return int(caller.head(path, headers=TUS).headers["Upload-Offset"])


@pytest.fixture
def path(manager: Caller, cast: Cast, media_root: Path) -> str:
    """Return the address of an open upload of ten bytes."""
    return str(urlsplit(begin(manager, cast, 10).headers["Location"]).path)


@pytest.fixture
def uploaded(manager: Caller, path: str, django_capture_on_commit_callbacks: Any) -> Iterator[str]:
    with django_capture_on_commit_callbacks(execute=True):
        append(manager, path, 0, b"0123456789")
    yield path


def test_options_say_what_the_server_can_do(manager: Caller, cast: Cast, path: str) -> None:
    for address in (path, f"/api/projects/{cast.project.pk}/uploads/"):
        answer = manager.send("OPTIONS", address)
        assert answer.status == 204
        assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
        assert answer.headers["Tus-Extension"] == "creation,termination,expiration,checksum"
        assert answer.headers["Tus-Max-Size"] == str(conf().max_upload_bytes)
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_a_file_in_chunks_becomes_a_recording(
    manager: Caller, cast: Cast, path: str, django_capture_on_commit_callbacks: Any
) -> None:
    first = append(manager, path, 0, b"0123")
    assert (first.status, first.headers["Upload-Offset"]) == (204, "4")
    assert "Earmark-Recording" not in first.headers
    assert first.headers["Upload-Expires"].endswith("GMT")
    with django_capture_on_commit_callbacks(execute=True):
        last = append(manager, path, 4, b"456789")
    assert (last.status, last.headers["Upload-Offset"]) == (204, "10")
    recording = Recording.objects.get(pk=int(last.headers["Earmark-Recording"]))
    assert last.headers["Earmark-Duplicate"] == "false"
    assert (recording.name, recording.sha256) == ("talk.wav", hashlib.sha256(b"0123456789").hexdigest())
    assert storage.original_path(recording.pk).read_bytes() == b"0123456789"
    shown = manager.get(path).json
    assert (shown["state"], shown["recording"], shown["offset"]) == ("finished", str(recording.pk), 10)


def test_the_last_chunk_repeated_after_a_lost_answer_says_the_same(manager: Caller, uploaded: str) -> None:
    again = append(manager, uploaded, 0, b"0123456789")
    assert again.status == 204
    assert again.headers["Earmark-Recording"] == str(Recording.objects.get().pk)
    assert manager.head(uploaded, headers=TUS).headers["Upload-Offset"] == "10"


def test_the_same_bytes_again_are_told_as_a_duplicate(
    manager: Caller, cast: Cast, uploaded: str, media_root: Path, django_capture_on_commit_callbacks: Any
) -> None:
    second = urlsplit(begin(manager, cast, 10, "other name.wav").headers["Location"]).path
    with django_capture_on_commit_callbacks(execute=True):
        answer = append(manager, second, 0, b"0123456789")
    assert answer.headers["Earmark-Duplicate"] == "true"
    assert answer.headers["Earmark-Recording"] == str(Recording.objects.get().pk)
    assert list((media_root / "uploads").iterdir()) == []
    recording = Recording.objects.get()
    trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk])
    assert manager.head(second, headers=TUS).headers["Earmark-Duplicate"] == "trashed"


def test_a_wrong_offset_is_409_with_the_right_one(manager: Caller, path: str) -> None:
    append(manager, path, 0, b"0123")
    for offset in (0, 3, 5, 10):
        answer = append(manager, path, offset, b"xx")
        assert (answer.status, answer.code) == (409, "wrong_offset")
        assert answer.headers["Upload-Offset"] == "4"
    assert offset_of(manager, path) == 4


def test_more_than_announced_is_413_and_keeps_nothing(manager: Caller, path: str) -> None:
    answer = append(manager, path, 0, b"0123456789x")
    assert (answer.status, answer.code) == (413, "too_large")
    assert offset_of(manager, path) == 0


def test_a_chunk_over_the_limit_is_413(manager: Caller, cast: Cast, settings: Any, media_root: Path) -> None:
    settings.EARMARK = replace(conf(), upload_chunk_bytes=100)
    path = urlsplit(begin(manager, cast, 1000).headers["Location"]).path
    assert append(manager, path, 0, b"x" * 101).status == 413
    assert append(manager, path, 0, b"x" * 100).status == 204


def test_a_second_writer_is_refused_while_one_writes(manager: Caller, path: str, media_root: Path) -> None:
    upload = Upload.objects.get()
    file = storage.upload_path(upload.pk)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        answer = append(manager, path, 0, b"0123")
        assert (answer.status, answer.code) == (423, "upload_busy")
        assert answer.headers["Retry-After"] == "1"
    assert append(manager, path, 0, b"0123").status == 204


def test_bytes_a_crash_left_behind_are_cut_off(manager: Caller, path: str) -> None:
    append(manager, path, 0, b"0123")
    file = storage.upload_path(Upload.objects.get().pk)
    with file.open("ab") as torn:
        torn.write(b"garbage that was never acknowledged")
    append(manager, path, 4, b"456789")
    assert storage.original_path(Recording.objects.get().pk).read_bytes() == b"0123456789"


def test_bytes_that_vanished_are_noticed(manager: Caller, path: str) -> None:
    from annotation.services import uploads

    append(manager, path, 0, b"0123")
    storage.upload_path(Upload.objects.get().pk).write_bytes(b"")
    uploads._digests.clear()
    answer = append(manager, path, 4, b"456789")
    assert (answer.status, answer.code) == (410, "upload_damaged")
    assert not Recording.objects.exists()


def test_a_checksum_is_held_against_the_bytes(manager: Caller, path: str) -> None:
    for name, digest in (("sha256", hashlib.sha256), ("sha1", hashlib.sha1)):
        wrong = f"{name} {base64.b64encode(digest(b'other').digest()).decode()}"
        answer = append(manager, path, 0, b"0123", Upload_Checksum=wrong)
        assert (answer.status, answer.code) == (460, "checksum_mismatch")
        assert offset_of(manager, path) == 0
    right = f"sha256 {base64.b64encode(hashlib.sha256(b'0123').digest()).decode()}"
    assert append(manager, path, 0, b"0123", Upload_Checksum=right).status == 204
    for odd in ("md5 AAAA", "sha256 ???", "sha256", "x"):
        assert append(manager, path, 4, b"45", Upload_Checksum=odd).status == 400
    assert offset_of(manager, path) == 4


def test_other_versions_are_412(manager: Caller, cast: Cast, path: str) -> None:
    for version in ("", "0.2.2", "2.0.0"):
        for method, address in (
            ("HEAD", path),
            ("PATCH", path),
            ("DELETE", path),
            ("POST", f"/api/projects/{cast.project.pk}/uploads/"),
        ):
            answer = manager.send(method, address, headers={"Tus-Resumable": version})
            assert (answer.status, answer.headers["Tus-Version"]) == (412, "1.0.0"), (method, version)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "10"}, 400),
        ({"Upload-Length": "-1", "Upload-Metadata": metadata(filename="a.wav")}, 400),
        ({"Upload-Length": "1e3", "Upload-Metadata": metadata(filename="a.wav")}, 400),
        ({"Upload-Length": "9" * 40, "Upload-Metadata": metadata(filename="a.wav")}, 400),
        ({"Upload-Length": "0", "Upload-Metadata": metadata(filename="a.wav")}, 400),
        ({"Upload-Length": str(10**13), "Upload-Metadata": metadata(filename="a.wav")}, 413),
        ({"Upload-Length": "10", "Upload-Metadata": "filename"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "filename ???"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "filename //79"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "filename YQ==,filename YQ=="}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "x " + "YQ" * 5000}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": metadata(filename="../..")}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": metadata(filename="a.svg")}, 415),
        ({"Upload-Length": "10", "Upload-Metadata": metadata(filename="a.wav", segmentation="odd")}, 400),
        ({"Upload-Defer-Length": "1", "Upload-Metadata": metadata(filename="a.wav")}, 400),
    ],
)
def test_what_cannot_begin_is_refused_at_once(
    manager: Caller, cast: Cast, media_root: Path, headers: dict[str, str], status: int
) -> None:
    answer = manager.post(f"/api/projects/{cast.project.pk}/uploads/", headers={**TUS, **headers})
    assert answer.status == status, answer.body
    assert answer.code
    assert not Upload.objects.exists()


def test_chunks_of_another_type_or_without_offset_are_refused(manager: Caller, path: str) -> None:
    answer = manager.send("PATCH", path, b"x", headers={**TUS, "Upload-Offset": "0"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    assert append(manager, path, "", b"x").status == 400
    assert append(manager, path, "-1", b"x").status == 400


def test_an_ended_upload_is_gone_and_its_bytes_too(manager: Caller, path: str, media_root: Path) -> None:
    append(manager, path, 0, b"0123")
    assert manager.delete(path, headers=TUS).status == 204
    assert append(manager, path, 4, b"45").status == 410
    assert manager.head(path, headers=TUS).status == 410
    assert manager.delete(path, headers=TUS).status == 410
    assert manager.get(path).json["state"] == "aborted"
    assert list((media_root / "uploads").iterdir()) == []


def test_a_finished_upload_cannot_be_ended(manager: Caller, uploaded: str) -> None:
    assert manager.delete(uploaded, headers=TUS).status == 410
    assert Recording.objects.exists()


def test_an_upload_that_was_whole_at_a_crash_is_finished_on_the_next_look(
    manager: Caller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotation.services import uploads

    def crash(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(uploads, "_finish", crash)
    with pytest.raises(KeyboardInterrupt):
        append(manager, path, 0, b"0123456789")
    monkeypatch.undo()
    Upload.objects.update(offset=10)
    answer = manager.head(path, headers=TUS)
    assert answer.headers["Earmark-Recording"] == str(Recording.objects.get().pk)


def test_nobody_touches_the_upload_of_another(
    annotator: Caller, reviewer: Caller, outsider: Caller, manager: Caller, path: str
) -> None:
    for caller in (annotator, reviewer, outsider):
        assert append(caller, path, 0, b"0123").status == 404
        assert caller.head(path, headers=TUS).status == 404
        assert caller.delete(path, headers=TUS).status == 404
        assert caller.get(path).status == 404
    assert append(Caller(), path, 0, b"0123").status == 401
    assert offset_of(manager, path) == 0


def test_who_lost_the_role_cannot_go_on(manager: Caller, cast: Cast, path: str) -> None:
    from annotation.models import Membership

    Membership.objects.filter(user=cast.manager, project=cast.project).update(role="annotator")
    assert append(manager, path, 0, b"0123").status == 403


def test_the_disk_that_fills_up_loses_nothing_that_arrived(
    manager: Caller, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(manager, path, 0, b"0123")
    monkeypatch.setattr(storage, "free_bytes", lambda: 0)
    answer = append(manager, path, 4, b"456789")
    assert (answer.status, answer.code) == (507, "no_space")
    monkeypatch.undo()
    assert offset_of(manager, path) == 4
    assert append(manager, path, 4, b"456789").status == 204


def test_too_many_open_uploads_are_refused(
    manager: Caller, cast: Cast, settings: Any, media_root: Path
) -> None:
    settings.EARMARK = replace(conf(), max_open_uploads=2)
    assert [begin(manager, cast, 10).status for _ in range(3)] == [201, 201, 409]


def test_unfinished_uploads_have_a_quota_together(
    manager: Caller, cast: Cast, settings: Any, media_root: Path
) -> None:
    settings.EARMARK = replace(conf(), upload_quota_bytes=25)
    assert [begin(manager, cast, 10).status for _ in range(3)] == [201, 201, 413]


def test_how_to_cut_it_can_be_said(manager: Caller, cast: Cast, media_root: Path) -> None:
    begin(manager, cast, 10, segmentation="fixed")
    assert Upload.objects.get().segmentation == "fixed"
