"""Which decided rows are looked at again, and what gold says about the people who met it.

The second check is drawn as people decide, annotator by annotator: of every hundred of their decisions as
many as the project says, at places that its seed names. So the share holds for everybody, the draw is done
once and for all, and can be repeated by whoever knows the seed (`drawn_places`).

Gold is a row whose text a reviewer wrote down before any annotator met it. The row itself knows nothing of
it: it lies in the queue like all others and what people do with it is an ordinary decision, so nothing they
can read tells it apart. The first decision of each person is scored in its own transaction.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection
from django.db.models import F

from annotation.models import Decision, Gold, GoldScore, Project, SampleCount, SecondCheck, Segment, User
from annotation.services.decisions import PROFILE
from annotation.states import DecisionKind
from transcription.text.metrics import count_errors

BLOCK: Final = 100
"""Decisions of which as many are drawn as the project's per cent."""

COUNT: Final = """
INSERT INTO annotation_samplecount AS counted (project_id, annotator_id, decided, drawn)
VALUES (%(project)s, %(annotator)s, 1, 0)
ON CONFLICT (project_id, annotator_id) DO UPDATE SET decided = counted.decided + 1
RETURNING decided
"""


def drawn_places(seed: int, annotator: int, block: int, percent: int) -> frozenset[int]:
    """Return which places, 0 to 99, of an annotator's `block`-th hundred decisions are drawn."""
    # A string seeds Python's generator by its SHA-512: the same on every machine and in every process.
    dice = random.Random(f"{seed}:{annotator}:{block}")  # noqa: S311 - reproducible on purpose
    return frozenset(dice.sample(range(BLOCK), percent))


def note_decided(project: Project, segment: Segment, annotator: User) -> bool:
    """Count a row that an annotator has decided for the first time; say whether it was drawn.

    To be called in the transaction of the decision.
    """
    if not project.review_percent:
        return False
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"project": project.pk, "annotator": annotator.pk})
        (number,) = cursor.fetchone()
    block, place = divmod(number - 1, BLOCK)
    if place not in drawn_places(project.sample_seed, annotator.pk, block, project.review_percent):
        return False
    _, made = SecondCheck.objects.get_or_create(
        segment=segment,
        defaults={"project": project, "annotator": annotator, "number": number},
    )
    if made:
        SampleCount.objects.filter(project=project, annotator=annotator).update(drawn=F("drawn") + 1)
    return made


def pass_on(old: Sequence[Segment], made: Sequence[Segment]) -> None:
    """Let what takes the place of rows be looked at as they were to be; they keep theirs for an undo."""
    open_ones = SecondCheck.objects.filter(segment__in=old, done_at=None)
    check = open_ones.order_by("-again", "pk").first()
    if check is not None:
        SecondCheck.objects.bulk_create(
            SecondCheck(
                project_id=check.project_id,
                segment=row,
                annotator_id=check.annotator_id,
                number=check.number,
                again=check.again,
            )
            for row in made
        )


DRAWN: Final = """
SELECT person.username, counted.decided, counted.drawn
  FROM annotation_samplecount counted JOIN annotation_user person ON person.id = counted.annotator_id
 WHERE counted.project_id = %s ORDER BY person.username
"""


def drawn(project: Project) -> list[dict[str, Any]]:
    """Return how many rows each annotator has decided, and how many of them were drawn."""
    with connection.cursor() as cursor:
        cursor.execute(DRAWN, [project.pk])
        return [
            {"username": name, "decided": decided, "drawn": found}
            for name, decided, found in cursor.fetchall()
        ]


# -- Gold ------------------------------------------------------------------------------------------------


def score_gold(
    segment: Segment, user: User, kind: DecisionKind, text: str, decision: Decision
) -> GoldScore | None:
    """Score a person's first decision about a gold row; None where it is none, or they wrote it themselves.

    A skipped row is taken as one in which nothing is said. To be called in the decision's transaction.
    """
    gold = Gold.objects.filter(segment=segment, withdrawn_at=None).first()
    if gold is None or gold.author_id == user.pk:
        return None
    said = "" if kind == DecisionKind.SKIP else text
    limit = segment.project.gold_limit
    words = count_errors(gold.text, said, profile=PROFILE)
    characters = count_errors(gold.text, said, unit="character", profile=PROFILE)
    rate = words.rate if words.rate is not None else float(words.errors > 0)
    score, made = GoldScore.objects.get_or_create(
        gold=gold,
        annotator=user,
        defaults={
            "project": segment.project,
            "decision": decision,
            "profile": PROFILE,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "words": words.reference_length,
            "character_errors": characters.errors,
            "characters": characters.reference_length,
            "passed": rate <= limit + 1e-9,
            "limit": limit,
        },
    )
    return score if made else None


RATES: Final = """
SELECT person.username, count(*), count(*) FILTER (WHERE score.passed),
       sum(score.substitutions + score.deletions + score.insertions)::bigint, sum(score.words)::bigint,
       sum(score.character_errors)::bigint, sum(score.characters)::bigint,
       string_agg(DISTINCT score.profile, ', ')
  FROM annotation_goldscore score LEFT JOIN annotation_user person ON person.id = score.annotator_id
 WHERE score.project_id = %s
 GROUP BY person.username ORDER BY person.username
"""


def gold_rates(project: Project) -> list[dict[str, Any]]:
    """Return how each person did on gold: rows met and passed, and the errors, pooled."""
    with connection.cursor() as cursor:
        cursor.execute(RATES, [project.pk])
        return [
            {
                "username": name or "",
                "met": met,
                "passed": passed,
                "errors": errors,
                "words": words,
                "character_errors": letters_wrong,
                "characters": letters,
                "pass_rate": passed / met,
                "wer": errors / words if words else None,
                "cer": letters_wrong / letters if letters else None,
                "profile": profiles,
            }
            for name, met, passed, errors, words, letters_wrong, letters, profiles in cursor.fetchall()
        ]
