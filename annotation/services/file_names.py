"""Names of recordings as files: fit for every disk, and no two alike in a project."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from annotation.models import Project, Recording

UNFIT: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FileName:
    """Say how a recording is called as a file, and how what is made of it is, without an ending."""

    file: str
    stem: str


def file_names(project: Project) -> dict[int, FileName]:
    """Return the names of a project's recordings: the one each came with, with its id where that is taken.

    They depend on all of its recordings and not on the rows that are chosen, so each is called the same in
    every export, and an import finds it by that name.
    """
    rows = Recording.objects.filter(project=project, trashed_at=None).order_by("pk")
    parts = {pk: fit(name) for pk, name in rows.values_list("pk", "name")}
    stems = Counter(stem.lower() for stem, _ in parts.values())
    files = Counter(f"{stem}{ending}".lower() for stem, ending in parts.values())
    found = {}
    for pk, (stem, ending) in parts.items():
        # “call-12” is taken, too, where recording 12 is a “call”.
        base, _, number = stem.rpartition("-")
        other = parts.get(int(number)) if number.isdecimal() else None
        taken = other is not None and other[0].lower() == base.lower()
        numbered = f"{stem}-{pk}"
        found[pk] = FileName(
            file=f"{numbered if taken or files[f'{stem}{ending}'.lower()] > 1 else stem}{ending}",
            stem=numbered if taken or stems[stem.lower()] > 1 else stem,
        )
    return found


def fit(name: str) -> tuple[str, str]:
    """Return a name that every disk takes, and apart from it its ending with the dot."""
    text = UNFIT.sub("_", name).strip(". ") or "recording"
    stem, dot, ending = text.rpartition(".")
    if not stem:
        stem, dot, ending = text, "", ""
    if DEVICES.match(stem):
        stem = f"_{stem}"
    return stem[:150].rstrip(". "), f"{dot}{ending}"[:50]
