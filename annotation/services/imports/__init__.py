"""Imports: existing transcripts with their audio, from a drop of files to segments.

`run` does the jobs; `receiving` is what people do; `checking` the dry run; `committing` and `landing` the
import itself.
"""

from __future__ import annotations

from annotation.errors import Conflict
from annotation.models import Import
from annotation.services.filejobs import ClaimedJob, Tick
from annotation.states import ImportState

__all__ = ["run"]


def run(claimed: ClaimedJob, tick: Tick) -> None:
    """Do a job of an import: check it, or import it, as its state says. For `workers.files`."""
    from annotation.services.imports.checking import check
    from annotation.services.imports.committing import commit

    parent = Import.objects.select_related("project", "created_by", "job").filter(job=claimed.id).first()
    if parent is None:
        raise Conflict("This import was given up, or another job of it has taken over.", code="superseded")
    if parent.state == ImportState.CHECKING:
        check(parent, claimed, tick)
    elif parent.state == ImportState.IMPORTING:
        commit(parent, claimed, tick)
