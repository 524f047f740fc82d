"""Rows whose segment is there: what each would change of it, what people's work forbids, and the change.

What people did here is never lost. Text is written as a new revision; locked, accepted and held rows are
left, and said. A sheet that is older than the segment brings nothing back: a text that a person changed here
since is not news, and what was changed on both sides is for somebody to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from annotation.errors import AnnotationError
from annotation.models import Gold, Import, ImportRow, Lease, Reading, Recording, Revision, Segment
from annotation.services import gold
from annotation.services.clock import ClockTimestamp
from annotation.services.imports.texts import gold_in, keep_heard, lock_all, revision_of
from annotation.states import EDITABLE_SEGMENTS, OPEN_PAIRS, UNTOUCHED_SEGMENTS, SegmentState, Source

Known = Sequence[tuple[ImportRow, Segment]]
TEXTS: Final = frozenset(("correction", "text"))
"""What a row may want changed that is the segment's text."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Say by a code of `faults` and in words why a row changes nothing."""

    code: str
    message: str


LOCKED = Refusal("locked_here", "The segment is locked here and stays as it is. Unlock it first.")
HELD = Refusal("leased_here", "Somebody is editing the segment now. Drop the row again later.")
READ = Refusal(
    "read_twice_here",
    "Two people read the segment without seeing each other's text, and it gets its text from them. Drop the"
    " row again once both have read it and a dispute between them is settled.",
)
ACCEPTED = Refusal("accepted_here", "The segment was accepted here. Have it returned first.")
GONE = Refusal("decided_here", "The account that began this import is gone. Drop the row again.")
QUICKER = Refusal("leased_here", "Somebody changed the segment this moment. Drop the row again.")


class Renewal:
    """Bring segments of one recording up to date with the rows of an import."""

    def __init__(self, parent: Import, recording: Recording, *, ids_are_ours: bool) -> None:
        self.parent, self.recording, self.ids_are_ours = parent, recording, ids_are_ours

    def outcomes(self, known: Known) -> Iterator[tuple[ImportRow, bool | Refusal]]:
        """Change what is to be changed; give each row with whether it changed anything, or why it may not."""
        if not known:
            return
        held = set(
            Lease.objects.filter(
                segment__in=[segment.pk for _, segment in known], expires_at__gt=ClockTimestamp()
            ).values_list("segment_id", flat=True)
        )
        earlier = _earlier_texts(known)
        references = Gold.objects.filter(segment__in=[segment.pk for _, segment in known], withdrawn_at=None)
        self.golden = dict(references.values_list("segment_id", "text"))
        wishes = [(row, segment, self._wanted(row, segment)) for row, segment in known]
        being_read = _being_read([segment.pk for _, segment, wanted in wishes if wanted & TEXTS])
        for row, segment, wanted in wishes:
            is_older = row.version is not None and row.version < segment.revision
            if row.version != segment.revision and {
                (segment.pk, row.correction, version) for version in (None, row.version)
            } & earlier:  # fmt: skip
                wanted.discard("correction")
            if not wanted:
                yield row, False
            elif segment.locked:
                yield row, LOCKED
            elif segment.pk in held:
                yield row, HELD
            elif wanted & TEXTS and segment.pk in being_read:
                yield row, READ
            elif wanted & {"correction", "speaker"} and segment.state not in EDITABLE_SEGMENTS:
                yield row, ACCEPTED
            elif is_older and wanted & {"correction", "text", "speaker"}:
                yield row, _changed(row, segment)
            elif "gold" in wanted and (why := self._make_gold(row, segment)) is not None:
                yield row, why
            elif wanted == {"gold"}:
                yield row, True
            else:
                yield row, self._change(row, segment, wanted) or QUICKER

    def _wanted(self, row: ImportRow, segment: Segment) -> set[str]:
        """Name what a row would change of its segment."""
        wanted = set()
        truth = gold_in(self.parent, row)
        if truth is not None and self.golden.get(segment.pk) != truth:
            wanted.add("gold")
        if row.correction is not None and truth is None:
            if (segment.text, segment.source) != (row.correction, Source.HUMAN):
                wanted.add("correction")
        elif row.text and segment.state in UNTOUCHED_SEGMENTS and segment.text != row.text:
            wanted.add("text")
        if row.external_id and segment.external_id != row.external_id and not self.ids_are_ours:
            wanted.add("external_id")
        for name in ("speaker", "language"):
            if getattr(row, name) and getattr(segment, name) != getattr(row, name):
                wanted.add(name)
        if {**segment.metadata, **row.metadata} != segment.metadata:
            wanted.add("metadata")
        if row.locked and not segment.locked:
            wanted.add("locked")
        return wanted

    def _make_gold(self, row: ImportRow, segment: Segment) -> Refusal | None:
        author = self.parent.created_by
        if author is None:
            return GONE
        try:
            gold.make_gold(user=author, segment=segment, text=row.correction)
        except AnnotationError as error:
            return Refusal("decided_here", error.message)
        return None

    def _change(self, row: ImportRow, segment: Segment, wanted: set[str]) -> bool:
        """Change one segment if it is as it was looked at; False where somebody was quicker."""
        values: dict[str, Any] = {"updated_at": ClockTimestamp()}
        for name in wanted & {"external_id", "speaker", "language"}:
            values[name] = getattr(row, name)
        if "metadata" in wanted:
            values["metadata"] = {**segment.metadata, **row.metadata}
        by_hand = "correction" in wanted
        text = row.correction if by_hand else row.text if "text" in wanted else None
        if text is not None:
            values |= {"text": text, "revision": segment.revision + 1}
            values["source"] = Source.HUMAN if by_hand else Source.IMPORT
            if by_hand:
                values |= {
                    "state": SegmentState.CORRECTED,
                    "annotator": self.parent.created_by,
                    "return_reason": "",
                }
            elif segment.state == SegmentState.PENDING:
                values["state"] = SegmentState.DRAFT
        # Text and lock are two acts: the database refuses a change of a row that is locked.
        rows = Segment.objects.filter(
            pk=segment.pk, revision=segment.revision, state=segment.state, locked=False, retired_at=None
        ).update(**values)
        if not rows:
            return False
        if text is not None:
            segment.revision += 1
            author = self.parent.created_by if by_hand else None
            revision_of(segment, segment.revision, text, author).save(force_insert=True)
        if "text" in wanted:
            keep_heard(self.parent, self.recording, [(row, segment)])
        if "locked" in wanted:
            segment.locked_at, segment.locked_by = row.locked_at, self.parent.created_by
            lock_all([segment])
        return True


def _being_read(segments: Sequence[int]) -> set[int]:
    """Return which of the segments somebody has read blind, and whose text is not settled yet.

    They are locked first, as whoever reads locks them: a reading that is on its way is waited for.
    """
    rows = Segment.objects.filter(pk__in=segments).order_by("pk")
    held = list(rows.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
    read = Reading.objects.filter(segment__in=held, pair__state__in=OPEN_PAIRS)
    return set(read.values_list("segment_id", flat=True))


def _earlier_texts(known: Known) -> set[tuple[int, str | None, int | None]]:
    """Return the texts that segments had before the one they have, where a row has another.

    Each with its number; those that people wrote also without one, for sheets that say no version.
    """
    current = {
        segment.pk: segment.revision
        for row, segment in known
        if row.correction is not None and row.correction != segment.text
    }
    rows = Revision.objects.filter(segment__in=current)
    found: set[tuple[int, str | None, int | None]] = set()
    for pk, number, text, source in rows.values_list("segment_id", "number", "text", "source"):
        if number < current[pk]:
            found.add((pk, text, number))
            if source == Source.HUMAN:
                found.add((pk, text, None))
    return found


def _changed(row: ImportRow, segment: Segment) -> Refusal:
    return Refusal(
        "changed_here",
        f"The segment was changed here after version {row.version} was exported; its text is now"
        f" “{segment.text[:200]}”. Look at both, then empty the row's version to have the row win.",
    )
