"""The demo: a project with toy models, a few recordings, and four people with well-known passwords."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.contrib.auth.models import Permission
from django.db import transaction

from annotation import storage
from annotation.errors import Duplicate, Invalid
from annotation.models import Job, Project, Recording, User
from annotation.services import people
from annotation.services.projects import create_project
from annotation.services.recordings import StoredFile, add_recording
from annotation.states import Role

PROJECT: Final = "Demo: service desk"
MEMBERS: Final = {"annotator": Role.ANNOTATOR, "reviewer": Role.REVIEWER, "manager": Role.MANAGER}
SUPERVISOR: Final = "supervisor"
DESCRIPTION: Final = (
    "Synthetic calls and field notes, transcribed by two toy models that know about 390 words. "
    "The models are useless on real speech: a project of your own uses real Whisper models."
)
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Demo:
    """Tell what the demo consists of and what was made just now."""

    project: Project
    new_people: tuple[str, ...]
    new_recordings: tuple[str, ...]
    jobs: tuple[Job, ...]


def password_of(name: str) -> str:
    """Return the password of a demo account: known to everybody, so never made in production."""
    return f"{name}-demo"


def ensure_demo(folder: Path) -> Demo:
    """Make the demo from the recordings of `folder` where it does not exist; whole or not at all.

    People and recordings that somebody has removed since stay removed.
    """
    files = _files(folder)
    with transaction.atomic():
        project = Project.objects.filter(name=PROJECT).first()
        if project is not None:
            return Demo(project, (), (), ())
        team, made = _ensure_people()
        project = create_project(
            user=team["manager"],
            name=PROJECT,
            description=DESCRIPTION,
            language="en",
            draft_model="demo-draft",
            refine_model="demo-refine",
            # The toy models hear one sentence at a time, of two to eight seconds.
            segment_target_ms=4_000,
            segment_max_ms=8_000,
        )
        for name, role in MEMBERS.items():
            people.join(project, team[name], role)
        added: list[tuple[Recording, Job]] = []
        for path in files:
            try:
                added.append(
                    add_recording(user=team["manager"], project=project, name=path.name, file=_store(path))
                )
            except Duplicate:
                continue
    return Demo(project, made, tuple(r.name for r, _ in added), tuple(job for _, job in added))


def _ensure_people() -> tuple[dict[str, User], tuple[str, ...]]:
    team: dict[str, User] = {}
    made: list[str] = []
    for name in (*MEMBERS, SUPERVISOR):
        user = User.objects.filter(username=name).first()
        if user is None:
            user, _ = people.add_person(name, password=password_of(name), staff=name == SUPERVISOR)
            made.append(name)
        team[name] = user
    # So that the manager can open a project of their own.
    team["manager"].user_permissions.add(
        Permission.objects.get(content_type__app_label="annotation", codename="add_project")
    )
    return team, tuple(made)


def _files(folder: Path) -> list[Path]:
    try:
        listed = json.loads((folder / "references.json").read_text(encoding="utf-8"))
        files = [folder / str(entry["file"]) for entry in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{folder} holds no demo: references.json cannot be read ({error}).") from error
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise Invalid(f"{folder} lacks {', '.join(missing)}; get the repository again.")
    return files


def _store(source: Path) -> StoredFile:
    """Copy a file onto the media disk, hashing it on the way, as an upload does."""
    target = storage.upload_path(uuid.uuid4())
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as read, target.open("xb") as write:
        while block := read.read(_BLOCK):
            digest.update(block)
            write.write(block)
            size += len(block)
    return StoredFile(target, digest.hexdigest(), size)
