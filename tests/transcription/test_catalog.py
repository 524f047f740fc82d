"""Names become checked files: no network for what is here, one download for what is not, plain words else."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.transcription import media
from tests.waiting import PATIENCE_S
from transcription.catalog import find, known_names, read_card, resolve
from transcription.errors import ModelUnavailable

BUNDLED = media.ROOT / "models"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make any use of the network fail the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


def _copy(target: Path, name: str = "demo-draft") -> Path:
    shutil.copytree(BUNDLED / name, target)
    return target


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["demo-draft", "demo-refine"])
def test_bundled_models_resolve_without_network(name: str, tmp_path: Path) -> None:
    files = resolve(name, models_dir=tmp_path / "models", bundled_dir=BUNDLED)
    assert files.path == BUNDLED / name
    assert files.sha256 == hashlib.sha256((files.path / "model.bin").read_bytes()).hexdigest()
    assert files.card.languages == ("en",)
    assert not files.card.multilingual
    assert files.card.context == "fit"
    assert files.card.window_ms == 8_000
    assert files.card.pause_ms == 250
    assert files.card.cannot
    assert name in known_names(BUNDLED)


@pytest.mark.usefixtures("no_network")
def test_a_directory_of_ones_own(tmp_path: Path) -> None:
    path = _copy(tmp_path / "mine")
    (path / "card.json").unlink()
    files = resolve(str(path), models_dir=tmp_path)
    assert files.card.window_ms == 30_000
    assert files.card.context == "full"
    assert not files.card.multilingual
    # A name is looked up in the models directory before any network.
    assert resolve("mine", models_dir=tmp_path).path == path
    _copy(tmp_path / "tiny")
    assert resolve("tiny", models_dir=tmp_path).path == tmp_path / "tiny"
    _copy(tmp_path / "some--thing")
    assert resolve("some/thing", models_dir=tmp_path).path == tmp_path / "some--thing"
    _copy(tmp_path / "large-v3-turbo")
    assert resolve("turbo", models_dir=tmp_path).path == tmp_path / "large-v3-turbo"


def _code(name: str, models_dir: Path, **options: Any) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        resolve(name, models_dir=models_dir, **options)
    assert caught.value.how_to
    return str(caught.value.code)


@pytest.mark.usefixtures("no_network")
def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    assert _code("no-such-model", tmp_path) == "unknown_model"
    assert _code("../etc", tmp_path) == "model_missing"
    assert _code("a b", tmp_path) == "unknown_model"
    assert _code("a/b/c", tmp_path) == "unknown_model"
    assert _code("/nowhere/at/all", tmp_path) == "model_missing"
    assert _code("tiny", tmp_path, allow_download=False) == "model_missing"
    (tmp_path / "empty").mkdir()
    assert _code(str(tmp_path / "empty"), tmp_path) == "incomplete_model"
    torch = _copy(tmp_path / "torch")
    (torch / "model.bin").write_bytes(b"PK\x03\x04" + bytes(100))
    assert _code(str(torch), tmp_path) == "not_ctranslate2"
    other = _copy(tmp_path / "other")
    (other / "model.bin").write_bytes(struct.pack("<IH", 6, 16) + b"TransformerSpec\0" + bytes(100))
    assert _code(str(other), tmp_path) == "not_ctranslate2"


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json", "config.json", "vocabulary.json"])
def test_an_altered_file_is_refused(name: str, tmp_path: Path) -> None:
    path = _copy(tmp_path / "m")
    data = bytearray((path / name).read_bytes())
    data[-10] ^= 1
    (path / name).write_bytes(data)
    with pytest.raises(ModelUnavailable) as caught:
        resolve(str(path), models_dir=tmp_path)
    assert caught.value.code == "hash_mismatch"
    assert name in caught.value.message


@pytest.mark.parametrize("card", ["[]", "{", '{"context": "half"}', '{"window_ms": "x"}', '{"languages": 5}'])
def test_a_broken_card_is_told(card: str, tmp_path: Path) -> None:
    path = _copy(tmp_path / "m")
    (path / "card.json").write_text(card)
    with pytest.raises(ModelUnavailable, match=r"card\.json"):
        read_card(path)


def test_a_card_can_not_point_outside(tmp_path: Path) -> None:
    path = _copy(tmp_path / "m")
    (path / "card.json").write_text(json.dumps({"sha256": {"../../etc/passwd": "0" * 64}}))
    assert _code(str(path), tmp_path) == "incomplete_model"


class Hub:
    """Serves one repository as the hub does: the list of files, then each file, counting requests."""

    def __init__(self, folder: Path, repository: str) -> None:
        self.folder, self.repository = folder, repository
        self.requests: list[str] = []
        self.ranges: list[int] = []
        self.damage = False
        self.gone = False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, *, body: bool) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                path = self.path.split("?")[0]
                if hub.gone or repository not in path:
                    self.send_response(404)
                    self.send_header("X-Error-Code", "RepoNotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                if path.startswith("/api/"):
                    data = json.dumps(hub.description()).encode()
                    kind = "application/json"
                else:
                    file = folder / path.rsplit("/", 1)[1]
                    data = file.read_bytes()
                    if hub.damage and file.name == "model.bin":
                        data = data[:-1] + bytes([data[-1] ^ 1])
                    kind = "application/octet-stream"
                etag = hashlib.sha256(data).hexdigest()
                asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
                if asked and body:
                    start = int(asked[1])
                    hub.ranges.append(start)
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                    data = data[start:]
                else:
                    self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("X-Repo-Commit", "c" * 40)
                self.send_header("ETag", f'"{etag}"')
                self.end_headers()
                if body:
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def description(self) -> dict[str, Any]:
        """Describe the repository as the hub's API does; only the large file has a hash."""
        siblings = []
        for file in sorted(self.folder.iterdir()):
            size = file.stat().st_size
            entry: dict[str, Any] = {"rfilename": file.name, "size": size, "blobId": "b" * 40}
            if file.name == "model.bin":
                entry["lfs"] = {"sha256": self.hash(file), "size": size, "pointerSize": 100}
            siblings.append(entry)
        return {
            "id": self.repository,
            "modelId": self.repository,
            "sha": "c" * 40,
            "private": False,
            "tags": [],
            "downloads": 0,
            "siblings": siblings,
        }

    @staticmethod
    def hash(file: Path) -> str:
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE_S)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = _copy(tmp_path / "served")
    (folder / "card.json").unlink()
    (folder / "malware.py").write_text("raise SystemExit")
    made = Hub(folder, "someone/whisper")
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "ENDPOINT", made.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", made.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", made.url)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    yield made
    made.close()


def test_a_hub_model_is_downloaded_once_whole_and_then_used_offline(hub: Hub, tmp_path: Path) -> None:
    models = tmp_path / "models"
    seen: list[tuple[int, int]] = []
    files = resolve(
        "someone/whisper", models_dir=models, on_progress=lambda done, total: seen.append((done, total))
    )
    assert files.path == models / "someone--whisper"
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 1_000_000
    assert not (files.path / "malware.py").exists()
    record = json.loads((files.path / "downloaded.json").read_text())
    assert record["repository"] == "someone/whisper"
    assert record["revision"] == "c" * 40
    assert record["sha256"]["model.bin"] == files.sha256
    assert [path.name for path in models.iterdir() if path.suffix == ".part"] == []
    asked = len(hub.requests)
    hub.gone = True
    assert resolve("someone/whisper", models_dir=models) == files
    assert len(hub.requests) == asked
    with (files.path / "model.bin").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    assert _code("someone/whisper", models) == "hash_mismatch"


def test_a_damaged_download_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.damage = True
    assert _code("someone/whisper", tmp_path / "models") == "hash_mismatch"
    assert find("someone/whisper", models_dir=tmp_path / "models") is None
    assert list((tmp_path / "models").glob(".*.part")) == []
    hub.damage = False
    assert resolve("someone/whisper", models_dir=tmp_path / "models").sha256


def test_several_processes_download_once(hub: Hub, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            resolve("someone/whisper", models_dir=tmp_path / "models")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (
        len([request for request in hub.requests if request.startswith("GET") and "model.bin" in request])
        == 1
    )


def test_a_name_the_hub_does_not_know(hub: Hub, tmp_path: Path) -> None:
    hub.gone = True
    assert _code("someone/whisper", tmp_path / "models") == "hub_refused"


def test_an_unreachable_hub_says_how_to_go_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnavailable) as caught:
        resolve("tiny", models_dir=tmp_path / "models")
    assert caught.value.code == "hub_unreachable"
    text = str(caught.value)
    for wanted in (
        "can't be reached", "Systran/faster-whisper-tiny", str(tmp_path / "models" / "tiny"), "model.bin",
        "config.json", "tokenizer.json", "vocabulary", "EARMARK_MODELS_DIR",
    ):  # fmt: skip
        assert wanted in text


def test_who_waits_for_the_download_of_another_process_gives_signs_of_life(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcription.hub._LOOK_AGAIN_S", 0.01)
    models = tmp_path / "models"
    models.mkdir()
    signs = threading.Semaphore(0)
    thread = threading.Thread(
        target=lambda: resolve("someone/whisper", models_dir=models, on_progress=lambda *_: signs.release())
    )
    with (models / ".someone--whisper.lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread.start()
        alive = [signs.acquire(timeout=PATIENCE_S) for _ in range(3)]
        assert hub.requests == []
    thread.join(PATIENCE_S)
    assert alive == [True] * 3
    assert find("someone/whisper", models_dir=models) is not None


class Killed(BaseException):
    """Ends a download as SIGKILL does: in the middle, with nobody to mind it."""


def test_a_download_that_was_cut_off_is_gone_on_with_and_leaves_nothing_else(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
    monkeypatch.setattr("huggingface_hub.file_download.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    models = tmp_path / "models"

    def die(done: int, total: int) -> None:
        if done > total // 2:
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            resolve("someone/whisper", models_dir=models, on_progress=die)
        assert [path.name for path in models.glob(".*.part")] == [".someone--whisper.part"]
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", "http://127.0.0.1:9")
    assert _code("someone/whisper", models) == "hub_unreachable"
    assert len(list(models.glob(".*.part"))) == 1
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.url)

    hub.ranges.clear()
    assert resolve("someone/whisper", models_dir=models).sha256
    assert hub.ranges, "the download began anew"
    assert list(models.glob(".*.part")) == []
