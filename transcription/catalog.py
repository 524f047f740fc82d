"""Resolve a model's name to its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What may be asked of a model. Read from its card.json where there is one, else from its own files."""

    multilingual: bool
    languages: tuple[str, ...]
    window_ms: int
    context: Literal["full", "fit"]
    margin_ms: int
    pause_ms: int | None
    description: str


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model that is on this disk and was checked: its directory, the name asked for, hash of model.bin, card."""

    path: Path
    name: str
    sha256: str
    card: ModelCard


def known_names() -> tuple[str, ...]:
    """List the names that need no path: the hub's and the bundled ones."""
    raise NotImplementedError


def resolve(
    name_or_path: str,
    *,
    models_dir: Path,
    bundled_dir: Path | None = None,
    allow_download: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> ModelFiles:
    """Find or download a model. `on_progress` gets (bytes done, bytes in all). Raises ModelUnavailable."""
    raise NotImplementedError
