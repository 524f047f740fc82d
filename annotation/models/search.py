"""What search looks through: the folded texts of each segment, kept by the database itself."""

from __future__ import annotations

from typing import Any

from django.db import models

from annotation.models.projects import Project
from annotation.models.recordings import Recording
from annotation.models.segments import Segment


class StemsField(models.Field):  # type: ignore[type-arg]
    """Hold a `tsvector`; written and compared by the database alone."""

    def db_type(self, connection: Any) -> str:
        """Return the column's type."""
        return "tsvector"


class SearchText(models.Model):
    """Hold what is written and what was heard in one live segment, as search compares it.

    Written by triggers of `annotation_segment` and `annotation_hypothesis` (migration `search_and_trash`) and
    by nothing else, so no code path can leave it behind. Its one GIN index holds, of each row, the groups of
    three neighbouring characters of both texts, the stems of its words, and the project. That finds parts of
    words and scripts without spaces, for which `pg_trgm` would be needed otherwise.
    """

    segment = models.OneToOneField(Segment, primary_key=True, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    recording = models.ForeignKey(
        Recording, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    text = models.TextField()
    """The current text in lower case, every run of white space as one blank."""
    heard = models.TextField()
    """What machines heard where it differs from the current text, a version a line."""
    stems = StemsField()
    """Stems of the words of both, in the segment's language; empty where no stemmer knows the language."""

    class Meta:
        indexes = (
            models.Index("project", models.F("recording").desc(), "segment", name="searchtext_by_project"),
            models.Index(models.F("recording").desc(), "segment", name="searchtext_newest_first"),
        )

    def __str__(self) -> str:
        return self.text[:60]
