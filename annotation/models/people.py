"""People who sign in."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """Sign in, hold memberships; `is_staff` makes a supervisor who audits in the admin."""

    class Meta(AbstractUser.Meta):
        db_table = "annotation_user"
