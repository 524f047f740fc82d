"""The database's clock, for services; reads have it from `annotation.clock`, too."""

from __future__ import annotations

from annotation.clock import ClockTimestamp, in_seconds

__all__ = ["ClockTimestamp", "in_seconds"]
