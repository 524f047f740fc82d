"""What is known about the models on this machine, without loading one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db.models import Max

from annotation.conf import conf
from annotation.models import Project
from annotation.states import Pass
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


def models_in_use(passes: Collection[Pass]) -> list[str]:
    """List the models of the projects that are not archived, for some passes, the latest used first.

    A project is as recent as its newest recording; of one project the draft comes first, because a person
    waits for it.
    """
    projects = (
        Project.objects.filter(archived_at=None)
        .annotate(latest=Max("recordings__pk", default=0))
        .order_by("-latest", "-pk")
        .values_list("draft_model", "refine_model")
    )
    names: list[str] = []
    for draft, refine in projects:
        names += [draft] if Pass.DRAFT in passes else []
        names += [refine] if Pass.REFINE in passes and refine else []
    return list(dict.fromkeys(catalog.canonical(name) for name in names))
