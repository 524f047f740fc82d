"""Turn the filters of a question into conditions on `segment` and `recording`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from annotation.permissions import Person
from annotation.search.grams import fold, gram_query, like
from annotation.search.query import OPEN, Compared, Query
from annotation.states import DONE_SEGMENTS

#: Newest of the best pass: `refine` sorts after `draft`.
MACHINE_TEXT: Final = """(
    SELECT heard.text FROM annotation_hypothesis AS heard WHERE heard.segment_id = segment.id
     ORDER BY heard.pass_name DESC, heard.id DESC LIMIT 1)"""


def conditions_of(query: Query, person: Person, values: dict[str, Any]) -> tuple[str, Sequence[str]]:
    """Return the condition in SQL, its values put into `values`, and what the index can be asked for it."""
    found: list[str] = ["segment.retired_at IS NULL"]
    indexed: list[str] = []

    def named(name: str, value: Any) -> str:
        key = f"{name}{len(values)}"
        values[key] = value
        return f"%({key})s"

    for part in query.recordings:
        # Names the index of names can find at once; it is asked first where it narrows most.
        grams, pattern = named("grams", gram_query(fold(part))), named("name", like(fold(part)))
        found.append(
            "recording.id IN (SELECT id FROM annotation_recording WHERE"
            f" annotation_grams(annotation_fold(name)) @@ {grams}::tsquery"
            f" AND annotation_fold(name) LIKE {pattern})"
        )
    if query.speakers:
        found.append(
            f"lower(segment.speaker) = ANY ({named('speakers', [s.lower() for s in query.speakers])})"
        )
    found += _statuses(query.statuses, named)
    for bound in query.risk:
        found.append(f"segment.risk {bound.operator} {named('risk', bound.value)}")
    for bound in query.conf:
        turned = _turned(bound)
        found.append(f"segment.risk {turned.operator} {named('risk', turned.value)}")
    if query.changed is not None:
        by_hand = ", ".join(f"'{state}'" for state in DONE_SEGMENTS)
        found.append(f"(segment.source = 'human' OR segment.state IN ({by_hand}))")
        same = "=" if not query.changed else "<>"
        found.append(f"segment.text {same} coalesce({MACHINE_TEXT}, '')")
    for tag in query.tags:
        folded = fold(tag)
        whole, part = named("tag", like(f"[{folded}]")), named("tag", like(f"[{folded}:"))
        found.append(
            f"(annotation_fold(segment.text) LIKE {whole} OR annotation_fold(segment.text) LIKE {part})"
        )
        indexed.append(f"({gram_query(f'[{folded}')})")
    if query.by:
        name = person.get_username() if query.by == "me" else query.by
        found.append(
            "segment.annotator_id IN (SELECT id FROM annotation_user WHERE lower(username) ="
            f" {named('by', name.lower())})"
        )
    if query.language:
        # As the checks of its text take it: the recording's, its project's, or what was heard.
        found.append(
            "coalesce(nullif(recording.language, ''), nullif((SELECT language FROM annotation_project"
            " WHERE id = segment.project_id), ''), nullif(segment.language, ''), recording.detected_language)"
            f" = {named('language', query.language)}"
        )
    return " AND ".join(found), indexed


def _turned(bound: Compared) -> Compared:
    """Return a bound on the confidence as one on the risk, which is what is left of one."""
    return Compared({"<": ">", "<=": ">=", ">": "<", ">=": "<="}[bound.operator], round(1 - bound.value, 6))


def _statuses(names: Sequence[str], named: Any) -> list[str]:
    found = []
    states = {name for name in names if name not in ("open", "locked", "unlocked")}
    if "open" in names:
        states |= set(OPEN)
        found.append("NOT segment.locked")
    if states:
        found.append(f"segment.state = ANY ({named('states', sorted(states))})")
    if "locked" in names:
        found.append("segment.locked")
    if "unlocked" in names:
        found.append("NOT segment.locked")
    return found
