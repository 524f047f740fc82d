"""Probes name what is down; the site comes back by itself."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def site(site_process: Callable[..., tuple[str, services.Running]]) -> str:
    """Return the address of a site that has done nothing yet, and that no other test will meet."""
    return site_process()[0]


def get(address: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.status, response.read().decode(), _lower(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), _lower(error.headers)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def ready(site: str) -> tuple[int, dict[str, Any]]:
    status, body, _ = get(f"{site}/readyz")
    return status, json.loads(body)


def until_ready(site: str) -> None:
    until(lambda: ready(site)[1]["status"] == "ready", lambda: ready(site))


def test_a_site_with_everything_up_is_ready(site: str) -> None:
    assert get(f"{site}/healthz")[:2] == (200, "ok\n")
    status, told = ready(site)
    assert (status, told["status"], told["down"]) == (200, "ready", [])
    assert set(told["checks"]) == {"postgres", "migrations", "redis", "disk"}


def test_probes_come_by_address_and_need_no_name(site: str) -> None:
    for path in ("/healthz", "/readyz"):
        assert get(f"{site}{path}", Host="10.1.2.3:8000")[0] == 200


@pytest.mark.faults
def test_redis_away_is_degraded_and_the_site_goes_on(site: str, embedded: Any) -> None:
    before = embedded.pid("redis")
    os.kill(before, signal.SIGSTOP)
    try:
        status, told = ready(site)
        assert (status, told["status"], told["down"]) == (200, "degraded", ["redis"])
        assert get(f"{site}/healthz")[0] == 200
        assert get(f"{site}/api/projects/")[0] == 401
    finally:
        os.kill(before, signal.SIGCONT)
    until_ready(site)


@pytest.mark.faults
def test_postgres_dead_is_503_with_retry_after_and_then_well_again(site: str, embedded: Any) -> None:
    """What cannot be answered is a 503 that says when to come back, never a 500; nobody restarts the site."""
    session = {"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"}
    assert get(f"{site}/admin/", **session)[0] == 200
    data = embedded.places.pg_data
    away = data.with_name("data.away")
    data.rename(away)  # so that it stays dead for a while
    try:
        os.kill(embedded.pid("postgres"), signal.SIGKILL)
        for path in ("/admin/", "/api/projects/"):
            status, body, headers = get(f"{site}{path}", **session)
            assert status == 503, body
            assert int(headers["retry-after"]) > 0
            assert "Nothing was changed" in body
        assert json.loads(body)["error"]["code"] == "database_unavailable"
        status, told = ready(site)
        assert (status, told["down"]) == (503, ["postgres"])
    finally:
        away.rename(data)
    until_ready(site)

    def admin_is_back() -> bool:
        status = get(f"{site}/admin/", **session)[0]
        assert status in (200, 503)
        return status == 200

    until(admin_is_back)


@pytest.mark.faults
def test_postgres_stopped_makes_the_site_unavailable_and_names_it(site: str, embedded: Any) -> None:
    before = embedded.pid("postgres")
    os.kill(before, signal.SIGSTOP)
    try:
        status, told = ready(site)
        assert (status, told["status"]) == (503, "unavailable")
        assert told["down"] == ["postgres"]
        assert get(f"{site}/healthz")[0] == 200
    finally:
        os.kill(before, signal.SIGCONT)
    until_ready(site)


@pytest.mark.faults
def test_after_postgres_died_nobody_is_told_that_it_is_away_once_it_is_back(site: str, embedded: Any) -> None:
    """Leave as many connections as the pool takes to a server that dies; the first to ask is answered."""
    page = f"{site}/api/projects/"
    nobody = {"Authorization": f"Bearer {'a' * 64}"}  # who that is not, the database has to say
    together = threading.Barrier(16)

    def ask(_: int) -> int:
        together.wait(PATIENCE_S)
        return get(page, **nobody)[0]

    before = embedded.pid("postgres")
    held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'earmark-default'"
    connections = 0
    with ThreadPoolExecutor(16) as pool, services.superuser() as connection:
        for _ in range(60):
            assert set(pool.map(ask, range(16))) == {401}
            (found,) = connection.execute(held).fetchone() or (0,)
            assert isinstance(found, int)
            connections = found
            if connections >= 6:
                break
    assert connections >= 6, "of as many the pool's own check would have given up"
    os.kill(before, signal.SIGKILL)
    until(lambda: embedded.pid("postgres") not in (None, before))
    until_ready(site)
    assert [get(page, **nobody)[0] for _ in range(connections)] == [401] * connections


def test_a_full_disk_is_told_and_is_no_outage(site_process: Callable[..., Any]) -> None:
    site, _ = site_process(EARMARK_DISK_FREE_FLOOR_BYTES="1000000T")
    status, told = ready(site)
    assert (status, told["status"], told["down"]) == (200, "degraded", ["disk"])
    assert "uploads are refused" in told["checks"]["disk"]["detail"]


def test_figures_are_prometheus_text(site: str) -> None:
    get(f"{site}/no-such-page/")
    status, body, headers = get(f"{site}/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'earmark_up{service="postgres"} 1.0' in body
    assert 'earmark_up{service="redis"} 1.0' in body
    assert 'earmark_workers{queue="draft"} 0.0' in body
    assert 'earmark_http_responses_total{method="GET",status="404"} 1.0' in body


def test_figures_are_not_for_strangers(site_process: Callable[..., Any]) -> None:
    site, _ = site_process(EARMARK_BEHIND_PROXY="1", EARMARK_METRICS_TOKEN="a-token-for-prometheus")
    assert get(f"{site}/metrics", **{"X-Forwarded-For": "203.0.113.9"})[0] == 403
    sent = {"X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer a-token-for-prometheus"}
    assert get(f"{site}/metrics", **sent)[0] == 200
    sent["Authorization"] = "Bearer a-token-for-prometheu"
    assert get(f"{site}/metrics", **sent)[0] == 403


def test_a_worker_is_seen_while_it_lives(
    worker_process: Callable[..., services.Running], site: str, tmp_path: Path
) -> None:
    worker = worker_process("draft")
    until(lambda: 'earmark_workers{queue="draft"} 1.0' in get(f"{site}/metrics")[1], worker.output)
    assert worker.stop() == 0
    assert 'earmark_workers{queue="draft"} 0.0' in get(f"{site}/metrics")[1]
