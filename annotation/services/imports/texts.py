"""Texts that came with a table: revisions, what a first pass heard, and gold that nobody is to see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from annotation.models import (
    Decoding,
    Gold,
    Hypothesis,
    Import,
    ImportRow,
    Recording,
    Revision,
    Segment,
    User,
)
from annotation.services.clock import ClockTimestamp
from annotation.services.imports.copying import copy_in
from annotation.states import DecodingState, Pass, Source
from transcription.types import DecodingOptions

MODEL: Final = "import"
"""What stands for the model where a text came with a table."""


def gold_in(parent: Import, row: ImportRow) -> str | None:
    """Return what a row says is truly spoken, where the corrections of an import are gold; else None.

    Then the row keeps what the machine heard, and people are scored by it. A locked row is met by nobody.
    """
    return row.correction if parent.options.get("corrections") == "gold" and not row.locked else None


def keep_gold(parent: Import, made: Sequence[tuple[ImportRow, Segment]]) -> None:
    """Make gold of new segments whose rows say what is truly spoken."""
    texts = [(segment, gold_in(parent, row)) for row, segment in made]
    copy_in(
        [
            Gold(project_id=parent.project_id, segment=segment, text=text, author=parent.created_by)
            for segment, text in texts
            if text is not None
        ]
    )


def revision_of(segment: Segment, number: int, text: str, author: User | None = None) -> Revision:
    """Return a revision that is not written yet: a person's, or the table's where it has no author."""
    return Revision(
        segment=segment, number=number, base=number - 1, text=text, author=author,
        source=Source.IMPORT if author is None else Source.HUMAN, model=MODEL if author is None else "",
    )  # fmt: skip


def keep_heard(parent: Import, recording: Recording, heard: Sequence[tuple[ImportRow, Segment]]) -> None:
    """Keep the texts of a table as what a first pass heard: people's changes are seen beside it."""
    if not heard or parent.job_id is None:
        return
    options = DecodingOptions(language=None)
    decoding = Decoding.objects.create(
        project_id=parent.project_id, recording=recording, job_id=parent.job_id, pass_name=Pass.DRAFT,
        model=MODEL, options={}, options_digest=options.digest(), start_ms=0,
        end_ms=max(1, recording.duration_ms or 0), state=DecodingState.DONE, finished_at=ClockTimestamp(),
    )  # fmt: skip
    copy_in(
        [
            Hypothesis(
                decoding=decoding, segment=segment, pass_name=Pass.DRAFT, model=MODEL, text=row.text,
                words=row.words, signals={},
            )
            for row, segment in heard
        ]
    )  # fmt: skip


def lock_all(segments: Iterable[Segment]) -> None:
    """Lock segments as their `locked_at` and `locked_by` say."""
    for segment in segments:
        Segment.objects.filter(pk=segment.pk, locked=False).update(
            locked=True,
            locked_at=segment.locked_at or ClockTimestamp(),
            locked_by=segment.locked_by,
            unlock_reason="",
            updated_at=ClockTimestamp(),
        )
