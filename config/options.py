"""Typed options, read once from the environment or `earmark.toml`, or a refusal that names every mistake.

One table: the fields of `Options`. A field's name gives its key in `earmark.toml` and, upper-cased behind
`EARMARK_`, its environment variable (a few have a name of their own: `DATABASE_URL`). The environment wins
over the file, the file over the default. A secret `X` may be given as `X_FILE`, a path to read it from.
`manage.py options` prints the table with the value in force and where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.kinds import (
    Cards,
    Choice,
    Count,
    Duration,
    Figures,
    Flag,
    Host,
    Kind,
    Location,
    Names,
    Networks,
    Part,
    Program,
    Reference,
    Secret,
    Size,
    Text,
    Url,
)

ROOT = Path(__file__).resolve().parent.parent

DATABASE_SCHEMES = ("postgresql", "postgres")
REDIS_SCHEMES = ("redis", "rediss", "unix")
#: First parts of addresses that the site itself has; the admin there would hide them.
TAKEN = frozenset(
    ("api", "batches", "exports", "gold", "healthz", "imports", "jobs", "login", "logout", "mentions",
     "metrics", "projects", "readyz", "recordings", "replacements", "search", "segments", "static", "v1")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spec:
    """Describe one option: what it accepts, what it is for, and its names."""

    kind: Kind[Any]
    meaning: str
    group: str
    env: str = ""
    secret: bool = False


def _option(
    group: str, kind: Kind[Any], default: object, meaning: str, *, env: str = "", secret: bool = False
) -> Any:
    return field(default=default, metadata={"spec": Spec(kind, meaning, group, env, secret)})


@dataclass(frozen=True, slots=True)
class Options:
    """Hold every option of a running Earmark; sizes in bytes, times in seconds, paths absolute."""

    home: Path = _option(
        "place", Location(), "var", "everything this instance writes: data, secrets, logs, media"
    )
    media_root: Path = _option("place", Location(), "{home}/media", "recordings and uploads")
    models_dir: Path = _option("place", Location(), "{home}/models", "Whisper models fetched from the hub")
    host: str = _option("address", Host(), "127.0.0.1", "address the web process listens on")
    port: int = _option("address", Count(1, 65535), 8000, "port the web process listens on")
    public_url: str = _option(
        "address",
        Url(("http", "https")),
        "http://{reachable}:{port}",
        "address people type; https makes cookies secure, turns HSTS on and redirects plain http",
    )
    allowed_hosts: tuple[str, ...] = _option(
        "address", Names(), (), "further host names the site answers to, beside that of public_url"
    )
    behind_proxy: bool = _option(
        "address", Flag(), False, "trust X-Forwarded-Proto and X-Forwarded-For of the proxy in front"
    )
    hsts_s: int = _option(
        "address", Duration(0, 10**9), 31_536_000, "HSTS age announced over https (0: none)"
    )
    debug: bool = _option(
        "address", Flag(), False, "show Django's debug pages; never on a machine others can reach"
    )
    demo: bool | None = _option(
        "address",
        Flag(),
        None,
        "create the demo project and accounts on `make up` (unset: only when embedded)",
    )

    secret_key: str = _option(
        "secrets", Secret(50), "", "key that signs sessions and links (unset: made on first run)", secret=True
    )
    database_url: str = _option(
        "services",
        Url(DATABASE_SCHEMES),
        "",
        "PostgreSQL as the application role (unset: an embedded one)",
        env="DATABASE_URL",
        secret=True,
    )
    database_owner_url: str = _option(
        "services",
        Url(DATABASE_SCHEMES),
        "",
        "PostgreSQL as the owner of the tables, for migrations (unset: as DATABASE_URL)",
        env="DATABASE_OWNER_URL",
        secret=True,
    )
    database_readonly_url: str = _option(
        "services",
        Url(DATABASE_SCHEMES),
        "",
        "PostgreSQL as a role that only reads (unset: as DATABASE_URL)",
        env="DATABASE_READONLY_URL",
        secret=True,
    )
    database_password: str = _option("secrets", Secret(8), "", "password for DATABASE_URL", secret=True)
    database_owner_password: str = _option(
        "secrets", Secret(8), "", "password for DATABASE_OWNER_URL", secret=True
    )
    database_readonly_password: str = _option(
        "secrets", Secret(8), "", "password for DATABASE_READONLY_URL", secret=True
    )
    database_pool_size: int = _option(
        "services", Count(0, 100), 0, "connections the process keeps open (0: none; the web process sets 8)"
    )
    redis_url: str = _option(
        "services",
        Url(REDIS_SCHEMES),
        "",
        "Redis for doorbells, progress and live events (unset: an embedded one)",
        env="REDIS_URL",
        secret=True,
    )
    redis_password: str = _option("secrets", Secret(8), "", "password for REDIS_URL", secret=True)
    ffmpeg_binary: str = _option(
        "services", Program(), "", "FFmpeg (unset: the one of imageio-ffmpeg)", env="FFMPEG_BINARY"
    )

    upload_max_bytes: int = _option("uploads", Size(1), 5 * 1024**3, "largest single file accepted")
    upload_quota_bytes: int = _option(
        "uploads", Size(0), 50 * 1024**3, "unfinished uploads one person may have, together (0: no limit)"
    )
    upload_open_max: int = _option(
        "uploads", Count(1, 100_000), 1000, "unfinished uploads one person may have"
    )
    upload_expiry_s: int = _option(
        "uploads", Duration(60), 7 * 86400, "an unfinished upload is swept after this"
    )
    disk_free_floor_bytes: int = _option(
        "uploads", Size(0), 2 * 1024**3, "uploads are refused when less than this is free on the media disk"
    )

    media_max_duration_s: int = _option("media", Duration(1), 26 * 3600, "longest recording accepted")
    media_cpu_s: int = _option("media", Duration(1), 3600, "processor time FFmpeg may take for one recording")
    media_memory_bytes: int = _option("media", Size(256 * 1024**2), 1536 * 1024**2, "memory FFmpeg may map")

    claim_lease_s: int = _option(
        "work", Duration(1), 60, "a worker's claim that is not renewed for this long is served again"
    )
    claim_batch: int = _option("work", Count(1, 1024), 8, "windows a worker claims at once")
    max_attempts: int = _option("work", Count(1, 100), 3, "attempts before a row is failed with its cause")
    retry_delay_s: int = _option("work", Duration(0, 3600), 5, "wait before a failed row is tried again")
    reconcile_interval_s: int = _option("work", Duration(1), 15, "time between two rounds of the reconciler")
    lease_ttl_s: int = _option(
        "work", Duration(2), 120, "an editor's lease that is not renewed ends after this"
    )
    live_streams_max: int = _option("work", Count(1, 1000), 12, "live connections one person may hold open")

    device: str = _option("models", Choice("auto", "cpu", "cuda"), "auto", "where models run")
    compute_type: str = _option(
        "models",
        Choice(
            "default",
            "auto",
            "int8",
            "int8_float16",
            "int8_float32",
            "int8_bfloat16",
            "float16",
            "bfloat16",
            "float32",
        ),
        "default",
        "arithmetic of the models (default: what the model was converted to)",
    )
    inference_threads: int = _option(
        "models", Count(0, 512), 0, "threads one model uses (0: measured, once for a model on a machine)"
    )
    cpu_model_workers: int = _option(
        "models",
        Count(1, 512),
        1,
        "workers of this machine whose models share its cores (`make up` and Compose set it)",
    )
    gpus: str = _option(
        "models",
        Cards(),
        "auto",
        "GPUs that get a worker each from `make up`: auto, numbers such as `0,1`, or none",
    )
    cpu_draft_workers: int = _option(
        "models",
        Count(0, 64),
        0,
        "with GPUs: workers that draft on the processor, the GPUs then only refine (0: GPUs do both)",
    )
    idle_unload_s: int = _option(
        "models",
        Duration(0),
        900,
        "a model that is not used for this long is unloaded (0: never)",
    )
    worker_memory_mb: int = _option(
        "models",
        Count(0, 4 * 1024**2),
        0,
        "MiB a worker may grow to before it restarts between two steps (0: 80 % of the machine or container)",
    )
    default_draft_model: str = _option("models", Text(), "small", "draft model of a new project")
    default_refine_model: str = _option(
        "models", Text(empty=True), "large-v3-turbo", "refine model of a new project (empty: one pass)"
    )
    engine: str = _option(
        "models", Choice("whisper", "fake"), "whisper", "`fake` hears nothing and exists for fault tests"
    )
    fake_engine: tuple[tuple[str, float], ...] = _option(
        "models", Figures(), (), "what the fake engine does, such as `seconds=0.2,fail=0.1`"
    )
    model_downloads: bool = _option(
        "models", Flag(), True, "fetch a named model from the hub when it is missing"
    )

    metrics_token: str = _option(
        "secrets", Secret(16), "", "lets Prometheus read /metrics from another machine", secret=True
    )
    session_age_s: int = _option("people", Duration(300), 14 * 86400, "a login lasts this long")
    token_age_s: int = _option(
        "people", Duration(60), 90 * 86400, "an API token lasts this long (0: for ever)"
    )
    login_failures: int = _option(
        "people", Count(2, 1000), 8, "failed logins before account and address are locked"
    )
    login_cooloff_s: int = _option("people", Duration(1), 900, "such a lock ends after this")

    admin_path: str = _option(
        "people", Part(TAKEN), "admin", "where Django's admin is, as in /admin/ (`none`: nowhere)"
    )
    admin_networks: tuple[str, ...] = _option(
        "people",
        Networks(),
        ("127.0.0.0/8", "::1/128"),
        "networks that find the admin; behind a proxy this needs behind_proxy (`0.0.0.0/0,::/0`: all)",
    )
    admin_second_factor: str = _option(
        "people",
        Reference(),
        "",
        "function of yours that asks staff for a second factor, see docs/audit.md (empty: none)",
    )

    log_level: str = _option(
        "logs", Choice("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "least serious message that is written"
    )

    sources: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def embedded_postgres(self) -> bool:
        """Tell whether PostgreSQL is the embedded one."""
        return not self.database_url

    @property
    def embedded_redis(self) -> bool:
        """Tell whether Redis is the embedded one."""
        return not self.redis_url

    @property
    def self_sufficient(self) -> bool:
        """Tell whether nothing has to be generated: key, database and Redis are all given."""
        return bool(self.secret_key and self.database_url and self.redis_url)

    @property
    def tls(self) -> bool:
        """Tell whether people reach the site by https."""
        return self.public_url.startswith("https://")

    @property
    def hosts(self) -> list[str]:
        """Return every host name the site answers to."""
        own = urlsplit(self.public_url).hostname or self.host
        loopback = ["127.0.0.1", "localhost", "[::1]"]
        bound = [] if self.host in ("0.0.0.0", "::") else [self.host]  # noqa: S104 - compared, not bound
        return list(dict.fromkeys([own, *self.allowed_hosts, *bound, *loopback]))


SPECS: dict[str, Spec] = {f.name: f.metadata["spec"] for f in fields(Options) if "spec" in f.metadata}


def env_name(name: str) -> str:
    """Return the environment variable of option `name`."""
    return SPECS[name].env or f"EARMARK_{name.upper()}"
