"""Exports: a project's rows streamed as they are, and frozen versions of a dataset in twenty formats."""

from __future__ import annotations

from annotation.services.exports.asking import request
from annotation.services.exports.streamed import COLUMNS, FORMATS, batches, escape, export, unescape
from annotation.services.filejobs import ClaimedJob, Tick

__all__ = ["COLUMNS", "FORMATS", "batches", "escape", "export", "request", "run", "unescape"]


def run(claimed: ClaimedJob, tick: Tick) -> None:
    """Do the export of a claimed job; see `running.run`."""
    # What writes the formats is loaded by workers alone.
    from annotation.services.exports import running

    running.run(claimed, tick)
