"""The people of every test: members of one project in each role, and those who are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from annotation.models import Membership, Project, User
from annotation.states import Role
from tests.factories import make_project, make_user

PASSWORD: Final = "a long enough secret"


@dataclass(frozen=True, slots=True)
class Cast:
    """Hold one project and everybody who may, or may not, work in it."""

    project: Project
    annotator: User
    reviewer: User
    manager: User
    outsider: User
    supervisor: User

    def named(self, name: str) -> User:
        """Return a person by their part."""
        person: User = getattr(self, name)
        return person


MEMBERS: Final = ("annotator", "reviewer", "manager")
EVERYBODY: Final = (*MEMBERS, "outsider", "supervisor")


def make_cast(suffix: str = "") -> Cast:
    """Make the project, its members, an outsider with a project of their own, and a staff supervisor.

    `suffix` makes the names of a second cast its own.
    """
    project = make_project("Calls")
    people = {name: make_user(f"{name}{suffix}", password=PASSWORD) for name in EVERYBODY}
    for name in MEMBERS:
        Membership.objects.create(project=project, user=people[name], role=Role(name))
    people["supervisor"].is_staff = True
    people["supervisor"].save(update_fields=["is_staff"])
    elsewhere = make_project("Elsewhere")
    Membership.objects.create(project=elsewhere, user=people["outsider"], role=Role.MANAGER)
    return Cast(project=project, **people)
