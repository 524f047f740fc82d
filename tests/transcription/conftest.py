"""Fixtures of the library's tests. They need no database: only FFmpeg and, for some, the demo models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transcription.audio import prepare
from transcription.types import Prepared


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Give an empty folder for what is prepared."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def run(out: Path) -> Callable[..., Prepared]:
    """Give `prepare` with its two outputs in `out`."""

    def prepare_here(source: Path, **options: Any) -> Prepared:
        return prepare(source, out / "audio.wav", out / "peaks.bin", **options)

    return prepare_here
