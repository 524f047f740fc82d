"""Put a word that people keep correcting into the glossary, with what is heard instead of it."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from annotation.errors import Invalid
from annotation.models import Project, Term, User
from annotation.permissions import require
from annotation.services import projects

LONGEST: Final = 100
MOST_VARIANTS: Final = 50


def add(*, user: User, project: Project, written: str, heard: str = "") -> Term:
    """Add `written` to the glossary and `heard` to its variants; what is there already stays as it is."""
    require(user, "settings", project)
    written, heard = written.strip(), heard.strip()
    if not 0 < len(written) <= LONGEST or len(heard) > LONGEST:
        raise Invalid(f"A term has 1 to {LONGEST} characters.", written=f"1 to {LONGEST} characters")
    with transaction.atomic():
        fresh = Project.objects.select_for_update().get(pk=project.pk)
        if written not in fresh.glossary:
            projects.update_project(user=user, project=fresh, glossary=[*fresh.glossary, written])
        term = Term.objects.select_for_update().get(project=fresh, text=written)
        known = {variant.casefold() for variant in (*term.variants, written)}
        if heard and heard.casefold() not in known and len(term.variants) < MOST_VARIANTS:
            term.variants = [*term.variants, heard]
            term.save(update_fields=["variants"])
    return term
