"""Tests of what `tools/` ships."""
