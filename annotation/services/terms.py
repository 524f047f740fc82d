"""Keep a project's glossary: add, change and remove terms; offer those that people write again and again.

Which terms there are, and their order, is the project's list; a trigger keeps a row of details for each. So a
settings page or a client that knows only the list goes on working.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from annotation.errors import Conflict, Invalid
from annotation.models import Project, Term, User
from annotation.permissions import require
from annotation.quality.replaced import most_replaced
from annotation.quality.scope import Scope
from annotation.services.segments import clean_text
from annotation.states import TermCase

LONGEST: Final = 100
LONGEST_NOTE: Final = 500
MOST: Final = 1000
MOST_VARIANTS: Final = 20
OFFERED: Final = 30
OFTEN: Final = 2
"""Corrected so often, a word may be a term; once is a slip."""
DETAILS: Final = ("language", "variants", "note", "case_rule")


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer a word as a term: what machines heard instead of it, and how often people corrected that."""

    text: str
    heard: tuple[str, ...]
    times: int
    segments: int


def add(*, user: User, project: Project, text: object, **details: Any) -> Term:
    """Add a term at the end of the glossary; raise Conflict where it is there already."""
    require(user, "glossary", project)
    term = _text(text)
    values = _details(details)
    with transaction.atomic():
        fresh = _held(project)
        if term in fresh.glossary:
            raise Conflict(f"“{term}” is in the glossary already.", code="term_exists")
        if len(fresh.glossary) >= MOST:
            raise Conflict(f"A glossary holds up to {MOST:,} terms; remove some first.")
        _keep(fresh, [*fresh.glossary, term])
        row = Term.objects.get(project=project, text=term)
        Term.objects.filter(pk=row.pk).update(created_by=user, **values)
    row.refresh_from_db()
    return row


def change(*, user: User, term: Term, **values: Any) -> Term:
    """Change a term's writing or what is known about it."""
    require(user, "glossary", term.project)
    details = _details({name: value for name, value in values.items() if name != "text"})
    with transaction.atomic():
        fresh = _held(term.project)
        if "text" in values and (text := _text(values["text"])) != term.text:
            if text in fresh.glossary:
                raise Conflict(f"“{text}” is in the glossary already.", code="term_exists")
            # First the row, so that the list's trigger finds it under its new name.
            rows = Term.objects.filter(pk=term.pk, text=term.text).update(text=text)
            if not rows:
                raise Conflict("Somebody has changed or removed this term; load the glossary again.")
            _keep(fresh, [text if old == term.text else old for old in fresh.glossary])
        if details:
            Term.objects.filter(pk=term.pk).update(**details)
    return Term.objects.select_related("project", "created_by").get(pk=term.pk)


def remove(*, user: User, term: Term) -> None:
    """Take a term out of the glossary."""
    require(user, "glossary", term.project)
    with transaction.atomic():
        fresh = _held(term.project)
        _keep(fresh, [text for text in fresh.glossary if text != term.text])


def listed(project: Project) -> list[Term]:
    """List the terms in the glossary's order: the first ones are what models read."""
    rows = {term.text: term for term in Term.objects.filter(project=project).select_related("created_by")}
    order = Project.objects.values_list("glossary", flat=True).get(pk=project.pk)
    return [rows[text] for text in order if text in rows]


def offers(project: Project) -> list[Offer]:
    """Offer the words that people most often wrote in place of a machine's, the glossary's left out."""
    found: dict[str, list[Any]] = {}
    for pair in most_replaced(Scope(project), most=10 * OFFERED):
        if not pair.known and 1 < len(pair.written) <= LONGEST:
            found.setdefault(pair.written, []).append(pair)
    made = [
        Offer(
            text,
            tuple(pair.heard for pair in pairs[:5]),
            sum(pair.times for pair in pairs),
            max(pair.segments for pair in pairs),
        )
        for text, pairs in found.items()
    ]
    often = [offer for offer in made if offer.times >= OFTEN]
    return sorted(often, key=lambda offer: (-offer.times, offer.text))[:OFFERED]


def _held(project: Project) -> Project:
    """Lock the project's row, so that two people who add terms at once both find theirs there."""
    return Project.objects.select_for_update().get(pk=project.pk)


def _keep(project: Project, glossary: Sequence[str]) -> None:
    project.glossary = list(glossary)
    project.save(update_fields=["glossary"])


def _text(value: object) -> str:
    text = clean_text(value, field="text", longest=LONGEST)
    if not text or "\n" in text:
        raise Invalid("Write the term as it is to stand in the text, in one line.", text="one line of text")
    return text


def _details(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(values) - set(DETAILS))
    if unknown:
        raise Invalid("Some fields are unknown.", **dict.fromkeys(unknown, f"one of {', '.join(DETAILS)}"))
    made: dict[str, Any] = dict(values)
    if "language" in made:
        made["language"] = clean_text(made["language"], field="language", longest=12).lower()
    if "note" in made:
        made["note"] = clean_text(made["note"], field="note", longest=LONGEST_NOTE)
    if "case_rule" in made and made["case_rule"] not in TermCase.values:
        raise Invalid("Unknown rule for its case.", case_rule=" or ".join(TermCase.values))
    if "variants" in made:
        given = made["variants"]
        if not isinstance(given, list) or len(given) > MOST_VARIANTS:
            raise Invalid(f"Give up to {MOST_VARIANTS} variants.", variants="list of texts")
        cleaned = [clean_text(one, field="variants", longest=LONGEST) for one in given]
        made["variants"] = list(dict.fromkeys(one for one in cleaned if one))
    return made
