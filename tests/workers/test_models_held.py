"""Engines of a process: loaded ahead, tested, shared, unloaded when idle; one that has grown starts anew."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from annotation import presence
from annotation.conf import conf
from annotation.models import Project
from annotation.services.models import models_in_use
from annotation.states import Pass
from config import health
from tests import services
from tests.factories import make_project, make_recording
from tests.waiting import PATIENCE_S, until
from transcription.errors import EngineError, ModelUnavailable
from workers import memory, process, shutdown, upkeep
from workers.engines import TESTS, Engines, engines, notes
from workers.shunned import shunned


@pytest.fixture(autouse=True)
def a_worker_of_its_own(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test a models directory of its own, and a process that holds and shuns nothing."""
    settings.EARMARK = dataclasses.replace(settings.EARMARK, models_dir=tmp_path, threads=1)
    monkeypatch.setattr(presence, "count", lambda amounts: None)
    monkeypatch.setattr(process.me, "trouble", "")
    yield
    engines.drop()
    shunned.clear()
    shutdown.forget()


def copy(tmp_path: Path, name: str = "mine") -> Path:
    """Return a copy of a demo model in the models directory, without hashes in its card."""
    path = tmp_path / name
    shutil.copytree(conf().bundled_models_dir / "demo-draft", path)
    card = json.loads((path / "card.json").read_text())
    del card["sha256"]
    (path / "card.json").write_text(json.dumps(card))
    return path


def scramble(path: Path) -> None:
    """Fill the weights of a model with noise and leave its structure as it is."""
    data = bytearray((path / "model.bin").read_bytes())
    noise = np.random.default_rng(1).integers(0, 256, len(data) // 2, dtype=np.uint8).tobytes()
    begin = len(data) // 4
    data[begin : begin + len(noise)] = noise
    (path / "model.bin").write_bytes(data)


def test_a_sound_model_passes_its_test_and_says_so() -> None:
    held = Engines()
    assert held.get("demo-draft").info.name == "demo-draft"
    (noted,) = notes().section(TESTS).values()
    assert noted["passed"] is True
    assert "passed in" in noted["said"]
    assert held.failed == {}


def test_a_model_whose_weights_are_noise_is_refused_and_the_cause_is_told(tmp_path: Path) -> None:
    scramble(copy(tmp_path))
    held = Engines()
    with pytest.raises(EngineError) as caught:
        held.get("mine")
    assert caught.value.code in ("self_test_failed", "device_unavailable", "decode_failed")
    assert not held.names
    assert "mine" in held.failed


def test_a_model_that_writes_something_else_is_refused(tmp_path: Path) -> None:
    path = copy(tmp_path)
    card = json.loads((path / "card.json").read_text())
    card["self_test"]["text"] = "Seventeen penguins dance on a frozen lake at midnight."
    (path / "card.json").write_text(json.dumps(card))
    held = Engines()
    with pytest.raises(EngineError, match="instead of") as caught:
        held.get("mine")
    assert caught.value.code == "self_test_failed"
    (noted,) = notes().section(TESTS).values()
    assert noted["passed"] is False


def test_a_silent_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transcription.engines.whisper import WhisperEngine

    decode = WhisperEngine.decode

    def mute(self: WhisperEngine, batch: Any, options: Any) -> Any:
        return [dataclasses.replace(heard, text="") for heard in decode(self, batch, options)]

    monkeypatch.setattr(WhisperEngine, "decode", mute)
    with pytest.raises(EngineError, match="heard nothing") as caught:
        Engines().get("demo-draft")
    assert caught.value.code == "self_test_failed"


def test_a_card_may_opt_out(tmp_path: Path) -> None:
    path = copy(tmp_path)
    card = json.loads((path / "card.json").read_text())
    (path / "card.json").write_text(json.dumps({**card, "self_test": None}))
    assert Engines().get("mine").info.name == "mine"
    assert notes().section(TESTS) == {}


def test_a_damaged_clip_is_told_and_not_taken_for_a_damaged_model(tmp_path: Path) -> None:
    path = copy(tmp_path)
    (path / "self-test.wav").write_bytes(b"RIFF")
    with pytest.raises(EngineError, match=r"self-test\.wav can't be read"):
        Engines().get("mine")


@pytest.mark.django_db
def test_models_of_the_projects_are_loaded_ahead_in_the_order_of_their_use() -> None:
    make_recording(make_project("new", draft_model="demo-refine", refine_model="large"))
    Project.objects.update(archived_at=None)
    assert models_in_use([Pass.DRAFT]) == ["demo-refine"]
    assert models_in_use([Pass.DRAFT, Pass.REFINE]) == ["demo-refine", "large-v3"]
    make_recording(make_project("newer", draft_model="demo-draft", refine_model=None))
    assert models_in_use([Pass.DRAFT]) == ["demo-draft", "demo-refine"]
    assert models_in_use([Pass.REFINE]) == ["large-v3"]
    Project.objects.filter(name="newer").update(archived_at="2026-01-01T00:00Z")
    assert models_in_use([Pass.DRAFT]) == ["demo-refine"]


class Worker:
    """What upkeep knows of a process."""

    def __init__(self, *queues: str) -> None:
        self.queues = queues
        self.doing = self.trouble = ""
        self.born = time.monotonic() - 1000
        self.forks = False


def test_a_worker_loads_ahead_what_its_queues_want_and_downloads_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was downloaded")

    monkeypatch.setattr("transcription.hub.download", refuse)
    wanted = {Pass.DRAFT: "demo-draft", Pass.REFINE: "demo-refine"}
    monkeypatch.setattr(
        upkeep, "models_in_use", lambda passes: ["large-v3", *(wanted[name] for name in passes)]
    )
    assert upkeep.load_ahead(Worker("audio", "control")) is None
    loader = upkeep.load_ahead(Worker("draft"))
    assert loader is not None
    loader.join(PATIENCE_S)
    assert engines.names == ("demo-draft",)
    loader = upkeep.load_ahead(Worker("draft", "refine"))
    assert loader is not None
    loader.join(PATIENCE_S)
    assert set(engines.names) == {"demo-draft", "demo-refine"}
    assert engines.get("demo-draft") is engines.get("demo-draft")


def test_a_model_that_is_refused_at_the_start_is_left_to_other_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy(tmp_path)
    card = json.loads((path / "card.json").read_text())
    card["self_test"]["text"] = "Seventeen penguins dance on a frozen lake at midnight."
    (path / "card.json").write_text(json.dumps(card))
    monkeypatch.setattr(upkeep, "models_in_use", lambda passes: ["mine"])
    worker = Worker("draft")
    loader = upkeep.load_ahead(worker)
    assert loader is not None
    loader.join(PATIENCE_S)
    assert shunned.names == ("mine",)
    assert "instead of" in worker.trouble
    assert process.me.describe().refused == ("mine",)


def test_the_first_model_loaded_ahead_is_the_last_to_go(tmp_path: Path) -> None:
    copy(tmp_path)
    held = Engines(max_held=2)
    assert held.preload("demo-draft")
    assert held.preload("demo-refine")
    assert not held.preload("mine")
    held.get("mine")
    assert set(held.names) == {"demo-draft", "mine"}


def test_a_model_without_room_is_loaded_only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Engines()
    monkeypatch.setattr(memory, "spare", lambda: 1000)
    assert not held.preload("demo-draft")
    assert not held.names
    held.get("demo-draft")
    held.get("demo-refine")
    assert held.names == ("demo-refine",), "the other one makes room where memory is short"


def test_what_nobody_uses_is_unloaded_but_never_while_the_process_is_at_work() -> None:
    held = Engines()
    engine = held.get("demo-draft")
    assert not held.unload_idle(0.0, busy=True)
    assert not held.unload_idle(60.0, busy=False)
    assert held.unload_idle(0.0, busy=False) == ("demo-draft",)
    assert not held.names
    assert engine.info.name == "demo-draft"  # whoever holds it may end what it does
    assert held.get("demo-draft") is not engine


def test_a_process_that_has_grown_ends_itself_between_two_steps(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr("os.kill", lambda pid, number: sent.append(number))
    settings.EARMARK = dataclasses.replace(settings.EARMARK, worker_memory_mb=1)
    young = Worker("draft")
    young.born = time.monotonic()
    upkeep.look_after(young)
    forked = Worker("draft")
    forked.forks = True
    upkeep.look_after(forked)
    assert not sent
    upkeep.look_after(Worker("draft"))
    assert sent == [signal.SIGTERM]
    assert shutdown.asked()
    shutdown.forget()
    settings.EARMARK = dataclasses.replace(settings.EARMARK, worker_memory_mb=100_000)
    upkeep.look_after(Worker("draft"))
    assert not shutdown.asked()


def test_a_second_name_of_a_model_is_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(name: str, **_: object) -> None:
        asked.append(name)
        raise ModelUnavailable("model_missing", "It is not here.")

    monkeypatch.setattr("transcription.catalog.resolve", resolve)
    held = Engines()
    for name in ("turbo", "large-v3-turbo"):
        with pytest.raises(ModelUnavailable):
            held.get(name)
    assert asked == ["large-v3-turbo"]


def test_models_of_ctranslate2_keep_no_memory_once_dropped() -> None:
    """The dropped engine's weights go: what the idle rule and the memory bound stand on."""
    files = conf().bundled_models_dir / "demo-draft"
    model = ctranslate2.models.Whisper(str(files), device="cpu")
    assert model.model_is_loaded
    held = Engines()
    held.get("demo-draft")
    held.drop("demo-draft")
    assert not held.names
    assert held.device == ""


def test_a_real_worker_holds_its_model_before_the_first_request_and_tells_what_it_refuses(
    committed_db: None, worker_process: Callable[..., services.Running], tmp_path: Path
) -> None:
    path = copy(tmp_path)
    card = json.loads((path / "card.json").read_text())
    card["self_test"]["text"] = "Seventeen penguins dance on a frozen lake at midnight."
    (path / "card.json").write_text(json.dumps(card))
    make_recording(make_project("sound", draft_model="demo-draft", refine_model=None))
    make_recording(make_project("broken", draft_model="mine", refine_model=None))

    worker = worker_process("draft", EARMARK_MODELS_DIR=str(tmp_path), EARMARK_INFERENCE_THREADS="1")

    def note() -> presence.Worker | None:
        return next((seen for seen in presence.alive() or () if seen.pid == worker.pid), None)

    def told() -> bool:
        seen = note()
        return seen is not None and seen.models == ("demo-draft",) and seen.refused == ("mine",)

    until(told, worker.output)
    seen = note()
    assert seen is not None
    assert "instead of" in seen.trouble
    assert seen.memory_mb > 50
    figures = generate_latest(registry())
    assert b'model="demo-draft",state="held"' in figures
    assert b'model="mine",state="refused"' in figures
    assert worker.stop() == 0


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(health.Site())
    return made
