"""`manage.py setup_database`: the three roles and the database, on a PostgreSQL of one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from psycopg.conninfo import conninfo_to_dict

from config import connections, roles


class Command(BaseCommand):
    """Make what the three addresses name; may be run again at any time."""

    help = "Make the three roles and the database that DATABASE_URL and its like name, as an administrator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--admin-url", help="the administrator; unset: ADMIN_DATABASE_URL")
        parser.add_argument("--renew-passwords", action="store_true", help="for roles that exist, too")

    def handle(self, *args: Any, **kwargs: Any) -> None:
        options = settings.OPTIONS
        if options.embedded_postgres:
            raise CommandError(
                "the embedded PostgreSQL sets itself up; this is for one named by DATABASE_URL."
            )
        admin = self._admin(kwargs["admin_url"])
        wanted = {
            key: connections.database_params(alias, options, settings.SECRETS, settings.PLACES)
            for key, alias in (("app", "default"), ("owner", "owner"), ("readonly", "readonly"))
        }
        names = roles.RoleNames(**{key: params["user"] for key, params in wanted.items()})
        if names != roles.RoleNames():
            # The migrations grant by these names.
            wanted_names = ", ".join(f"{alias} as {role}" for alias, role in connections.ROLES.items())
            raise CommandError(f"the three addresses have to name the roles of Earmark: {wanted_names}.")
        passwords = {key: str(params.get("password", "")) for key, params in wanted.items()}
        lacking = sorted(key for key, password in passwords.items() if len(password) < 8)
        if lacking:
            raise CommandError(f"a password of at least 8 characters is needed for: {', '.join(lacking)}.")
        database = str(wanted["app"]["dbname"])
        try:
            roles.apply(admin, database, passwords, names, renew_passwords=kwargs["renew_passwords"])
        except psycopg.Error as error:
            raise CommandError(f"PostgreSQL refused: {error}") from error
        self.stdout.write(self.style.SUCCESS(f"Database {database} and its three roles are ready."))

    def _admin(self, given: str | None) -> dict[str, Any]:
        """Return libpq parameters of the administrator, its password from a file when one is named."""
        file = os.environ.get("ADMIN_DATABASE_PASSWORD_FILE")
        try:
            params: dict[str, Any] = dict(conninfo_to_dict(given or os.environ.get("ADMIN_DATABASE_URL", "")))
            if file:
                params["password"] = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CommandError(f"the administrator's password cannot be read: {error}") from error
        except psycopg.ProgrammingError as error:
            raise CommandError(f"the administrator's address cannot be read: {error}") from None
        if not params:
            raise CommandError("name the administrator: --admin-url postgresql://postgres@host/postgres")
        return params
