"""Exports: a project's rows streamed as they are, and frozen versions of a dataset in twenty formats."""

from __future__ import annotations

from annotation.services.exports.asking import request
from annotation.services.exports.streamed import FORMATS, export
from annotation.services.filejobs import ClaimedJob, Tick

__all__ = ["FORMATS", "export", "request", "run"]


def run(claimed: ClaimedJob, tick: Tick) -> None:
    """Do the export of a claimed job; see `running.run`."""
    # What writes the formats is loaded by workers alone.
    from annotation.services.exports import running

    running.run(claimed, tick)
