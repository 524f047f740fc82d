"""`manage.py doctor`: what is found, what is missing, and the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import psycopg
import redis
from django.conf import settings
from django.core.management.base import BaseCommand

from config import connections, health, processes
from config.embedded import postgres
from config.embedded import redis as embedded_redis
from config.embedded.service import running
from config.options import ROOT
from transcription import catalog, devices
from transcription.errors import ModelUnavailable
from transcription.notes import Notes

State = Literal["ok", "note", "bad"]
UP = "make up"
MIGRATE = ".venv/bin/python manage.py migrate --database owner"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `bad` means that recordings cannot be transcribed and corrected."""

    state: State
    what: str
    detail: str
    mend: str = ""


class Command(BaseCommand):
    """Look at everything the site stands on; exit with 1 when the main job cannot run."""

    help = "Say what is found, what lacks and the command that mends it; exit 1 when the main job cannot run."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **kwargs: Any) -> None:
        self.up = running(settings.OPTIONS.home) if _embedded() else None
        marks = {"ok": self.style.SUCCESS("✓"), "note": self.style.WARNING("!"), "bad": self.style.ERROR("✗")}
        bad = 0
        self.stdout.write("")
        for look in self._looks():
            try:
                findings = list(look())
            except Exception as error:  # a doctor that faints helps nobody
                name = look.__name__.strip("_").replace("_", " ")
                findings = [Finding("bad", name, f"could not be looked at: {type(error).__name__}: {error}")]
            for finding in findings:
                bad += finding.state == "bad"
                self.stdout.write(f"  {marks[finding.state]} {finding.what:<14} {finding.detail}")
                if finding.mend:
                    self.stdout.write(f"      mend: {self.style.HTTP_INFO(finding.mend)}")
        self.stdout.write("")
        if bad:
            self.stdout.write(
                self.style.ERROR(f"  The main job cannot run: {bad} to mend, marked ✗ above.\n")
            )
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS("  The main job can run.\n"))

    def _looks(self) -> list[Callable[[], Iterator[Finding]]]:
        return [
            self._python, self._packages, self._ffmpeg, self._postgres, self._redis,
            self._disk, self._devices, self._models, self._workers, self._front_end, self._chromium,
        ]  # fmt: skip

    def _python(self) -> Iterator[Finding]:
        yield Finding("ok", "Python", f"{platform.python_version()} ({sys.executable})")

    def _packages(self) -> Iterator[Finding]:
        lock = (ROOT / "requirements" / "runtime.lock").read_text().splitlines()
        pins = dict(
            line.split(" ")[0].split("==")
            for line in lock
            if "==" in line and not line.startswith((" ", "#"))
        )
        wrong = []
        for name, wanted in pins.items():
            try:
                found = metadata.version(name)
            except metadata.PackageNotFoundError:
                wrong.append(f"{name} is missing")
            else:
                if found != wanted:
                    wrong.append(f"{name} is {found}, not {wanted}")
        if wrong:
            yield Finding("note", "packages", f"{'; '.join(wrong[:3])}{' ...' if len(wrong) > 3 else ''}", UP)
        else:
            yield Finding("ok", "packages", f"all {len(pins)} as locked")

    def _ffmpeg(self) -> Iterator[Finding]:
        binary = settings.OPTIONS.ffmpeg_binary
        if not binary:
            with suppress(Exception):
                import imageio_ffmpeg

                binary = imageio_ffmpeg.get_ffmpeg_exe()
        if not binary:
            yield Finding("bad", "FFmpeg", "none found", f"{UP}   (or FFMPEG_BINARY=/path/to/ffmpeg)")
            return
        result = subprocess.run(
            [binary, "-hide_banner", "-version"], capture_output=True, text=True, check=False
        )
        if result.returncode:
            yield Finding("bad", "FFmpeg", f"{binary} does not run", "FFMPEG_BINARY=/path/to/ffmpeg")
            return
        version = result.stdout.split("\n")[0].removeprefix("ffmpeg version ").split(" ")[0]
        protocols = subprocess.run(
            [binary, "-hide_banner", "-protocols"], capture_output=True, text=True, check=False
        )
        if "fd" not in protocols.stdout.split():
            # Uploads are handed over as descriptors and by no name; older FFmpeg cannot do that.
            detail = f"{version} cannot read descriptors (`fd:`, since 6.0)"
            yield Finding("bad", "FFmpeg", detail, "unset FFMPEG_BINARY")
            return
        yield Finding("ok", "FFmpeg", f"{version} ({_short(Path(binary))})")

    def _postgres(self) -> Iterator[Finding]:
        options = settings.OPTIONS
        if options.embedded_postgres:
            bin_dir = postgres.binaries(settings.PLACES.pg_data)
            version = postgres.version(bin_dir)
            if self.up is None:
                detail = f"{version}, embedded, data in {_short(settings.PLACES.pg)}; not running"
                yield Finding("note", "PostgreSQL", detail, UP)
                return
        parameters = connections.database_params("default", options, settings.SECRETS, settings.PLACES)
        try:
            with psycopg.connect(**parameters, connect_timeout=3, autocommit=True) as connection:
                yield from self._inside_postgres(connection)
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            mend = (
                "make up   (stop it first)"
                if options.embedded_postgres
                else "check DATABASE_URL and its server"
            )
            yield Finding("bad", "PostgreSQL", reason, mend)

    def _inside_postgres(self, connection: psycopg.Connection[Any]) -> Iterator[Finding]:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_user, rolsuper,"
            " current_setting('server_version_num')::int,"
            " EXISTS (SELECT FROM pg_tables"
            "   WHERE tablename = 'annotation_segment' AND tableowner = current_user)"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert row is not None  # noqa: S101 - one's own role exists
        version, user, superuser, number, owns = row
        where = "embedded" if settings.OPTIONS.embedded_postgres else "DATABASE_URL"
        if number < 160_000:
            yield Finding(
                "bad",
                "PostgreSQL",
                f"{version}: 16 or newer is needed",
                "point DATABASE_URL at a newer server",
            )
        else:
            yield Finding("ok", "PostgreSQL", f"{version}, {where}")
        if superuser or owns:
            yield Finding(
                "note",
                "roles",
                f"the site connects as {user}, which can switch the audit off",
                ".venv/bin/python manage.py setup_database --admin-url postgresql://postgres@host/postgres",
            )
        else:
            yield Finding("ok", "roles", f"the site connects as {user}, which owns nothing")
        try:
            applied = set(connection.execute("SELECT app, name FROM django_migrations").fetchall())
        except psycopg.errors.UndefinedTable:
            applied = set()
        pending = sorted(health.known_migrations() - applied)
        if pending:
            yield Finding("bad", "tables", f"{len(pending)} migrations are not applied", MIGRATE)
        else:
            yield Finding("ok", "tables", "up to date")

    def _redis(self) -> Iterator[Finding]:
        if settings.OPTIONS.embedded_redis:
            binary = embedded_redis.binary()
            if self.up is None:
                yield Finding("note", "Redis", f"{_short(binary)}, embedded; not running", UP)
                return
        try:
            with redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2
            ) as client:
                info: Any = client.info()
                policy: Any = client.config_get("maxmemory-policy") or {}
        except (redis.RedisError, OSError) as error:
            mend = UP if settings.OPTIONS.embedded_redis else "check REDIS_URL and its server"
            yield Finding("bad", "Redis", f"{type(error).__name__}: {error}", mend)
            return
        where = "embedded" if settings.OPTIONS.embedded_redis else "REDIS_URL"
        chosen = policy.get("maxmemory-policy", "noeviction")
        if chosen != "noeviction":
            detail = f"{info['redis_version']}, {where}; {chosen} drops doorbells when memory is short"
            yield Finding("note", "Redis", detail, "redis-cli config set maxmemory-policy noeviction")
        else:
            yield Finding("ok", "Redis", f"{info['redis_version']}, {where}")

    def _disk(self) -> Iterator[Finding]:
        root = settings.EARMARK.media_root
        place = next(path for path in (root, *root.parents) if path.exists())
        usage = shutil.disk_usage(place)
        floor = settings.EARMARK.free_space_floor_bytes
        free = f"{usage.free / 2**30:.1f} GiB free for {_short(root)}"
        if not os.access(place, os.W_OK):
            yield Finding(
                "bad", "disk", f"{place} cannot be written by this account", "EARMARK_MEDIA_ROOT=/a/directory"
            )
        elif usage.free < floor:
            mend = "free some, or lower EARMARK_DISK_FREE_FLOOR_BYTES"
            yield Finding("bad", "disk", f"{free}; uploads are refused below {floor / 2**30:.1f}", mend)
        else:
            yield Finding("ok", "disk", free)

    def _devices(self) -> Iterator[Finding]:
        options = settings.OPTIONS
        cards = processes.cards(options)
        found = {device.kind: device for device in devices.found()}
        cpu = found["cpu"]
        yield Finding("ok", "processor", f"{cpu.count} cores, {', '.join(cpu.arithmetic)}")
        if gpu := found.get("cuda"):
            yield Finding("ok", "GPU", f"{gpu.count}, {', '.join(gpu.arithmetic)}")
            if options.compute_type not in ("default", "auto", *gpu.arithmetic):
                detail = f"this card has no {options.compute_type} arithmetic; its best is used instead"
                yield Finding("note", "GPU", detail, "unset EARMARK_COMPUTE_TYPE")
        elif processes.visible_cards() and not processes.has_cuda_libraries():
            yield Finding(
                "note", "GPU", "there is one, without the libraries to use it",
                ".venv/bin/python -m pip install --require-hashes --no-deps -r requirements/gpu.lock",
            )  # fmt: skip
        elif cards or options.device == "cuda":
            yield Finding(
                "bad", "GPU", "asked for, or seen on this machine, but CUDA does not see it",
                "look at `nvidia-smi` and requirements/gpu.lock, or EARMARK_DEVICE=cpu",
            )  # fmt: skip
        names = ", ".join(process.name.removeprefix("worker-") for process in processes.workers(options))
        threads = str(options.inference_threads) if options.inference_threads else "measured"
        yield Finding("ok", "workers here", f"{names}; threads {threads}")

    def _models(self) -> Iterator[Finding]:
        places = (settings.EARMARK.bundled_models_dir, settings.EARMARK.models_dir)
        here = [sorted(path.parent for path in place.glob("*/model.bin")) for place in places]
        if not here[0]:
            yield Finding(
                "note", "models", "the demo's own are missing from models/", "git checkout -- models"
            )
        notes = Notes.beside(settings.EARMARK.models_dir)
        for path in [*here[0], *here[1]]:
            yield _model(path, notes)
        defaults = (settings.EARMARK.default_draft_model, settings.EARMARK.default_refine_model)
        wanted = " and ".join(name for name in defaults if name)
        later = "" if settings.OPTIONS.model_downloads else "; downloads are off"
        yield Finding("ok", "new projects", f"use {wanted}{later}")

    def _workers(self) -> Iterator[Finding]:
        from annotation import presence

        if _embedded() and self.up is None:
            yield Finding("note", "workers", "none: the site is not running", UP)
            return
        workers = presence.alive()
        if workers is None:
            yield Finding("note", "workers", "unknown while Redis is away")
            return
        served = {queue for worker in workers for queue in worker.queues}
        lacking = [queue for queue in ("audio", "draft", "refine", "files") if queue not in served]
        for worker in workers:
            if worker.trouble:
                yield Finding("note", "workers", f"{worker.name}: {worker.trouble}")
        if lacking:
            mend = f".venv/bin/python -m celery -A config worker -Q {lacking[0]} -P solo -c 1"
            yield Finding(
                "bad", "workers", f"nobody serves {', '.join(lacking)}", UP if _embedded() else mend
            )
        else:
            yield Finding(
                "ok",
                "workers",
                ", ".join(f"{worker.name} ({worker.doing or 'waiting'})" for worker in workers),
            )

    def _front_end(self) -> Iterator[Finding]:
        if (settings.WORKBENCH_DIST / "manifest.json").is_file():
            yield Finding("ok", "front end", f"built in {_short(settings.WORKBENCH_DIST)}")
        else:
            yield Finding("note", "front end", "not built: pages work, without live progress", UP)

    def _chromium(self) -> Iterator[Finding]:
        found = next(
            (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None
        )
        if found:
            yield Finding("ok", "Chromium", f"{found}, for the browser tests")
        else:
            yield Finding(
                "note", "Chromium", "none; only the browser tests need it", "apt-get install chromium"
            )


def _model(path: Path, notes: Notes) -> Finding:
    """Say of one model on this disk whether its files are whole, how it is run, and how its test ended."""
    name = path.name.replace("--", "/")
    try:
        catalog.check_complete(path)
        digest = catalog.verify(path, notes)
        card = catalog.read_card(path)
    except ModelUnavailable as error:
        return Finding("note", f"model {name}", error.message, error.how_to)
    said = [f"{(path / 'model.bin').stat().st_size / 2**20:.0f} MiB, files verified"]
    threads = devices.noted_threads(notes).get(name)
    said += [f"{threads} threads"] if threads else []
    tests = [
        test
        for test in notes.section("self_tests").values()
        if isinstance(test, dict) and test.get("sha256") == digest
    ]
    if card.self_test is None:
        said.append("no self-test, by its card")
    elif not tests:
        said.append("not yet self-tested: that happens when a worker loads it")
    failed = [test for test in tests if not test.get("passed")]
    said += [f"{test.get('said')} on {test.get('where')}" for test in (failed or tests)[-1:]]
    mend = "docs/operations.md, “A worker refuses a model”" if failed else ""
    return Finding("note" if failed else "ok", f"model {name}", "; ".join(said), mend)


def _embedded() -> bool:
    return bool(settings.OPTIONS.embedded_postgres or settings.OPTIONS.embedded_redis)


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
