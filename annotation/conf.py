"""What the composition root tells this app, typed: `settings.EARMARK`, built in `config/settings.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AnnotationConf:
    """Hold every setting that annotation and workers read. Times in seconds, sizes in bytes."""

    redis_url: str
    media_root: Path
    models_dir: Path
    """Where downloaded models are kept."""
    bundled_models_dir: Path
    """Where the models of the repository lie."""
    ffmpeg: str = ""
    """FFmpeg binary; empty = the one of the imageio-ffmpeg package."""
    default_draft_model: str = "small"
    default_refine_model: str = "large-v3-turbo"

    max_upload_bytes: int = 20 * 1024 * MIB
    upload_chunk_bytes: int = 8 * MIB
    upload_expires_s: int = 7 * 24 * 3600
    max_open_uploads: int = 1000
    """Per person."""
    upload_quota_bytes: int = 0
    """Of one person's unfinished uploads together; 0 = no limit."""
    free_space_floor_bytes: int = 512 * MIB
    """Below this much free disk no new bytes are taken; edits still save."""
    max_duration_s: int = 26 * 3600
    media_memory_bytes: int = 1536 * MIB
    """Address space of FFmpeg."""
    media_cpu_s: int = 3600
    live_streams_max: int = 12
    """Live event streams one person may hold open in one web process."""
    behind_proxy: bool = False
    """Whether `X-Forwarded-For` is written by a proxy of ours."""
    admin_path: str = "admin"
    """First part of the admin's addresses; empty = there is none."""

    claim_s: int = 60
    """How long a worker's claim lasts without being renewed."""
    max_attempts: int = 3
    retry_delay_s: int = 5
    reconcile_every_s: int = 15
    lease_s: int = 120

    device: str = "auto"
    compute_type: str = "default"
    threads: int = 0
    """0 = measured for each model, once for a machine."""
    cpu_model_workers: int = 1
    """Processes on this machine that run models on its processor, and so share its cores."""
    idle_unload_s: int = 900
    """A model that is not used for so long is unloaded; 0 = never."""
    worker_memory_mb: int = 0
    """A worker that holds more restarts at its next boundary, MiB; 0 = 80 % of the machine or container."""
    batch_windows: int = 8
    model_downloads: bool = True
    """Fetch a named model from the hub when it is not on this machine."""
    engine: str = "whisper"
    """`fake` decodes nothing and exists for fault tests."""
    fake_engine: dict[str, float] = field(default_factory=dict)
    demo: bool = False
    """Whether the demo project and its well-known passwords may exist here."""


def conf() -> AnnotationConf:
    """Return the app's settings."""
    value: AnnotationConf = settings.EARMARK
    return value
