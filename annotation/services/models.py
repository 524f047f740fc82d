"""What is known about the models on this machine, without loading one."""

from __future__ import annotations

from typing import Final

from annotation.conf import conf
from transcription import catalog
from transcription.errors import ModelUnavailable

_cards: Final[dict[str, catalog.ModelCard]] = {}
"""Only what was found: a model that is missing today may be downloaded tomorrow."""


def card_of(name: str) -> catalog.ModelCard | None:
    """Return the card of a model that is on this disk, None when it still has to be downloaded."""
    if name not in _cards:
        # Not `resolve`: hashing gigabytes is for the worker that loads the model.
        try:
            path = catalog.find(name, models_dir=conf().models_dir, bundled_dir=conf().bundled_models_dir)
            if path is None:
                return None
            _cards[name] = catalog.read_card(path)
        except ModelUnavailable:
            return None
    return _cards[name]
