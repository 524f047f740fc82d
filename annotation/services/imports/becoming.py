"""Rows of a table and the segments they become: found, made, brought up to date or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import F, Func, JSONField, Value

from annotation.models import Import, ImportRow, Recording, Segment
from annotation.services import assignments, cuts
from annotation.services.clock import ClockTimestamp
from annotation.services.imports import faults
from annotation.services.imports.columns import plain
from annotation.services.imports.copying import copy_in
from annotation.services.imports.renewing import Refusal, Renewal
from annotation.services.imports.texts import gold_in, keep_gold, keep_heard, lock_all, revision_of
from annotation.states import AS_IMPORTED, UNTOUCHED_SEGMENTS, ImportRowState, SegmentState, Source
from transcription.types import Span


@dataclass(slots=True)
class Landed:
    """Count what became of rows."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    refused: int = 0
    to_transcribe: bool = False
    taken: set[tuple[int, int, int]] = field(default_factory=set)
    """Channel, start and end of the segments that rows were for: each is one row's."""


class Batch:
    """Take rows of one recording, all looked up together and written together.

    A row whose segment is there (the same id, or the same times in the same audio) brings it up to date or is
    passed over, as the person chose; so the same table twice changes nothing. What people did here is never
    lost: text is written as a new revision, locked rows and rows in somebody's hands are left, and said.
    """

    def __init__(self, parent: Import, recording: Recording, landed: Landed) -> None:
        self.parent, self.recording, self.landed = parent, recording, landed
        self.update = parent.options.get("on_known") != "skip"
        self.length = recording.duration_ms or 0
        self.refused: list[ImportRow] = []

    def take(self, rows: Sequence[ImportRow]) -> None:
        by_id, by_span = self._look_up(rows)
        known: list[tuple[ImportRow, Segment]] = []
        fresh: list[tuple[ImportRow, int, int]] = []
        for row in rows:
            start, end = (0, self.length) if row.start_ms is None else (row.start_ms, row.end_ms or 0)
            if end > self.length + faults.TOLERANCE_MS or start >= self.length:
                self._refuse(row, "past_end", f"It ends at {end} ms, and the audio is {self.length} ms long.")
                continue
            end = min(end, self.length)
            mine = by_id.get(row.external_id) if row.external_id else None
            there = mine or _of_speaker(by_span.get((start, end), ()), row.speaker)
            if mine is not None and (mine.recording_id, mine.start_ms, mine.end_ms) != (
                self.recording.pk,
                start,
                end,
            ):
                self._refuse(
                    row, "id_elsewhere",
                    f"The id “{row.external_id}” is another segment's: {mine.start_ms} to {mine.end_ms} ms"
                    + ("" if mine.recording_id == self.recording.pk else " of another recording")
                    + ". Give the row another id, or the same times.",
                )  # fmt: skip
                continue
            place = (there.channel if there is not None else 0, start, end)
            if place in self.landed.taken:
                self._refuse(
                    row, "same_span",
                    f"Another row has the same times in the same audio, from {start} to {end} ms. Leave one"
                    " out, or mend its times.",
                )  # fmt: skip
                continue
            self.landed.taken.add(place)
            if there is not None:
                known.append((row, there))
            elif row.start_ms is None and self._is_cut_by_machine(row):
                self._describe_whole(row)
            else:
                fresh.append((row, start, end))
        self._add(fresh)
        self._renew(known)
        self._ask(rows)
        ImportRow.objects.bulk_update(self.refused, ("state", "faults"), batch_size=500)
        gone = {row.pk for row in self.refused}
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM annotation_importrow WHERE id = ANY(%s)",
                [[r.pk for r in rows if r.pk not in gone]],
            )
        self.landed.refused += len(self.refused)

    def _ask(self, rows: Sequence[ImportRow]) -> None:
        refused = {row.pk for row in self.refused}
        people = {row.assignee_id for row in rows if row.assignee_id and row.pk not in refused}
        if people:
            assignments.ask(recording=self.recording, people=people, by=self.parent.created_by)

    def _renew(self, known: Sequence[tuple[ImportRow, Segment]]) -> None:
        if not self.update:
            self.landed.skipped += len(known)
            return
        renewal = Renewal(self.parent, self.recording, ids_are_ours=self._ids_are_ours())
        for row, outcome in renewal.outcomes(known):
            if isinstance(outcome, Refusal):
                self._refuse(row, outcome.code, outcome.message)
            else:
                self.landed.updated += outcome
                self.landed.unchanged += not outcome

    def _look_up(
        self, rows: Sequence[ImportRow]
    ) -> tuple[dict[str, Segment], dict[tuple[int, int], list[Segment]]]:
        ids = {row.external_id for row in rows if row.external_id}
        mine = Segment.objects.filter(project_id=self.parent.project_id)
        by_id = {segment.external_id: segment for segment in mine.filter(external_id__in=ids)}
        ours = [int(value) for value in ids - set(by_id) if value.isdecimal() and len(value) < 19]
        if ours and self._ids_are_ours():
            by_id |= {str(segment.pk): segment for segment in mine.filter(pk__in=ours, external_id="")}
        first = min((row.start_ms or 0 for row in rows), default=0)
        near = Segment.objects.filter(recording=self.recording, start_ms__gte=first)
        if all(row.end_ms is not None for row in rows):
            near = near.filter(start_ms__lte=max(row.start_ms or 0 for row in rows))
        by_span: dict[tuple[int, int], list[Segment]] = {}
        for segment in near.order_by("channel"):
            by_span.setdefault((segment.start_ms, segment.end_ms), []).append(segment)
        return by_id, by_span

    def _ids_are_ours(self) -> bool:
        headers = {str(column["field"]): str(column["header"]) for column in self.parent.columns}
        return plain(headers.get("id", "")) == "segment_id"

    def _refuse(self, row: ImportRow, code: str, message: str) -> None:
        row.state = ImportRowState.FAULTY
        row.faults = [*row.faults, [code, message]]
        self.refused.append(row)

    # -- Rows that are new -----------------------------------------------------------------------------------

    def _is_cut_by_machine(self, row: ImportRow) -> bool:
        """Tell whether a row for a whole file without text leaves its cutting to us: it is too long."""
        wordless = not row.text and row.correction is None
        return wordless and self.length > faults.LONGEST_MS and self.recording.segmentation != AS_IMPORTED

    def _describe_whole(self, row: ImportRow) -> None:
        """Give what a row says of a whole file to the segments that were cut from it."""
        is_new = self.recording.created_at >= self.parent.created_at
        if not is_new and not self.update:
            self.landed.skipped += 1
            return
        rows = Segment.objects.filter(recording=self.recording, locked=False, external_id="")
        rows = rows.exclude(state=SegmentState.ACCEPTED)
        said = dict(row.metadata)
        if row.external_id:
            said[file_id_header(self.parent)] = row.external_id
        changed = rows.exclude(metadata__contains=said).update(
            metadata=Func(
                F("metadata"), Value(said, JSONField()), template="%(expressions)s", arg_joiner=" || "
            ),
            updated_at=ClockTimestamp(),
        )
        for name in ("speaker", "language"):
            if value := getattr(row, name):
                changed += rows.filter(**{name: ""}).update(**{name: value}, updated_at=ClockTimestamp())
        if is_new:
            self.landed.added += 1
        else:
            self.landed.updated += bool(changed)
            self.landed.unchanged += not changed

    def _add(self, rows: Sequence[tuple[ImportRow, int, int]]) -> None:
        rows = self._without_overlaps(rows)
        if not rows:
            return
        made = [(row, self._segment(row, start, end)) for row, start, end in rows]
        copy_in([segment for _, segment in made])
        self._write_texts(made)
        lock = [segment for row, segment in made if row.locked]
        for row, segment in made:
            if row.locked:
                segment.locked, segment.locked_at, segment.locked_by = (
                    True,
                    row.locked_at,
                    self.parent.created_by,
                )
        lock_all(lock)
        self.landed.added += len(made)
        self.landed.to_transcribe |= any(segment.state == SegmentState.PENDING for _, segment in made)

    def _without_overlaps(
        self, rows: Sequence[tuple[ImportRow, int, int]]
    ) -> list[tuple[ImportRow, int, int]]:
        """Refuse rows that lie over what people have there; retire what machines cut under the others."""
        if not rows:
            return []
        first, last = min(start for _, start, _ in rows), max(end for *_, end in rows)
        there = Segment.objects.filter(recording=self.recording, start_ms__lt=last, end_ms__gt=first)
        by_machine = there.filter(state__in=UNTOUCHED_SEGMENTS, locked=False, external_id="")
        may_retire = by_machine.exclude(source=Source.IMPORT).exists()
        if may_retire:
            cuts.hold(self.recording.pk)
        ours = list(
            cuts.kept(there).order_by("start_ms").values_list("start_ms", "end_ms", "speaker", "source")
        )
        kept = []
        for row, start, end in rows:
            over = next(
                (
                    (s, e) for s, e, speaker, source in ours
                    if s < end - faults.ROUNDING_MS and e > start + faults.ROUNDING_MS
                    and not (source == Source.IMPORT and speaker != row.speaker)
                ),
                None,
            ) if ours else None  # fmt: skip
            if over is None or "overlap" in _accepted(self.parent):
                kept.append((row, start, end))
            else:
                self._refuse(
                    row, "overlaps_existing",
                    f"From {over[0]} to {over[1]} ms there is a segment already that came from a person or a"
                    " table. Mend the times, or give the row that segment's id and times.",
                )  # fmt: skip
        spans = [Span(start, end) for _, start, end in kept]
        if may_retire and cuts.retire_under(self.recording.pk, spans):
            cuts.drop_decodings(self.recording.pk)
        return kept

    def _segment(self, row: ImportRow, start: int, end: int) -> Segment:
        corrected = self._is_corrected(row)
        source = Source.HUMAN if corrected else Source.IMPORT if row.text else ""
        state = (
            SegmentState.CORRECTED if corrected else SegmentState.DRAFT if row.text else SegmentState.PENDING
        )
        return Segment(
            project_id=self.parent.project_id,
            recording=self.recording,
            start_ms=start,
            end_ms=end,
            speaker=row.speaker,
            language=row.language,
            state=state,
            text=(row.correction or "") if corrected else row.text,
            revision=int(bool(row.text)) + int(corrected),
            source=source,
            annotator=self.parent.created_by if corrected else None,
            external_id=row.external_id,
            metadata=row.metadata,
        )

    def _is_corrected(self, row: ImportRow) -> bool:
        return row.correction is not None and gold_in(self.parent, row) is None

    def _write_texts(self, made: Sequence[tuple[ImportRow, Segment]]) -> None:
        revisions = []
        for row, segment in made:
            if row.text:
                revisions.append(revision_of(segment, 1, row.text))
            if row.correction is not None and self._is_corrected(row):
                revisions.append(
                    revision_of(segment, segment.revision, row.correction, self.parent.created_by)
                )
        copy_in(revisions)
        keep_heard(self.parent, self.recording, [(row, segment) for row, segment in made if row.text])
        keep_gold(self.parent, made)


def _of_speaker(segments: Sequence[Segment], speaker: str) -> Segment | None:
    """Return which of the segments with the same times a row is for: of several channels its speaker's."""
    return next((s for s in segments if s.speaker == speaker), next(iter(segments), None))


def file_id_header(parent: Import) -> str:
    """Name the column that gives the id of a whole file back: its segments have their own."""
    header = next((column["header"] for column in parent.columns if column["field"] == "id"), "id")
    return f"{header} (file)"


def _accepted(parent: Import) -> frozenset[str]:
    return frozenset(parent.options.get("accept") or ())
