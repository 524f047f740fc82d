"""Every file of the corpus goes through API and worker: accepted, sanitised, or refused in words."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation.models import Recording, Segment
from annotation.states import RecordingState
from tests import services
from tests.waiting import AT_ONCE_S, until
from tests.workers.support import make_team

pytestmark = pytest.mark.corpus

Start = Callable[..., services.Running]
SETTLED = (RecordingState.READY, RecordingState.REJECTED)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Drop:
    """Drop files on a project through the API, and follow them to their end."""

    def __init__(self) -> None:
        self.project, manager = make_team()
        self.client = Client(raise_request_exception=True)
        self.client.force_login(manager)

    def send(self, path: Path) -> tuple[int, dict[str, Any]]:
        """Upload one file under its own name; return the status and the answer."""
        file = SimpleUploadedFile("x", path.read_bytes())
        file.name = path.name  # as it is, also what Django would clean
        began = time.monotonic()
        response = self.client.post(f"/api/projects/{self.project.pk}/recordings/", {"file": file})
        assert time.monotonic() - began < AT_ONCE_S, f"{path.name!r} was not answered in time"
        assert response.status_code < 500, f"{path.name!r}: {response.content[:300]!r}"
        answer: dict[str, Any] = response.json()
        return response.status_code, answer

    def settle(self) -> None:
        """Wait until nothing waits for preparation any more."""
        until(lambda: not Recording.objects.exclude(state__in=SETTLED).exists())


def recording_of(answer: dict[str, Any]) -> Recording | None:
    """Return what a file became: its recording, or the one that had the same bytes already."""
    for made in answer.get("recordings", []):
        return Recording.objects.get(pk=made["id"])
    for known in answer.get("duplicates", []):
        return Recording.objects.get(pk=known["recording"])
    return None


def test_everything_that_decodes_is_accepted_with_its_duration(
    committed_db: None, media_root: Path, corpus: Path, worker_process: Start
) -> None:
    drop = Drop()
    wanted = [r for r in rows(corpus / "zoo") if r["ffmpeg_decodes"] == "yes"]
    sent = {r["file"]: drop.send(corpus / "zoo" / r["file"])[1] for r in wanted}
    worker_process("audio,control")
    drop.settle()
    wrong = []
    for row in wanted:
        recording = recording_of(sent[row["file"]])
        took = recording.duration_ms if recording else None
        if took is None or abs(took - 1000 * float(row["decoded_s"])) > 60:
            wrong.append((row["file"], recording and recording.cause, took, row["decoded_s"]))
    assert wanted
    assert wrong == []
    assert Segment.objects.filter(recording__state=RecordingState.READY).exists()


def test_hostile_files_end_as_a_sane_platform_ends_them(
    committed_db: None, media_root: Path, corpus: Path, worker_process: Start
) -> None:
    drop = Drop()
    worker = worker_process("audio,control")
    outside = set(corpus.parent.iterdir())
    sent = {}
    for row in rows(corpus / "hostile"):
        path = corpus / "hostile" / json.loads(row["file_json"])
        if path.parent.name in ("media", "playlists", "names") and path.suffix != ".json":
            sent[row["file"]] = (row, drop.send(path))
    drop.settle()
    assert worker.alive, "a hostile file must not cost a worker"

    wrong = []
    for name, (row, (status, answer)) in sent.items():
        recording = recording_of(answer)
        accepted = recording is not None and recording.state == RecordingState.READY
        said = answer["error"]["message"] if status >= 400 else recording.cause if recording else ""
        if row["expected"] in ("accept", "sanitize") and not accepted:
            wrong.append((name, row["expected"], said))
        if row["expected"] == "reject" and accepted:
            wrong.append((name, row["expected"], "accepted"))
        if not accepted and not said:
            wrong.append((name, row["expected"], "refused without a word"))
    assert len(sent) > 90
    assert wrong == []
    assert outside == set(corpus.parent.iterdir())

    # The worker goes on as if nothing had been.
    good = recording_of(drop.send(corpus / "speech" / "jfk.wav")[1])
    drop.settle()
    assert good is not None
    good.refresh_from_db()
    assert (good.state, good.duration_ms) == (RecordingState.READY, 11_000)
