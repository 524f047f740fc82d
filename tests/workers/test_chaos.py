"""`kill -9` of workers, Redis and PostgreSQL in the middle of jobs, while people save: nothing is lost.

Seeded, bounded, and counted: each kill hits work that is in flight, and the tests fail when too few did.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from annotation import presence
from annotation.models import Decoding, Job, Recording, User
from annotation.states import JobState
from tests.waiting import until
from tests.workers.chaos import (
    AWAY,
    CHAOS,
    Editors,
    Fleet,
    kill_postgres,
    kill_redis,
    pid_of,
    wait_in_flight,
)
from tests.workers.support import (
    QUIET,
    all_over,
    assert_whole,
    make_team,
    standing,
    tones,
    upload,
)

pytestmark = [pytest.mark.slow, pytest.mark.faults]

KILLS = 20


def work(
    tmp_path: Path, seed: int, recordings: int = 3, tones_each: int = 30
) -> tuple[list[Recording], User]:
    """Upload recordings of tones for a project with two passes; return them and the project's manager."""
    project, manager = make_team()
    made = []
    for number in range(recordings):
        source = tmp_path / f"tones-{number}.wav"
        tones(source, [QUIET] * tones_each, seed=seed + number)
        made.append(upload(project, manager, source)[0])
    return made, manager


def settle() -> None:
    """Wait until every job is over, whatever PostgreSQL is doing."""

    def over() -> bool:
        try:
            return all_over()
        except AWAY:
            return False

    until(over, standing)


def check(recordings: list[Recording], editors: Editors) -> None:
    """Assert that the work is whole and that no promise to a person was broken."""
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.COMPLETED}, standing()
    editors.assert_nothing_lost()
    assert len(editors.acknowledged) >= 20
    for recording in recordings:
        segments = assert_whole(recording)
        assert len(segments) == 30
        for segment in segments:
            if not segment.revisions.filter(source="human").exists():
                assert (segment.state, segment.source) == ("refined", "refine")


def strike(kill: Callable[[], None], seed: int, pause: tuple[float, float]) -> int:
    """Kill `KILLS` times, each time while a window is being decoded; return how many hit work in flight."""
    chance = random.Random(seed)
    hits = 0
    for _ in range(KILLS):
        time.sleep(chance.uniform(*pause))
        while True:
            try:
                wait_in_flight()
                break
            except AWAY:
                time.sleep(0.05)
        kill()
        hits += 1
    return hits


def test_workers_are_killed(committed_db: None, redis_emptied: str, media_root: Path, tmp_path: Path) -> None:
    recordings, manager = work(tmp_path, seed=10)
    chance = random.Random(10)
    children = trees = 0
    with (
        Fleet(tmp_path, ("prefork", "solo"), **CHAOS) as fleet,
        Editors(manager, tuple(recordings), seed=10) as editors,
    ):

        def kill() -> None:
            nonlocal children, trees
            _, name = chance.choice(wait_in_flight())
            pid = pid_of(name)
            tree = fleet.tree_of(pid)
            if tree is None or (tree.pid != pid and chance.random() < 0.7):
                os.kill(pid, signal.SIGKILL)
                children += 1
            else:
                tree.kill()
                trees += 1

        hits = strike(kill, 10, (0.05, 0.4))
        settle()
    assert hits >= KILLS
    assert children >= 3
    assert trees >= 3
    # A kill in the middle of a batch shows as claims that somebody else took up.
    assert sum(d.claim - 1 for d in Decoding.objects.all()) >= KILLS
    check(recordings, editors)


def test_redis_is_killed_and_forgets_everything(
    committed_db: None, redis_emptied: str, media_root: Path, tmp_path: Path, embedded: Any
) -> None:
    recordings, manager = work(tmp_path, seed=20)
    slower = {**CHAOS, "EARMARK_FAKE_ENGINE": "seconds=0.2"}  # losing Redis costs so little time otherwise
    with (
        Fleet(tmp_path, ("prefork", "solo"), **slower) as fleet,
        Editors(manager, tuple(recordings), seed=20) as editors,
    ):
        client = redis.Redis.from_url(settings.EARMARK.redis_url)

        def kill() -> None:
            until(lambda: pings(client), "Redis does not answer")
            client.set("remember", "me")
            kill_redis(embedded)
            until(lambda: pings(client), "Redis does not answer")
            assert client.get("remember") is None

        hits = strike(kill, 20, (0.1, 0.5))
        settle()
        client.close()
    assert hits >= KILLS
    assert fleet.starts == 2, "a worker should outlive Redis"
    check(recordings, editors)


def pings(client: Any) -> bool:
    """Tell whether Redis answers."""
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def test_postgresql_is_killed(
    committed_db: None, redis_emptied: str, media_root: Path, tmp_path: Path, embedded: Any
) -> None:
    recordings, manager = work(tmp_path, seed=30)
    with (
        Fleet(tmp_path, ("prefork", "solo"), **CHAOS) as fleet,
        Editors(manager, tuple(recordings), seed=30) as editors,
    ):
        hits = strike(lambda: kill_postgres(embedded), 30, (0.05, 0.4))
        settle()
    assert hits >= KILLS
    assert fleet.starts == 2, "a worker should outlive PostgreSQL"
    check(recordings, editors)
    assert presence.counters().get("windows_done", 0) > 0
