"""500 MB over a bad line: the same bytes arrive, once, and the process hardly grows either way."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from annotation import storage
from annotation.conf import MIB
from annotation.models import Recording
from tests.annotation.api.online import session, token_of
from tests.annotation.api.test_online_bodies import head, line, resident
from tests.personas import Cast, make_cast
from tests.waiting import PATIENCE_S, until

SIZE = int(os.environ.get("BIG_FILE_MIB", "500")) * MIB
CHUNK = 8 * MIB
GROWTH = 60 * MIB
SEED = 20

pytestmark = pytest.mark.slow


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Make a file of SIZE bytes that no two blocks of are alike; return it with its SHA-256."""
    path = tmp_path_factory.mktemp("big") / "big.wav"
    digest = hashlib.sha256()
    rng = random.Random(SEED)
    with path.open("wb") as file:
        for _ in range(SIZE // MIB):
            block = rng.randbytes(MIB)
            digest.update(block)
            file.write(block)
    return path, digest.hexdigest()


class Line:
    """A client of tus that is cut off, and a site that is killed, at random points."""

    def __init__(self, start: Callable[..., Any], people: Cast, file: Path) -> None:
        self.start, self.people, self.file = start, people, file
        self.site, self.process = start()
        self.token = token_of(people.manager)
        self.rng = random.Random(SEED)
        self.breaks = self.kills = 0
        self.most = 0
        self._warm_up()

    def _warm_up(self) -> None:
        with self.client() as client:
            client.get("/api/recordings/")
        self.base = resident(self.process.pid)

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.token}", "Tus-Resumable": "1.0.0"}
        return httpx.Client(base_url=self.site, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def begin(self) -> str:
        with self.client() as client:
            made = client.post(
                f"/api/projects/{self.people.project.pk}/uploads/",
                headers={"Upload-Length": str(SIZE), "Upload-Metadata": "filename YmlnLndhdg=="},
            )
        assert made.status_code == 201, made.text
        return urlsplit(made.headers["Location"]).path

    def offset(self, path: str) -> int:
        with self.client() as client:
            answer = client.head(path)
        assert answer.status_code == 200
        return int(answer.headers["Upload-Offset"])

    def patch(self, path: str, offset: int, data: bytes) -> httpx.Response:
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with self.client() as client:
                answer = client.patch(path, content=data, headers=headers)
            # The broken request may still be writing.
            if answer.status_code != 423 or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)

    def break_off(self, path: str, offset: int, data: bytes, *, kill: bool) -> None:
        """Send part of a chunk, then cut the line, or kill the site."""
        part = data[: self.rng.randrange(len(data))]
        self.watch()  # the dead have no memory to look at
        with contextlib.suppress(OSError), line(self.site) as opened:
            opened.sendall(
                head(
                    self.site,
                    "PATCH",
                    path,
                    self.token,
                    Tus_Resumable="1.0.0",
                    Upload_Offset=str(offset),
                    Content_Type="application/offset+octet-stream",
                    Content_Length=str(len(data)),
                )
            )
            opened.sendall(part)
            if kill:
                time.sleep(self.rng.random() * 0.05)
                self.process.kill()
            else:
                opened.shutdown(socket.SHUT_RDWR)
        if kill:
            self.kills += 1
            self.site, self.process = self.start()
            self._warm_up()
        else:
            self.breaks += 1

    def watch(self) -> None:
        """Note how much the process has grown."""
        self.most = max(self.most, resident(self.process.pid) - self.base)


def test_an_upload_broken_off_again_and_again_arrives_whole(
    people: Cast, site_process: Callable[..., Any], big: tuple[Path, str]
) -> None:
    file, sha256 = big
    broken = Line(site_process, people, file)
    path = broken.begin()
    kills_at = {SIZE * n // 5 // CHUNK for n in range(1, 5)}
    with file.open("rb") as data:
        number = 0
        while (offset := broken.offset(path)) < SIZE:
            data.seek(offset)
            chunk = data.read(CHUNK)
            index = offset // CHUNK
            if index in kills_at:
                kills_at.discard(index)
                broken.break_off(path, offset, chunk, kill=True)
                continue
            if number % 3 == 1:
                broken.break_off(path, offset, chunk, kill=False)
                number += 1
                time.sleep(0.05)
                continue
            answer = broken.patch(path, offset, chunk)
            if answer.status_code == 409:
                assert answer.json()["error"]["code"] == "wrong_offset"
                continue
            assert answer.status_code == 204, answer.text
            number += 1
            broken.watch()
    assert answer.headers["Earmark-Duplicate"] == "false"
    recording = Recording.objects.get(pk=int(answer.headers["Earmark-Recording"]))
    assert (recording.size_bytes, recording.sha256) == (SIZE, sha256)
    stored = hashlib.sha256()
    with storage.original_path(recording.pk).open("rb") as kept:
        while block := kept.read(MIB):
            stored.update(block)
    assert stored.hexdigest() == sha256
    assert Recording.objects.count() == 1
    assert (broken.kills, broken.breaks > SIZE // CHUNK // 4) == (4, True)
    assert broken.most < GROWTH, f"grew by {broken.most / MIB:.0f} MiB"


def test_streaming_it_back_costs_no_memory(
    people: Cast, site_process: Callable[..., Any], big: tuple[Path, str], tmp_path: Path
) -> None:
    file, sha256 = big
    site, process = site_process()
    recording = Recording.objects.create(
        project=people.project,
        name="big.wav",
        sha256=sha256,
        size_bytes=SIZE,
        state="ready",
        duration_ms=1000,
    )
    folder = storage.recording_dir(recording.pk)
    folder.mkdir(parents=True)
    os.link(file, storage.wav_path(recording.pk))
    with session(site, people.annotator) as client:
        path = f"/api/recordings/{recording.pk}/audio"
        client.get(path, headers={"Range": "bytes=0-99"})
        base, most = resident(process.pid), 0
        digest = hashlib.sha256()
        with client.stream("GET", path) as answer:
            for number, part in enumerate(answer.iter_bytes(MIB)):
                digest.update(part)
                if number % 25 == 0:
                    most = max(most, resident(process.pid) - base)
        assert digest.hexdigest() == sha256
        for start, end in ((0, SIZE - 1), (SIZE // 3, SIZE // 2), (SIZE - 5 * MIB, SIZE - 1)):
            with client.stream("GET", path, headers={"Range": f"bytes={start}-{end}"}) as answer:
                assert answer.status_code == 206
                assert sum(len(part) for part in answer.iter_bytes(MIB)) == end - start + 1
            most = max(most, resident(process.pid) - base)
        for _ in range(20):  # a player that seeks leaves most of what it asked for
            with client.stream("GET", path) as answer:
                next(answer.iter_bytes(1000))
        until(lambda: _open_media(process.pid, recording.pk) == 0, "what nobody reads is still open")
    assert most < GROWTH, f"grew by {most / MIB:.0f} MiB"


def _open_media(pid: int, recording_id: int) -> int:
    """Count the descriptors a process holds on a recording's files."""
    folder = str(storage.recording_dir(recording_id))
    held = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            held += str(entry.readlink()).startswith(folder)
    return held
