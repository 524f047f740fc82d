"""What is known about the models on this machine, without loading one."""

from __future__ import annotations

from functools import lru_cache

from annotation.conf import conf
from transcription import catalog
from transcription.errors import ModelUnavailable


@lru_cache(maxsize=32)
def card_of(name: str) -> catalog.ModelCard | None:
    """Return the card of a model that is on this disk, None when it still has to be downloaded."""
    try:
        files = catalog.resolve(
            name,
            models_dir=conf().models_dir,
            bundled_dir=conf().bundled_models_dir,
            allow_download=False,
        )
    except ModelUnavailable:
        return None
    return files.card
