"""The parts of a worker, each by itself."""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from annotation import doorbell, presence
from annotation.services.decodings import Fit
from annotation.services.turns import Head
from annotation.states import Pass, Priority
from tests import services
from tests.waiting import PATIENCE_S, until
from transcription.errors import ModelUnavailable
from workers import database, shutdown
from workers.engines import Engines
from workers.keeper import Keeper
from workers.pace import Company, Pace, step_s
from workers.queues import ROUTES
from workers.schedule import beat_schedule


@pytest.fixture
def fake_engines(settings: Any) -> Iterator[Engines]:
    """Return an empty holder whose engines are the fake one."""
    settings.EARMARK = dataclasses.replace(settings.EARMARK, engine="fake", fake_engine={})
    yield Engines(max_held=2)


@pytest.fixture(autouse=True)
def nobody_asked() -> Iterator[None]:
    """Leave no request to stop behind."""
    yield
    shutdown.forget()


def test_every_bell_rings_in_the_queue_its_worker_listens_to() -> None:
    assert {task: {"queue": bell} for bell, task in doorbell.TASKS.items()}.items() <= ROUTES.items()


def test_scheduled_messages_expire_before_they_pile_up() -> None:
    for entry in beat_schedule(15).values():
        assert entry["options"]["expires"] <= 2 * entry["schedule"]
        assert ROUTES[entry["task"]] == {"queue": entry["options"]["queue"]}


def test_two_models_are_held_and_the_least_used_one_goes(fake_engines: Engines) -> None:
    first = fake_engines.get("a")
    fake_engines.get("b")
    assert fake_engines.get("a") is first
    fake_engines.get("c")
    assert fake_engines.names == ("a", "c")
    assert fake_engines.get("a") is first


def test_a_model_that_is_nowhere_is_not_looked_for_again_at_once(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def resolve(name: str, **kwargs: Any) -> Any:
        asked.append(name)
        raise ModelUnavailable("hub_unreachable", "no network", "copy it")

    monkeypatch.setattr("workers.engines.catalog.resolve", resolve)
    held = Engines()
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="copy it"):
            held.get("large-v3")
    assert asked == ["large-v3"]


def test_a_step_is_one_window_until_the_pace_is_known_and_then_as_long_as_it_may_be() -> None:
    pace = Pace()
    assert pace.fit(0.4, 8) == Fit(1)
    pace.learn(10_000, 0.5, 1)
    assert pace.fit(0.4, 8) == Fit(2, 8_000)
    pace.learn(16_000, 1.2, 2)  # half of the old, half of the new
    assert pace.fit(0.5, 8) == Fit(4, 8_000)
    pace.learn(10_000, 100.0, 4)
    assert pace.fit(0.4, 8).windows >= 1
    assert step_s((Pass.DRAFT, Pass.REFINE), gpu=False, hurry=True) == 0.4
    assert step_s((Pass.DRAFT, Pass.REFINE), gpu=False, hurry=False) == 1.0
    assert step_s((Pass.REFINE,), gpu=False, hurry=True) == 1.0
    assert step_s((Pass.DRAFT,), gpu=True, hurry=True) == 0.5


def test_steps_are_short_while_a_person_may_come_and_long_while_nobody_is_there() -> None:
    now, here = 1000.0, False
    company = Company(ask=lambda: here, clock=lambda: now)

    def head(haste: Priority) -> Head:
        return Head(1, Pass.DRAFT, haste, "model", "digest", suspect=False)

    def hurried() -> bool:
        return company.may_come

    company.saw([head(Priority.BULK)])
    assert not hurried()
    here, now = True, now + 2
    assert hurried()
    here, now = False, now + 2
    assert not hurried()

    company.saw([head(Priority.PERSON), head(Priority.BULK)])
    now += 59
    assert hurried()
    now += 2
    assert not hurried()

    for _ in range(8):  # an upload: its beginning in short steps, the rest in long ones
        company.saw([head(Priority.FRESH)])
        last = hurried()
        now += 1
    assert not last
    now += 10
    company.saw([head(Priority.FRESH)])
    assert hurried()


def test_a_device_that_ran_out_of_memory_gets_less_at_once_from_then_on() -> None:
    pace = Pace()
    pace.learn(10_000, 0.01, 8)
    assert pace.fit(0.4, 8).windows == 8
    pace.shrink(8)
    assert pace.fit(0.4, 8).windows == 4
    pace.learn(10_000, 0.01, 4)
    assert pace.fit(0.4, 8).windows == 4
    pace.shrink(1)
    assert pace.fit(0.4, 8).windows == 1


def test_a_lost_connection_is_waited_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    refusals = [OperationalError("starting up"), OperationalError("server closed the connection\nmore")]

    def call() -> int:
        if refusals:
            raise refusals.pop()
        return 7

    with caplog.at_level(logging.WARNING):
        assert database.patiently(call) == 7
    assert "server closed the connection" in caplog.text


def test_waiting_for_postgresql_ends_with_the_patience_and_with_a_stop() -> None:
    def never() -> None:
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        database.patiently(never, patience_s=0.2)
    shutdown.ask()
    began = time.monotonic()
    with pytest.raises(OperationalError):
        database.patiently(never)
    assert time.monotonic() - began < database.PATIENCE_S / 2


def test_a_keeper_renews_and_learns_that_the_claim_is_gone(settings: Any) -> None:
    settings.EARMARK = dataclasses.replace(settings.EARMARK, claim_s=3)
    calls = []

    def renew() -> bool:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise OperationalError("restarting")  # no reason to believe that the claim is gone
        return len(calls) < 3

    with Keeper(renew=renew, give_up=lambda s: None, hand_back=lambda: None) as keeper:
        until(lambda: keeper.lost)
    assert len(calls) == 3


ENDED = """
import django, sys, time
django.setup()
from workers import shutdown
from workers.keeper import Keeper
from workers.pace import Company, Pace, step_s
shutdown.GRACE_S = 0.3
keeper = Keeper(
    renew=lambda: True,
    give_up=lambda sentence: print("gave up:", sentence, flush=True),
    hand_back=lambda: print("handed back", flush=True),
)
with keeper:
    if sys.argv[1] == "hang":
        with keeper.watching(0.5):
            time.sleep(30)
    else:
        shutdown.ask()
        time.sleep(30)
"""


@pytest.mark.parametrize(
    ("case", "said"), [("hang", "gave up: It gave no sign of life"), ("stop", "handed back")]
)
def test_work_that_does_not_end_is_ended_and_its_claim_let_go(case: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDED, case],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=services.environment(),
        cwd=services.ROOT,
        check=False,
    )
    assert done.returncode == -9
    assert said in done.stdout


def test_no_worker_is_known_without_redis_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    nowhere = redis.Redis.from_url("unix:///nonexistent/redis.sock", decode_responses=True)
    monkeypatch.setattr(presence, "client", lambda: nowhere)
    worker = presence.Worker(name="draft@host", host="host", pid=os.getpid(), queues=("draft",))
    assert presence.announce(worker) is False
    assert presence.alive() is None
    assert presence.counters() == {}
    presence.count({"windows_done": 1})


def test_the_parent_of_the_workers_loads_no_model_library() -> None:
    code = (
        "import sys, django; django.setup(); import workers.tasks;"
        "print([m for m in ('ctranslate2', 'faster_whisper', 'numpy', 'torch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=services.environment(),
        cwd=services.ROOT,
        check=True,
    )
    assert done.stdout.strip() == "[]"
