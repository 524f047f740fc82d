"""Make accounts from the command line, where whoever can run commands may do everything."""

from __future__ import annotations

import secrets
from typing import Final

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from annotation.errors import Conflict, Invalid
from annotation.models import Membership, Project, User
from annotation.states import Role

SUPERVISORS: Final = "Supervisors"
"""The group of staff who audit: they may look at everything in the admin and change nothing."""
PASSWORD_BYTES: Final = 12
"""16 characters of Base64: 96 bits."""


def add_person(
    username: str, *, password: str | None = None, email: str = "", staff: bool = False
) -> tuple[User, str]:
    """Make an account; return it and its password, a random one where none was given.

    `staff` makes a supervisor. Raises Invalid for a name Django refuses, Conflict where it is taken.
    """
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError as error:
        raise Invalid(f"{username!r} is no user name: {error.messages[0]}", username="a user name") from error
    secret = password or secrets.token_urlsafe(PASSWORD_BYTES)
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, email or None, secret, is_staff=staff)
            if staff:
                user.groups.add(supervisors())
    except IntegrityError:
        raise Conflict(f"There is already an account named {username}.") from None
    return user, secret


def renew_password(user: User) -> str:
    """Give an account a new random password and return it; its old sessions end."""
    secret = secrets.token_urlsafe(PASSWORD_BYTES)
    user.set_password(secret)
    user.save(update_fields=["password"])
    return secret


def join(project: Project, user: User, role: Role) -> Membership:
    """Give a person a role in a project, or another than before, on nobody's behalf but the operator's."""
    membership, _ = Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
    return membership


def supervisors() -> Group:
    """Return the group of supervisors with the right to view every table of this app, the audit too."""
    group, _ = Group.objects.get_or_create(name=SUPERVISORS)
    group.permissions.set(
        Permission.objects.filter(content_type__app_label="annotation", codename__startswith="view_")
    )
    return group
