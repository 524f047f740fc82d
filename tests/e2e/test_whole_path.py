"""The main job over HTTP, with every real part: upload, prepare, decode, page, edit, lock, export."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import services
from tests.factories import make_user
from tests.personas import PASSWORD
from tests.waiting import PATIENCE_S
from transcription.formats.cells import unescape

DEMO = services.ROOT / "demo" / "short-call.ogg"


def finished(client: httpx.Client, job: str) -> dict[str, Any]:
    """Wait for a job's end by asking for it, as a script would."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer: dict[str, Any] = client.get(f"/api/jobs/{job}/").json()
        if answer["state"] not in ("pending", "running"):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)


def walk(site: str, source: Path, duration_ms: int) -> list[dict[str, str]]:
    """Take one file from upload to export; return the exported rows."""
    make_user("owner", password=PASSWORD, is_superuser=True)
    with httpx.Client(base_url=site, timeout=PATIENCE_S) as client:
        answer = client.post("/api/auth/token/", json={"username": "owner", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        models = {"draft_model": "demo-draft", "refine_model": "demo-refine"}
        project = client.post("/api/projects/", json={"name": "Path", "language": "en", **models}).json()[
            "id"
        ]
        with source.open("rb") as file:
            made = client.post(f"/api/projects/{project}/recordings/", files={"file": (source.name, file)})
        assert made.status_code == 201, made.text
        recording = made.json()["recordings"][0]
        assert finished(client, recording["job"]["id"])["state"] == "completed"

        assert client.get(f"/api/recordings/{recording['id']}/").json()["duration_ms"] == duration_ms
        audio = client.get(f"/api/recordings/{recording['id']}/audio", headers={"Range": "bytes=0-43"})
        assert (audio.status_code, audio.content[:4]) == (206, b"RIFF")
        segments = client.get("/api/segments/", params={"recording": recording["id"]}).json()["results"]
        first = segments[0]
        assert {h["pass"] for h in first["hypotheses"]} == {"draft", "refine"}

        path = f"/api/segments/{first['id']}/"
        lease = client.post(f"{path}lease/").json()["token"]
        save = {"text": "=corrected, by “hand”", "base_revision": first["revision"], "lease": lease}
        assert client.patch(path, json=save).json()["state"] == "corrected"
        assert client.patch(path, json=save).json()["error"]["code"] == "stale_revision"
        assert client.post(f"{path}lock/").json()["locked"] is True
        refused = client.patch(path, json={**save, "base_revision": first["revision"] + 1})
        assert (refused.status_code, refused.json()["error"]["code"]) == (423, "locked")
        history = client.get(f"{path}history/").json()
        assert "owner" in str(history)

        exported = client.get(f"/api/recordings/{recording['id']}/export/", params={"format": "csv"})
        rows = list(csv.DictReader(io.StringIO(exported.content.decode("utf-8-sig"))))
        assert len(rows) == len(segments)
        assert rows[0]["correct_transcripts"].startswith("'="), "a spreadsheet must not run it"
        assert unescape(rows[0]["correct_transcripts"]) == save["text"]
        assert (rows[0]["locked"], rows[0]["annotator"], rows[0]["status"]) == ("true", "owner", "corrected")

    with httpx.Client(base_url=site, timeout=PATIENCE_S, follow_redirects=True) as browser:
        token = browser.get("/login/").cookies["csrftoken"]
        form = {"username": "owner", "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert browser.post("/login/", data=form, headers={"Referer": f"{site}/login/"}).status_code == 200
        page = browser.get(f"/recordings/{recording['id']}/")
        assert page.status_code == 200
        assert "corrected, by" in page.text
    return rows


Start = Callable[..., services.Running]


def test_a_recording_of_the_repository(committed_db: None, site: str, worker_process: Start) -> None:
    worker_process("audio,draft,refine,control", pool="solo")
    rows = walk(site, DEMO, 33_852)
    assert any("metres of cable" in row["asr_text"] for row in rows)


@pytest.mark.corpus
def test_a_recording_of_a_human_voice(
    committed_db: None, corpus: Path, site: str, worker_process: Start
) -> None:
    worker_process("audio,draft,refine,control", pool="solo")
    assert walk(site, corpus / "speech" / "jfk.wav", 11_000)
