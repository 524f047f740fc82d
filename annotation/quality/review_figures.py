"""The figures of review: agreement of blind readers, gold, and what the second check draws.

Annotators see their own agreement. Gold and draws are nobody's to see whose work they are about.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connection

from annotation.quality import plots
from annotation.quality.agreement import agreements
from annotation.quality.figures import Column, Figure, dot, share, spread
from annotation.quality.intervals import RATIO, WILSON, wilson
from annotation.quality.scope import Scope

PLOTTED: Final = 15

EVERYBODY: Final = "everybody"


def agreement(scope: Scope, by: str) -> Figure:
    found = agreements(scope)
    rows, dots = [], []
    for one in found:
        name = EVERYBODY if one.reader is None else one.username
        rate, letters = share(one.edits, one.words), share(one.character_edits, one.characters)
        rows.append(
            {
                "annotator": name, "id": str(one.reader or ""), "pairs": one.pairs,
                **spread("agreed", one.agreed), **spread("wer", one.wer, rate),
                **spread("cer", one.cer, letters),
                "words": one.words, "characters": one.characters,
            }
        )  # fmt: skip
        both = dot(name, one.wer, rate), dot(f"{name}, CER", one.cer, letters, 1)
        dots += [shown for shown in both if shown is not None]
    title = "How far blind readers are apart"
    return Figure(
        "agreement", "", title,
        "Edits between two texts of a segment, over the mean length of both: 0 where they are the same, "
        "200 % where only one is empty. Who skipped has written nothing. A pair counts for both who read it.",
        (
            Column("annotator", "Annotator"), Column("pairs", "Pairs", "count"),
            Column("agreed", "Agreed", "share", interval=True),
            Column("wer", "WER", "share", interval=True), Column("cer", "CER", "share", interval=True),
            Column("words", "Words of both", "count", minor=True),
            Column("characters", "Characters of both", "count", minor=True),
        ),
        rows,
        plots.intervals("agreement", title, "Symmetric error rates of readers.", dots[: 2 * PLOTTED]),
        ((0, "words (WER)"), (1, "characters (CER)")) if dots else (),
        method=f"Rates: {RATIO}. Agreed: {WILSON}",
    )  # fmt: skip


GOLD: Final = """
SELECT person.id, person.username, count(*), count(*) FILTER (WHERE score.passed),
       sum(score.substitutions + score.deletions + score.insertions)::bigint, sum(score.words)::bigint,
       sum(score.character_errors)::bigint, sum(score.characters)::bigint
  FROM annotation_goldscore score JOIN annotation_gold gold ON gold.id = score.gold_id
  JOIN annotation_segment segment ON segment.id = gold.segment_id
  JOIN annotation_user person ON person.id = score.annotator_id
 WHERE score.project_id = %(project)s
   AND (%(since)s::timestamptz IS NULL OR score.created_at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR score.created_at < %(until)s)
   AND (%(author)s::bigint IS NULL OR person.id = %(author)s)
   AND (%(recording)s::bigint IS NULL OR segment.recording_id = %(recording)s)
 GROUP BY person.id ORDER BY person.username
"""


def gold(scope: Scope, by: str) -> Figure:
    rows, dots = [], []
    for pk, name, met, passed, errors, words, letters_wrong, letters in _rows(GOLD, scope):
        found = wilson(passed, met)
        rows.append(
            {
                "annotator": name, "id": str(pk), "met": met, "passed": passed,
                **spread("pass_rate", found),
                "errors": errors, "words": words, "wer": share(errors, words),
                "character_errors": letters_wrong, "characters": letters,
                "cer": share(letters_wrong, letters),
            }
        )  # fmt: skip
        dots.append(plots.Dot(name, found.value, found.low, found.high))
    title = "Gold passed"
    return Figure(
        "gold", "", title,
        "Each person's first text of rows whose text a reviewer had written down before, unseen.",
        (
            Column("annotator", "Annotator"), Column("met", "Met", "count"),
            Column("passed", "Passed", "count"),
            Column("pass_rate", "Pass rate", "share", interval=True), Column("wer", "WER", "share"),
            Column("cer", "CER", "share"), Column("errors", "Errors", "count", minor=True),
            Column("words", "Words", "count", minor=True),
            Column("character_errors", "Character errors", "count", minor=True),
            Column("characters", "Characters", "count", minor=True),
        ),
        rows, plots.intervals("gold", title, "Share of gold rows passed, by person.", dots[:PLOTTED]),
        method=f"Pass rate: {WILSON}",
    )  # fmt: skip


DRAWN: Final = """
SELECT person.id, person.username, counted.decided, counted.drawn,
       (SELECT count(*) FROM annotation_secondcheck second
         WHERE second.project_id = counted.project_id AND second.annotator_id = person.id
           AND second.number IS NOT NULL AND second.done_at IS NOT NULL)
  FROM annotation_samplecount counted JOIN annotation_user person ON person.id = counted.annotator_id
 WHERE counted.project_id = %(project)s AND (%(author)s::bigint IS NULL OR person.id = %(author)s)
 ORDER BY person.username
"""


def drawn(scope: Scope, by: str) -> Figure:
    rows = [
        {
            "annotator": name, "id": str(pk), "decided": decided, "drawn": picked,
            "share": share(picked, decided), "checked": checked,
        }
        for pk, name, decided, picked, checked in _rows(DRAWN, scope)
    ]  # fmt: skip
    dots = [shown for row in rows if (shown := dot(str(row["annotator"]), None, row["share"])) is not None]
    title = "Drawn for the second check"
    return Figure(
        "drawn", "", title,
        "Of what each person has decided, how much was drawn at random to be looked at again. Since the "
        "project began: days and recordings do not narrow it.",
        (
            Column("annotator", "Annotator"), Column("decided", "Decided", "count"),
            Column("drawn", "Drawn", "count"), Column("share", "Share", "share"),
            Column("checked", "Looked at", "count"),
        ),
        rows, plots.intervals("drawn", title, "Share of decisions drawn, by person.", dots[:PLOTTED]),
        method="Counted",
    )  # fmt: skip


def _rows(statement: str, scope: Scope) -> list[tuple[Any, ...]]:
    """Return the rows of a statement; none to whom they would be about."""
    if scope.own:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, scope.values())
        return list(cursor.fetchall())
