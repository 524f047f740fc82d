"""Make an account, or give one a role."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from annotation.management.shell import find_project, operator
from annotation.models import User
from annotation.services import people
from annotation.states import Role


class Command(BaseCommand):
    """Make an account with a random password, shown once."""

    help = "Make an account with a random password (shown once), and give it a role in a project."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("username")
        parser.add_argument("--email", default="")
        parser.add_argument("--project", help="name or id of a project to join")
        parser.add_argument("--role", choices=Role.values, default=Role.ANNOTATOR.value)
        parser.add_argument("--supervisor", action="store_true", help="may look at everything in the admin")
        parser.add_argument("--new-password", action="store_true", help="for an account that exists")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the account and the membership, both or neither."""
        project = find_project(options["project"]) if options["project"] else None
        name = options["username"]
        with operator("add_user"), transaction.atomic():
            user = User.objects.filter(username=name).first()
            password = ""
            if user is None:
                user, password = people.add_person(name, email=options["email"], staff=options["supervisor"])
            elif options["new_password"]:
                password = people.renew_password(user)
            elif project is None:
                raise CommandError(
                    f"There is already an account named {name}. Give --project to let it join one, "
                    "or --new-password."
                )
            if project is not None:
                people.join(project, user, Role(options["role"]))
        if password:
            self.stdout.write(f"{name}: {password}")
            self.stderr.write("This password is not shown again.")
        if project is not None:
            self.stdout.write(f"{name} is {options['role']} in “{project.name}”.")
