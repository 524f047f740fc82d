"""Exports: a project's rows streamed as they are, and frozen versions of a dataset in twenty formats."""

from __future__ import annotations

from annotation.services.exports.streamed import COLUMNS, FORMATS, batches, escape, export, unescape

__all__ = ["COLUMNS", "FORMATS", "batches", "escape", "export", "unescape"]
