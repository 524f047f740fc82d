"""Resumable uploads that bring the files of an import: they wait for it, and are lost to no refusal."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.utils import timezone

from annotation import storage
from annotation.models import Import, ImportFile, Recording, Upload
from annotation.services import reconciler
from tests.annotation.api.calling import Caller
from tests.annotation.api.test_uploads import TUS, append, begin, offset_of
from tests.annotation.imports.dropping import sound, table, work
from tests.personas import Cast

pytestmark = pytest.mark.django_db

TABLE = table("id,file_name,start_ms,end_ms,transcript", "u1,a.wav,0,2000,hallo welt")


def send(caller: Caller, cast: Cast, name: str, data: bytes) -> str:
    """Upload a file for an import in two pieces; return its id."""
    path = str(urlsplit(begin(caller, cast, len(data), name, **{"import": ""}).headers["Location"]).path)
    assert append(caller, path, 0, data[:10]).status == 204
    assert append(caller, path, 10, data[10:]).status == 204
    return path.rstrip("/").rsplit("/", 1)[1]


@pytest.fixture
def sent(manager: Caller, cast: Cast, media_root: Path) -> list[str]:
    """Return the uploads of a table and its audio."""
    return [send(manager, cast, "calls.csv", TABLE), send(manager, cast, "a.wav", sound(3))]


def imports(cast: Cast) -> str:
    return f"/api/projects/{cast.project.pk}/imports/"


def test_uploaded_files_become_an_import(manager: Caller, cast: Cast, sent: list[str]) -> None:
    assert not Recording.objects.filter(project=cast.project).exists(), "they wait"
    assert manager.get(f"/api/uploads/{sent[0]}/").json["state"] == "stored"
    assert offset_of(manager, f"/api/uploads/{sent[0]}/") == len(TABLE)

    answer = manager.post(imports(cast), {"uploads": sent})
    assert answer.status == 201
    work()
    checked = manager.get(f"/api/imports/{answer.json['id']}/").json
    assert (checked["state"], checked["counts"]["ready"]) == ("checked", 1)
    kept = ImportFile.objects.get(parent=answer.json["id"], name="calls.csv")
    assert (kept.sha256, kept.size_bytes) == (hashlib.sha256(TABLE).hexdigest(), len(TABLE))
    assert not any(storage.upload_path(one.pk).exists() for one in Upload.objects.all())
    again = manager.post(imports(cast), {"uploads": sent})
    assert (again.status, again.code) == (409, "upload_not_stored")


def test_a_refused_import_leaves_them_waiting(manager: Caller, cast: Cast, sent: list[str]) -> None:
    busy = Import.objects.create(project=cast.project, state="checked", created_by=cast.manager)
    refused = manager.post(f"{imports(cast)}?after={busy.pk}", {"uploads": sent})
    assert (refused.status, refused.code) == (409, "import_not_over")
    assert set(Upload.objects.values_list("state", flat=True)) == {"stored"}
    assert manager.post(imports(cast), {"uploads": sent}).status == 201


def test_more_files_come_to_an_import_the_same_way(manager: Caller, cast: Cast, sent: list[str]) -> None:
    begun = manager.post(imports(cast), {"uploads": sent[:1]}).json["id"]
    work()
    assert manager.post(f"/api/imports/{begun}/files/", {"uploads": sent[1:]}).status == 201
    work()
    assert manager.get(f"/api/imports/{begun}/").json["counts"]["ready"] == 1


def test_nobody_takes_what_another_sent_or_what_is_not_whole(
    manager: Caller, outsider: Caller, annotator: Caller, cast: Cast, sent: list[str]
) -> None:
    open_still = urlsplit(begin(manager, cast, 10, "b.wav", **{"import": ""}).headers["Location"]).path
    for ids in ([open_still.rstrip("/").rsplit("/", 1)[1]], [*sent, "00000000-0000-4000-8000-000000000000"]):
        answer = manager.post(imports(cast), {"uploads": ids})
        assert (answer.status, answer.code) == (409, "upload_not_stored")
        assert answer.json["error"]["detail"]["uploads"] == [ids[-1]]
    assert outsider.post(imports(cast), {"uploads": sent}).status == 404
    assert annotator.post(imports(cast), {"uploads": sent}).status == 403
    assert begin(annotator, cast, 10, "b.csv", **{"import": ""}).status == 403
    refused: list[Any] = [{}, {"uploads": []}, {"uploads": ["x"]}, {"uploads": sent, "more": 1}]
    for body in refused:
        assert manager.post(imports(cast), body).status == 400
    assert manager.send("POST", imports(cast), b"x", content_type="text/csv").status == 409


def test_what_no_import_takes_is_kept_its_time_and_then_removed(
    manager: Caller, cast: Cast, sent: list[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(reconciler, "ORPHAN_AGE_S", -1)
    reconciler.sweep()
    assert all(storage.upload_path(one.pk).exists() for one in Upload.objects.all())
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    reconciler.sweep()
    assert set(Upload.objects.values_list("state", flat=True)) == {"expired"}
    assert not any(storage.upload_path(one.pk).exists() for one in Upload.objects.all())


def test_bytes_that_are_gone_are_named_and_the_others_wait_on(
    manager: Caller, cast: Cast, sent: list[str]
) -> None:
    storage.upload_path(UUID(sent[1])).unlink()
    answer = manager.post(imports(cast), {"uploads": sent})
    assert (answer.status, answer.code) == (409, "upload_not_stored")
    assert answer.json["error"]["detail"]["uploads"] == [sent[1]]
    assert manager.post(imports(cast), {"uploads": sent[:1]}).status == 201
    # Whoever goes on with one that was taken, or is gone, begins it anew.
    for one in sent:
        assert manager.head(f"/api/uploads/{one}/", headers=TUS).status == 410


def test_hostile_json_is_refused(manager: Caller, cast: Cast, sent: list[str]) -> None:
    for body in (b'{"\\ud800": 1}', b"[" * 200_000, b'{"uploads": [], "uploads": []}', b"\xff"):
        answer = manager.send("POST", imports(cast), body, content_type="application/json")
        assert answer.status == 400, body[:20]


def test_one_can_be_given_up(manager: Caller, cast: Cast, sent: list[str]) -> None:
    assert manager.delete(f"/api/uploads/{sent[0]}/", headers=TUS).status == 204
    assert manager.post(imports(cast), {"uploads": sent}).status == 409
