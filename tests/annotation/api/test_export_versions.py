"""Frozen exports by the API: asked for, followed, downloaded in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from annotation.services.exports.choosing import Choice
from tests.annotation.api.calling import Caller
from tests.annotation.exporting import content, make_dataset, make_version, run_job
from tests.personas import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


def test_from_the_request_to_the_file(manager: Caller, cast: Cast) -> None:
    make_dataset(cast)
    asked = {"format": "csv", "filter": {"rows": "all"}, "options": {"split_by": "speaker", "seed": "a"}}
    made = manager.post(f"/api/projects/{cast.project.pk}/exports/", asked)
    assert made.status == 201
    assert made.json["version"] == 1
    assert made.json["filter"] == {**Choice().stored(), "rows": "all"}
    assert (made.json["rows"], made.json["sha256"], made.json["file_name"]) == (None, None, None)
    assert made.json["job"]["kind"] == "export"
    address = f"/api/exports/{made.json['id']}/"
    early = manager.get(f"{address}download")
    assert (early.status, early.code) == (409, "conflict")
    run_job()
    told = manager.get(address).json
    assert (told["rows"], told["audio_ms"], told["job"]["state"]) == (30, 30_000, "completed")
    assert told["file_name"] == "Calls v1 csv.csv"
    assert told["manifest"]["counts"]["rows"] == 30
    assert told["card"].startswith("---")
    file = manager.get(f"{address}download")
    assert hashlib.sha256(file.body).hexdigest() == told["sha256"]
    assert len(file.body) == told["size_bytes"]
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert file.headers["Content-Disposition"] == 'attachment; filename="Calls v1 csv.csv"'
    listed = manager.get(f"/api/projects/{cast.project.pk}/exports/").json["results"]
    assert [row["id"] for row in listed] == [made.json["id"]]
    assert "manifest" not in listed[0]


def test_a_download_goes_on_where_it_broke(manager: Caller, cast: Cast) -> None:
    make_dataset(cast)
    export = make_version(cast, "nemo")
    whole = content(export)
    address = f"/api/exports/{export.pk}/download"
    first = manager.get(address)
    tag = first.headers["ETag"]
    assert tag == f'"{hashlib.sha256(whole).hexdigest()}"'
    part = manager.send("GET", address, headers={"Range": "bytes=1000-", "If-Range": tag})
    assert (part.status, part.body) == (206, whole[1000:])
    assert part.headers["Content-Range"] == f"bytes 1000-{len(whole) - 1}/{len(whole)}"
    assert manager.send("GET", address, headers={"If-None-Match": tag}).status == 304
    assert manager.send("GET", address, headers={"Range": f"bytes={len(whole)}-"}).status == 416


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, "format"),
        ({"format": "pdf"}, "format"),
        ({"format": "csv", "filter": {"rows": "nice"}}, "rows"),
        ({"format": "csv", "filter": []}, "filter"),
        ({"format": "csv", "options": {"audio": "segments"}}, "audio"),
        ({"format": "csv", "columns": []}, "columns"),
    ],
)
def test_what_is_wrong_is_named(manager: Caller, cast: Cast, body: Any, wrong: str) -> None:
    answer = manager.post(f"/api/projects/{cast.project.pk}/exports/", body)
    assert answer.status == 400
    assert wrong in answer.detail


def test_a_preview_counts_what_would_go_in(reviewer: Caller, cast: Cast) -> None:
    recordings = make_dataset(cast)
    address = f"/api/projects/{cast.project.pk}/exports/preview/"
    assert reviewer.post(address, {}).json == {"rows": 30, "audio_ms": 30_000, "left_out": {}}
    narrowed = {"filter": {"rows": "accepted", "recordings": [str(recordings[0].pk)]}}
    assert reviewer.post(address, narrowed).json == {"rows": 0, "audio_ms": 0, "left_out": {"corrected": 10}}


def test_a_file_that_is_gone_is_410(manager: Caller, cast: Cast, media_root: Path) -> None:
    make_dataset(cast)
    export = make_version(cast, "csv")
    (media_root / "exports" / str(export.pk)).unlink()
    assert manager.get(f"/api/exports/{export.pk}/download").status == 410
