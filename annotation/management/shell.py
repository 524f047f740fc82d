"""What the commands share: the name under which they change rows, and errors without a traceback."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from annotation.audit import Actor, acting_as
from annotation.errors import AnnotationError
from annotation.models import Project


@contextmanager
def operator(command: str) -> Iterator[None]:
    """Attribute what the block changes to the account that runs the command; say refusals in one line."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = f"uid {os.geteuid()}"  # a container's account need not have a name
    try:
        with acting_as(Actor(id=None, name=f"{account} (manage.py {command})", source="shell")):
            yield
    except AnnotationError as error:
        raise CommandError(error.message) from error


def find_project(name_or_id: str) -> Project:
    """Return the project with this id or exactly this name; refuse where there is none or more than one."""
    if name_or_id.isdecimal():
        project = Project.objects.filter(pk=int(name_or_id)).first()
        if project is not None:
            return project
    found = list(Project.objects.filter(name=name_or_id)[:2])
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"Several projects are named {name_or_id!r}; give its id.")
    names = ", ".join(f"{p.name!r} ({p.pk})" for p in Project.objects.order_by("pk")[:10]) or "none yet"
    raise CommandError(f"There is no project {name_or_id!r}. There are: {names}.")
