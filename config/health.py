"""What the people who keep the site running ask it: does it live, is it ready, how does it do.

`/healthz` says that the process answers and looks at nothing else. `/readyz` names what is down; it is 503
only for what no request can do without, because a check that turns a nearly full disk into an outage is worse
than the disk. `/metrics` is Prometheus text.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any

import psycopg
import redis
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.db import Error, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from annotation import presence
from annotation.middleware import address_of

PATIENCE_S = 2
RESPONSES = Counter(
    "earmark_http_responses_total", "Responses by method and status", ["method", "status"], registry=None
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Check:
    """Tell one thing about the site; `needed` when no request can do without it."""

    name: str
    ok: bool
    detail: str
    needed: bool


class Probes:
    """Answer `/healthz` and `/readyz` before anything else looks at the request.

    A probe comes by address, not by the site's name, and must not depend on sessions or redirects.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._later(request)
        probe = self._probe(request)
        return probe() if probe else _counted(request, self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        probe = self._probe(request)
        if probe is None:
            return _counted(request, await self.get_response(request))
        if probe is alive:
            return alive()
        return await sync_to_async(probe, thread_sensitive=False)()

    @staticmethod
    def _probe(request: HttpRequest) -> Callable[[], HttpResponse] | None:
        return {"/healthz": alive, "/readyz": ready}.get(request.path_info)


def alive() -> HttpResponse:
    """Say that this process answers."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


def ready() -> JsonResponse:
    """Say what is up and what is down; 503 when something no request can do without is down."""
    checks = list(examine())
    down = [check for check in checks if not check.ok]
    status = "ready" if not down else "unavailable" if any(check.needed for check in down) else "degraded"
    return JsonResponse(
        {
            "status": status,
            "down": [check.name for check in down],
            "checks": {check.name: {"ok": check.ok, "detail": check.detail} for check in checks},
        },
        status=503 if status == "unavailable" else 200,
        headers={"Cache-Control": "no-store"},
    )


def examine() -> Iterator[Check]:
    """Look at PostgreSQL, its tables, Redis and the media disk; each for two seconds at most."""
    applied: set[tuple[str, str]] | None = None
    try:
        applied = _applied_migrations()
        yield Check("postgres", True, "", needed=True)
    except psycopg.errors.UndefinedTable:
        applied = set()
        yield Check("postgres", True, "", needed=True)
    except psycopg.Error as error:
        yield Check("postgres", False, type(error).__name__, needed=True)
    if applied is not None:
        pending = sorted(known_migrations() - applied)
        detail = f"{len(pending)} not applied: run manage.py migrate --database owner" if pending else ""
        yield Check("migrations", not pending, detail, needed=True)
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
        ) as client:
            client.ping()
        yield Check("redis", True, "", needed=False)
    except (redis.RedisError, OSError) as error:
        yield Check(
            "redis", False, f"{type(error).__name__}: work starts later, nothing is lost", needed=False
        )
    yield _disk()


def _disk() -> Check:
    root = settings.EARMARK.media_root
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        return Check("disk", False, f"{error.strerror}: recordings cannot be read or stored", needed=False)
    floor = settings.EARMARK.free_space_floor_bytes
    enough = free >= floor
    detail = "" if enough else f"{free >> 20} MiB free, uploads are refused below {floor >> 20} MiB"
    return Check("disk", enough, detail, needed=False)


def _applied_migrations() -> set[tuple[str, str]]:
    # A connection of its own: neither a full pool nor one held by a stuck request may decide this.
    parameters = {**connections["default"].get_connection_params(), "connect_timeout": PATIENCE_S}
    for ours in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters, autocommit=True) as own:
        own.execute(f"SET statement_timeout = '{PATIENCE_S}s'")
        return {(str(app), str(name)) for app, name in own.execute("SELECT app, name FROM django_migrations")}


@cache
def known_migrations() -> set[tuple[str, str]]:
    """Return every migration on disk, as (app, name)."""
    return set(MigrationLoader(None).disk_migrations)


def _counted(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    method = request.method if request.method in METHODS else "other"
    RESPONSES.labels(method, str(response.status_code)).inc()
    return response


class Site(Collector):
    """Count rows when asked; nothing is kept between two scrapes."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield jobs, recordings and decodings by state, what has waited longest, and the workers alive."""
        up = GaugeMetricFamily("earmark_up", "Whether a service answers", labels=["service"])
        try:
            yield from _rows()
            up.add_metric(["postgres"], 1)
        except Error:
            up.add_metric(["postgres"], 0)
        workers = presence.alive()
        up.add_metric(["redis"], 0 if workers is None else 1)
        yield up
        queues = GaugeMetricFamily("earmark_workers", "Workers seen in the last 20 s", labels=["queue"])
        busy = GaugeMetricFamily("earmark_worker_busy_seconds", "Time on the work in hand", labels=["worker"])
        for queue in ("audio", "draft", "refine", "files", "control"):
            queues.add_metric([queue], sum(queue in worker.queues for worker in workers or ()))
        memory = GaugeMetricFamily("earmark_worker_memory_bytes", "Resident memory", labels=["worker"])
        models = GaugeMetricFamily(
            "earmark_worker_models",
            "Models a worker holds, and those it refuses: not to be loaded, or failed their self-test",
            labels=["worker", "model", "state"],
        )
        for worker in workers or ():
            name = f"{worker.name}:{worker.pid}"
            busy.add_metric([name], worker.busy_s)
            memory.add_metric([name], worker.memory_mb << 20)
            for model in worker.models:
                models.add_metric([name, model, "held"], 1)
            for model in worker.refused:
                models.add_metric([name, model, "refused"], 1)
        yield queues
        yield busy
        yield memory
        yield models
        counted = GaugeMetricFamily(
            "earmark_counters", "Counted by workers since Redis was emptied", labels=["what"]
        )
        for name, value in sorted(presence.counters().items()):
            counted.add_metric([name], value)
        yield counted


def _rows() -> Iterator[GaugeMetricFamily]:
    by_state = {
        "earmark_jobs": ("Jobs by state", "SELECT state, count(*) FROM annotation_job GROUP BY 1"),
        "earmark_recordings": (
            "Recordings by state",
            "SELECT state, count(*) FROM annotation_recording GROUP BY 1",
        ),
    }
    with connection.cursor() as cursor:
        for name, (meaning, query) in by_state.items():
            family = GaugeMetricFamily(name, meaning, labels=["state"])
            cursor.execute(query)
            for state, number in cursor.fetchall():
                family.add_metric([state], number)
            yield family
        windows = GaugeMetricFamily(
            "earmark_decodings", "Decodings by pass and state", labels=["pass", "state"]
        )
        waiting = GaugeMetricFamily(
            "earmark_queue_oldest_seconds", "Age of the oldest queued row", labels=["queue"]
        )
        cursor.execute("SELECT pass_name, state, count(*) FROM annotation_decoding GROUP BY 1, 2")
        for pass_name, state, number in cursor.fetchall():
            windows.add_metric([pass_name, state], number)
        cursor.execute(
            "SELECT pass_name, extract(epoch FROM clock_timestamp() - min(created_at))"
            " FROM annotation_decoding WHERE state = 'queued' GROUP BY 1"
        )
        for pass_name, age in cursor.fetchall():
            waiting.add_metric([pass_name], float(age))
        yield windows
        yield waiting


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the site's figures to whoever asks from this machine, or with the metrics token."""
    token = settings.OPTIONS.metrics_token
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not (_from_here(request) or (token and constant_time_compare(sent, token))):
        return HttpResponseForbidden(
            "Figures are given to this machine, or for `Authorization: Bearer <EARMARK_METRICS_TOKEN>`.\n",
            content_type="text/plain",
        )
    registry = CollectorRegistry()
    registry.register(RESPONSES)
    registry.register(Site())
    return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


def _from_here(request: HttpRequest) -> bool:
    try:
        return ip_address(address_of(request)).is_loopback
    except ValueError:
        return False
