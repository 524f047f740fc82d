"""Composition root: options, settings, urls, processes. Nothing else in the repository imports it."""
