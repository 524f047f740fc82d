"""What a figure is about: which project, which days, whose texts, which model; and who may ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from annotation.errors import Denied, Invalid
from annotation.models import Project
from annotation.permissions import ALLOWED, Person, require

FILTERS: Final = ("since", "until", "annotator", "model", "recording")
"""Parameters of every figure; days are of the UTC calendar, both ends included."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Narrow figures to some of a project's texts. `own`: the reader may see nobody's figures but theirs."""

    project: Project
    since: date | None = None
    until: date | None = None
    author: int | None = None
    """Whose texts are the references."""
    model: str = ""
    recording: int | None = None
    own: bool = False

    def values(self) -> dict[str, Any]:
        """Return the parameters of the statements in this package."""
        return {
            "project": self.project.pk,
            "language": self.project.language,
            "since": _midnight(self.since),
            "until": _midnight(self.until + timedelta(days=1)) if self.until else None,
            "author": self.author,
            "model": self.model or None,
            "recording": self.recording,
        }

    @property
    def key(self) -> str:
        """Return what tells this scope from others of the project."""
        return f"{self.since}:{self.until}:{self.author}:{self.recording}:{self.own}:{self.model}"

    @property
    def narrowed(self) -> bool:
        """Tell whether anything but the reader's own role leaves texts out."""
        other = self.author is not None and not self.own
        return bool(self.since or self.until or other or self.model or self.recording)


def scope_for(person: Person, project: Project, wanted: Mapping[str, str]) -> Scope:
    """Read a scope from the words of a query; annotators get their own figures, whatever they ask for.

    Raises Invalid with the field that is wrong, and Denied to annotators who ask for somebody else's.
    """
    role = require(person, "view", project)
    own = role not in ALLOWED["quality"]
    author = _number(wanted, "annotator")
    if own:
        if author not in (None, person.pk):
            raise Denied(
                "You may see your own figures only. Leave `annotator` out, or ask a reviewer.",
                action="quality",
                role=role.value,
            )
        author = person.pk
    since, until = _day(wanted, "since"), _day(wanted, "until")
    if since and until and until < since:
        raise _invalid("until", "The last day lies before the first one.", "a day not before `since`")
    model = wanted.get("model", "")
    if len(model) > 200 or not model.isprintable():
        raise _invalid("model", "That is no name of a model.", "a name as the figures give it")
    return Scope(project, since, until, author, model, _number(wanted, "recording"), own)


def _day(wanted: Mapping[str, str], name: str) -> date | None:
    raw = wanted.get(name, "")
    if not raw:
        return None
    try:
        day = date.fromisoformat(raw)
    except ValueError:
        day = None
    if day is None or len(raw) != 10 or not 1970 <= day.year <= 9998:
        raise _invalid(name, f"`{name}` is no day; write it as 2026-03-31.", "YYYY-MM-DD")
    return day


def _number(wanted: Mapping[str, str], name: str) -> int | None:
    raw = wanted.get(name, "")
    if not raw:
        return None
    if not (raw.isascii() and raw.isdecimal() and len(raw) < 19):
        raise _invalid(name, f"`{name}` is no id.", "an id, a whole number")
    return int(raw)


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def _invalid(field: str, message: str, expected: str) -> Invalid:
    detail: dict[str, Any] = {field: expected}
    return Invalid(message, **detail)


# A score counts while its segment is at the revision it was counted with, and lies in no trash.
SCORED: Final = """
scored AS NOT MATERIALIZED (
    SELECT m.pass_name, m.model, m.best, m.author_id, m.decided_at, m.risk, m.replaced, m.audio_ms,
           coalesce(m.processing_ms, 0) AS ms, s.id AS segment_id, s.recording_id, s.start_ms, s.speaker,
           coalesce(nullif(s.language, ''), nullif(r.language, ''), %(language)s) AS language,
           m.substitutions, m.deletions, m.insertions, m.words,
           m.substitutions + m.deletions + m.insertions AS errors,
           m.character_substitutions, m.character_deletions, m.character_insertions, m.characters,
           m.character_substitutions + m.character_deletions + m.character_insertions AS character_errors
      FROM annotation_machinescore m
      JOIN annotation_segment s ON s.id = m.segment_id AND s.revision = m.revision
           AND s.retired_at IS NULL AND s.state IN ('corrected', 'accepted')
      JOIN annotation_recording r ON r.id = s.recording_id AND r.trashed_at IS NULL
     WHERE m.project_id = %(project)s
       AND (%(since)s::timestamptz IS NULL OR m.decided_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR m.decided_at < %(until)s)
       AND (%(author)s::bigint IS NULL OR m.author_id = %(author)s)
       AND (%(model)s::text IS NULL OR m.model = %(model)s)
       AND (%(recording)s::bigint IS NULL OR s.recording_id = %(recording)s)
)
"""
REVIEWED: Final = """
scored AS (
    SELECT '' AS pass_name, '' AS model, true AS best, m.author_id, m.decided_at, m.reviewer_id,
           s.end_ms - s.start_ms AS audio_ms, s.id AS segment_id, s.recording_id, s.speaker,
           m.substitutions, m.deletions, m.insertions, m.words,
           m.substitutions + m.deletions + m.insertions AS errors,
           m.character_substitutions, m.character_deletions, m.character_insertions, m.characters,
           m.character_substitutions + m.character_deletions + m.character_insertions AS character_errors
      FROM annotation_reviewscore m
      JOIN annotation_segment s ON s.id = m.segment_id AND s.revision = m.revision
           AND s.retired_at IS NULL AND s.state = 'accepted'
      JOIN annotation_recording r ON r.id = s.recording_id AND r.trashed_at IS NULL
     WHERE m.project_id = %(project)s
       AND (%(since)s::timestamptz IS NULL OR m.decided_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR m.decided_at < %(until)s)
       AND (%(author)s::bigint IS NULL OR m.author_id = %(author)s)
       AND (%(recording)s::bigint IS NULL OR s.recording_id = %(recording)s)
)
"""
