"""What is to be replaced by what, and in which rows of a project it stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from annotation.errors import Invalid
from annotation.models import Project, Replacement, User
from annotation.search.filters import conditions_of
from annotation.search.grams import fold, gram_query, lexeme, like
from annotation.search.query import Query, read

LONGEST: Final = 500
BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """Say what to look for, letter by letter, and what to put there."""

    find: str
    put: str = ""
    match_case: bool = True
    whole_words: bool = False
    query: str = ""
    """Filters of the search box that narrow the rows down."""

    @staticmethod
    def of(replacement: Replacement) -> Wish:
        """Return the wish behind a replacement."""
        return Wish(
            find=replacement.find,
            put=replacement.put,
            match_case=replacement.match_case,
            whole_words=replacement.whole_words,
            query=replacement.query,
        )

    def checked(self) -> Wish:
        """Return the wish in Unicode's form C; raise Invalid for one that cannot be meant."""
        find, put = (unicodedata.normalize("NFC", text) for text in (self.find, self.put))
        for name, text in (("find", find), ("put", put)):
            detail: dict[str, Any] = {name: f"at most {LONGEST} characters, no control characters"}
            bad = any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text)
            if len(text) > LONGEST or bad:
                raise Invalid(
                    f"Write up to {LONGEST} characters, none of them a control character.", **detail
                )
        if not find:
            raise Invalid("Say what to look for.", find="at least one character")
        if self.whole_words and not find.strip():
            raise Invalid("Blanks are no word; look for them without “whole words”.", whole_words="off")
        if find == put:
            raise Invalid("Both texts are the same; nothing would change.", put="another text")
        asked = read(self.query, narrowing=True)
        if asked.projects:
            raise Invalid(
                "A replacement is about this project alone; leave “project:” out.", query="no project"
            )
        return Wish(find, put, self.match_case, self.whole_words, self.query.strip())

    def pattern(self) -> re.Pattern[str]:
        """Return what finds it. The text is literal, so it takes no longer than the text is long."""
        literal = re.escape(self.find)
        if self.whole_words:
            literal = rf"(?<!\w){literal}(?!\w)"
        return re.compile(literal, 0 if self.match_case else re.IGNORECASE)

    def replaced(self, text: str, pattern: re.Pattern[str] | None = None) -> str:
        """Return the text with every place replaced."""
        return (pattern or self.pattern()).sub(lambda _: self.put, text)


@dataclass(frozen=True, slots=True)
class Row:
    """One segment in which it stands, as it is now; `standing` says why it may not be changed, if so."""

    segment: int
    recording: int
    revision: int
    text: str
    source: str
    standing: str


# What may be found is narrowed by the index; what is found is looked at letter by letter.
ROWS: Final = """
SELECT segment.id, segment.recording_id, segment.revision, segment.text, segment.source,
       CASE WHEN segment.locked THEN 'locked'
            WHEN segment.state = 'accepted' THEN 'accepted'
            WHEN EXISTS (SELECT 1 FROM annotation_lease lease
                          WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp())
            THEN 'leased' ELSE '' END
  FROM annotation_searchtext AS kept
  JOIN annotation_segment AS segment ON segment.id = kept.segment_id
  JOIN annotation_recording AS recording ON recording.id = kept.recording_id
 WHERE kept.project_id = %(project)s AND {tokens} AND {text} AND {filters}
   AND recording.trashed_at IS NULL AND kept.segment_id > %(last)s
 ORDER BY kept.segment_id LIMIT %(batch)s
"""


def rows_of(
    project: Project, user: User, wish: Wish, *, after: int = 0, batch: int = BATCH
) -> Iterator[list[Row]]:
    """Yield batches of the rows in which it stands, in the order of their segments."""
    query: Query = read(wish.query, narrowing=True)
    values: dict[str, Any] = {"project": project.pk, "batch": batch, "last": after}
    filters, _ = conditions_of(query, user, values)
    asked, literal = [lexeme(f"#{project.pk}")], []
    folded = [fold(wish.find), *(word.folded for word in query.wanted)]
    for number, piece in enumerate(folded):
        if piece:
            asked.append(f"({gram_query(piece)})")
            values[f"piece{number}"] = like(piece)
            literal.append(f"kept.text LIKE %(piece{number})s")
    for number, word in enumerate(word for word in query.words if word.without):
        values[f"without{number}"] = like(word.folded)
        literal.append(f"kept.text NOT LIKE %(without{number})s")
    if not folded[0]:  # blanks, of which the index knows one
        values["blank"] = wish.find
        literal.append("position(%(blank)s IN segment.text) > 0")
    values["tokens"] = " & ".join(asked)
    tokens = "annotation_tokens(kept.project_id, kept.text, kept.heard, kept.stems) @@ %(tokens)s::tsquery"
    statement = ROWS.format(
        tokens=tokens if len(asked) > 1 else "true",
        text=" AND ".join(literal) or "true",
        filters=filters,
    )
    pattern = wish.pattern()
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            found = [Row(*row) for row in cursor.fetchall()]
        yield [row for row in found if pattern.search(row.text)]
        if len(found) < batch:
            return
        values["last"] = found[-1].segment
