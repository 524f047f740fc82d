"""The terms of a glossary as models and checks take them: of one language, within what a model reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from annotation.models import Project, Recording, Segment, Term
from annotation.states import TermCase

MOST_TOKENS: Final = 200
"""Whisper reads 223 tokens of hotwords at most (half its context); what is beyond is cut off in mid-word."""

MOST_FACTS: Final = 200
"""Rows of a recording whose metadata are looked at."""


class Variant(NamedTuple):
    """What is said or heard instead of a term, and the term."""

    heard: str
    term: str


@dataclass(frozen=True, slots=True)
class Terms:
    """Hold the terms that hold for one language."""

    texts: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    initial: frozenset[str] = frozenset()
    """Terms that may begin with a capital."""
    any_case: frozenset[str] = frozenset()


def terms_of(project: Project, language: str = "") -> Terms:
    """Return the terms of a project in its order, those of other languages left out."""
    if not project.glossary:
        return Terms()
    known = {term.text: term for term in Term.objects.filter(project=project)}
    texts, variants, initial, any_case = [], [], set(), set()
    for text in project.glossary:
        term = known.get(text)
        if term is not None and term.language and language and term.language != language:
            continue
        texts.append(text)
        if term is None:
            continue
        variants += [Variant(heard, text) for heard in term.variants]
        if term.case_rule == TermCase.INITIAL:
            initial.add(text)
        elif term.case_rule == TermCase.ANY:
            any_case.add(text)
    return Terms(tuple(texts), tuple(variants), frozenset(initial), frozenset(any_case))


def hotwords(project: Project, language: str = "", recording: Recording | None = None) -> str | None:
    """Return what a model is told to expect: terms in their order, as many as it reads; None without any.

    Where it reads not all of them, those come first that the recording's name or metadata speak of.
    """
    texts = terms_of(project, language).texts
    if recording is not None and sum(tokens_in(text) + 1 for text in texts) > MOST_TOKENS:
        facts = _facts_of(recording)
        texts = tuple(sorted(texts, key=lambda text: text.casefold() not in facts))
    taken: list[str] = []
    left = float(MOST_TOKENS)
    for text in texts:
        cost = tokens_in(text) + 1  # the comma
        if cost > left:
            break
        left -= cost
        taken.append(text)
    return ", ".join(taken) or None


def _facts_of(recording: Recording) -> str:
    rows = Segment.objects.filter(recording=recording).exclude(metadata={}).order_by()
    known = rows.values_list("metadata", flat=True).distinct()[:MOST_FACTS]
    told = (str(value) for facts in known for value in facts.values())
    return "\n".join([recording.name, *told]).casefold()


def tokens_in(text: str) -> float:
    """Estimate the tokens of a name, rather too many than too few.

    The model's own tokenizer is not at hand where work is planned. Byte-pair encodings take about a token for
    two or three letters of a Latin name, up to one a letter of two bytes, and more for one of three.
    """
    weights = (0.45 if letter < "\x80" else 0.9 if letter < "\u0800" else 1.5 for letter in text)
    return sum(weights)
