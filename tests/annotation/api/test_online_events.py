"""Live events over a real site: the snapshot first, nothing missed, nothing told to who may not hear it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from knox.models import AuthToken

from annotation import progress
from annotation.models import Membership, Project, User
from config.embedded.redis import binary
from tests.annotation.api.online import Listener, session
from tests.factories import make_job, make_recording, make_segment
from tests.personas import Cast, make_cast
from tests.waiting import AT_ONCE_S, PATIENCE_S, until

HEARTBEAT_S = 15.0
"""What is promised; the site's own is shorter."""


@pytest.fixture
def people(committed_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def listen(site: str) -> Iterator[Callable[..., Listener]]:
    opened: list[Listener] = []
    clients: set[httpx.Client] = set()

    def start(client: httpx.Client, project: Project, last: str = "") -> Listener:
        clients.add(client)
        listener = Listener(client, project.pk, last)
        opened.append(listener)
        return listener

    yield start
    for listener in opened:
        listener.close()
    for client in clients:
        client.close()


def test_a_page_gets_the_truth_first_and_then_what_changes(
    people: Cast, site: str, listen: Callable[..., Listener]
) -> None:
    job = make_job(make_recording(people.project), state="running", total_items=4, processed_items=1)
    listener = listen(session(site, people.annotator), people.project)
    snapshot = listener.wait("snapshot").data
    assert snapshot["live"] is True
    assert snapshot["jobs"][0]["job"] == str(job.pk)
    assert snapshot["jobs"][0]["progress"] == 0.325
    assert snapshot["recordings"][0]["state"] == "ready"
    progress.publish(people.project.pk, "job.progress", {"job": str(job.pk), "processed_items": 2})
    event = listener.wait("job.progress")
    assert event.data == {"job": str(job.pk), "processed_items": 2}
    assert event.id


def test_a_save_by_one_is_heard_by_the_other(
    people: Cast, site: str, listen: Callable[..., Listener]
) -> None:
    segment = make_segment(people.project, text="a", revision=1, state="draft")
    listener = listen(session(site, people.reviewer), people.project)
    listener.wait("snapshot")
    with session(site, people.annotator) as annotator:
        annotator.post(f"/api/segments/{segment.pk}/lease/").raise_for_status()
        save = {"text": "b", "base_revision": 1}
        annotator.patch(f"/api/segments/{segment.pk}/", json=save).raise_for_status()
    assert listener.wait("lease.changed").data["holder"] == "annotator"
    changed = listener.wait("segment.changed").data
    assert (changed["segment"], changed["revision"], changed["by"]) == (str(segment.pk), 2, "annotator")


def test_who_holds_a_row_is_told_who_asks_for_it(
    people: Cast, site: str, listen: Callable[..., Listener]
) -> None:
    segment = make_segment(people.project, text="a", revision=1, state="draft")
    address = f"/api/segments/{segment.pk}/"
    listener = listen(session(site, people.annotator), people.project)
    listener.wait("snapshot")
    with session(site, people.annotator) as annotator, session(site, people.reviewer) as reviewer:
        assert reviewer.post(f"{address}ask/").status_code == 409, "nobody holds it"
        annotator.post(f"{address}lease/").raise_for_status()
        assert annotator.post(f"{address}ask/").status_code == 409, "one's own"
        assert reviewer.post(f"{address}ask/").status_code == 204
        asked = listener.wait("lease.asked").data
        assert (asked["segment"], asked["holder"], asked["by"]) == (str(segment.pk), "annotator", "reviewer")
        assert reviewer.patch(address, json={"text": "b", "base_revision": 1}).status_code == 423, (
            "asking takes nothing"
        )


def test_what_happened_while_the_line_was_broken_is_told_after_it(
    people: Cast, site: str, listen: Callable[..., Listener]
) -> None:
    client = session(site, people.annotator)
    first = listen(client, people.project)
    first.wait("snapshot")
    progress.publish(people.project.pk, "segment.changed", {"n": 0})
    first.wait("segment.changed")
    first.close()
    for n in range(1, 50):
        progress.publish(people.project.pk, "segment.changed", {"n": n})
    again = listen(client, people.project, first.last)
    snapshot = again.wait("snapshot")
    assert snapshot.data["resumed"] is True
    assert [again.wait("segment.changed").data["n"] for _ in range(49)] == list(range(1, 50))


@pytest.mark.parametrize("last", ["", "nonsense", "1-0", "../..", "9" * 30 + "-0"])
def test_what_cannot_be_resumed_says_so(
    people: Cast, site: str, listen: Callable[..., Listener], last: str
) -> None:
    progress.publish(people.project.pk, "segment.changed", {"n": 0})
    snapshot = listen(session(site, people.annotator), people.project, last).wait("snapshot")
    assert snapshot.data["resumed"] is False


def test_an_emptied_redis_is_told_as_a_gap(people: Cast, site: str, listen: Callable[..., Listener]) -> None:
    client = session(site, people.annotator)
    first = listen(client, people.project)
    first.wait("snapshot")
    progress.publish(people.project.pk, "segment.changed", {"n": 0})
    first.wait("segment.changed")
    progress.client().flushall()
    progress.publish(people.project.pk, "segment.changed", {"n": 1})
    assert first.wait("segment.changed").data == {"n": 1}
    first.close()
    progress.client().flushall()
    assert listen(client, people.project, first.last).wait("snapshot").data["resumed"] is False


def test_without_redis_the_page_still_hears_the_truth_and_comes_back(
    people: Cast, embedded: Any, site_process: Callable[..., Any], tmp_path: Path, listen: Any, request: Any
) -> None:
    socket = tmp_path / "own.sock"
    own = own_redis(socket)
    site, _ = site_process(REDIS_URL=f"unix://{socket}?db=0")
    job = make_job(make_recording(people.project), state="running", total_items=4)
    listener = listen(session(site, people.annotator), people.project)
    assert listener.wait("snapshot").data["live"] is True
    own.kill()
    own.wait()
    down = time.monotonic()
    listener.wait("degraded")
    type(job).objects.filter(pk=job.pk).update(processed_items=3)
    told = listener.wait("snapshot")
    while told.data["jobs"][0]["processed_items"] != 3:
        told = listener.wait("snapshot")
    assert told.data["live"] is False
    assert told.at - down < AT_ONCE_S
    back = own_redis(socket)
    try:
        told = listener.wait("snapshot")
        assert (told.data["live"], told.data["resumed"]) == (True, False)
        with redis.Redis(unix_socket_path=str(socket)) as client:
            client.xadd(progress.stream_key(people.project.pk), {"event": "segment.changed", "data": "{}"})
        listener.wait("segment.changed")
    finally:
        back.kill()
        back.wait()


def own_redis(socket: Path) -> subprocess.Popen[bytes]:
    """Start a Redis of this test's own, which may be killed; return once it answers."""
    command = [
        str(binary()),
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--dir",
        str(socket.parent),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def answers() -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis(unix_socket_path=str(socket)) as client:
            return bool(client.ping())
        return False

    until(answers)
    return process


def leave_project(people: Cast, client: httpx.Client) -> None:
    Membership.objects.filter(user=people.annotator).delete()


def end_token(people: Cast, client: httpx.Client) -> None:
    AuthToken.objects.filter(user=people.annotator).delete()


def disable(people: Cast, client: httpx.Client) -> None:
    User.objects.filter(pk=people.annotator.pk).update(is_active=False)


def archive(people: Cast, client: httpx.Client) -> None:
    Project.objects.filter(pk=people.project.pk).update(archived_at="2026-01-01T00:00:00Z")


@pytest.mark.parametrize("act", [leave_project, end_token, disable, archive])
def test_who_may_not_listen_any_more_is_cut_off(
    people: Cast, site: str, listen: Callable[..., Listener], act: Callable[..., None]
) -> None:
    client = session(site, people.annotator)
    listener = listen(client, people.project)
    listener.wait("snapshot")
    act(people, client)
    listener.wait("closed", 3 * HEARTBEAT_S)
    assert listener.ended()
    assert listen(client, people.project).status in (401, 404)


def test_a_session_that_is_logged_out_is_cut_off(
    people: Cast, site: str, listen: Callable[..., Listener]
) -> None:
    from django.test import Client

    browser = Client()
    browser.force_login(people.annotator, backend="django.contrib.auth.backends.ModelBackend")
    client = httpx.Client(
        base_url=site, cookies={"sessionid": browser.cookies["sessionid"].value}, trust_env=False
    )
    listener = listen(client, people.project)
    listener.wait("snapshot")
    browser.logout()
    listener.wait("closed", 3 * HEARTBEAT_S)


def test_events_of_another_project_are_never_heard(
    people: Cast, site: str, listen: Callable[..., Listener]
) -> None:
    elsewhere = Project.objects.get(name="Elsewhere")
    assert listen(session(site, people.annotator), elsewhere).status == 404
    listener = listen(session(site, people.annotator), people.project)
    listener.wait("snapshot")
    progress.publish(elsewhere.pk, "segment.changed", {"secret": 1})
    progress.publish(people.project.pk, "segment.changed", {"own": 1})
    assert listener.wait("segment.changed").data == {"own": 1}


def test_one_person_holds_a_bounded_number_of_streams_and_leaves_none_behind(
    people: Cast, site_process: Callable[..., Any], listen: Callable[..., Listener]
) -> None:
    site, process = site_process(EARMARK_LIVE_STREAMS_MAX="3")
    client = session(site, people.annotator)

    def opened() -> Listener:
        """Open a stream; one that was just left may still be counted for a moment."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            listener = listen(client, people.project)
            first = listener.events.get(timeout=PATIENCE_S) if listener.status == 200 else None
            if first is not None and first.name == "snapshot":
                return listener
            listener.close()
            assert time.monotonic() < deadline, "streams that were left are still counted"
            time.sleep(0.1)

    def a_round() -> None:
        mine = [opened() for _ in range(3)]
        refused = listen(client, people.project)
        assert refused.status == 429
        other = listen(session(site, people.reviewer), people.project)
        assert other.status == 200
        for listener in (*mine, refused, other):
            listener.close()

    def settled() -> int:
        """Return how many descriptors the process holds once no request is left."""
        fewest = 10**6
        deadline = time.monotonic() + 7  # longer than an idle connection is kept
        while time.monotonic() < deadline:
            fewest = min(fewest, len(os.listdir(f"/proc/{process.pid}/fd")))  # noqa: PTH208
            time.sleep(0.1)
        return fewest

    for _ in range(4):  # the pools fill up
        a_round()
    before = settled()
    for _ in range(8):
        a_round()
    assert settled() <= before + 2


def test_streams_hold_no_database_connection(
    people: Cast, site_process: Callable[..., Any], listen: Callable[..., Listener]
) -> None:
    """Open more streams than the pool has connections; other requests still get theirs."""
    site, _ = site_process(EARMARK_LIVE_STREAMS_MAX="30", EARMARK_DATABASE_POOL_SIZE="2")
    client = session(site, people.annotator)
    listeners = [listen(client, people.project) for _ in range(12)]
    for listener in listeners:
        listener.wait("snapshot")
    assert client.get("/api/jobs/").status_code == 200
